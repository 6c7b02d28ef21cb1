"""How a board that nobody knows becomes a probe: tokens, the decision, the desk that acts on it, and the listener.

    listener (HTTPS) -> desk (registry and authority, one transaction) -> decision (pure)
                                                                       -> tokens (rows of fleet.sqlite)

``ids``, ``decision``, ``rate`` and ``labels`` think; the others touch. Must not live here: certificates (authority/),
what a probe may send once it is in (validate.py).
"""
