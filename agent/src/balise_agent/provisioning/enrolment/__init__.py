"""How this board becomes a probe with a certificate, and keeps one.

``request`` and ``decide`` think: the bytes of a request, what an answer means, what is in the way, how long to wait.
``files`` keeps what was learned, ``visit`` carries out one attempt on the reactor, ``attempts`` makes them one after
the other, ``loop`` does so until the board is a probe, ``renewal`` again in time. No packet leaves before the host
agreed.
"""
