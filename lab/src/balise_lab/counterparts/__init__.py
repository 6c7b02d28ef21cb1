"""The servers of the lab's internet, by the protocol that they speak: what an experiment finds at the other end.

One file a protocol, or a family of one program: it ends with ``COUNTERPART``, a record of the experiments that find an
answer there, of the servers that a topology needs, and of what a target says to those experiments. A file put here is
found by itself (`engine.registry`); nothing else in the tree is edited. Must not live here: starting them (run.lab).
"""
