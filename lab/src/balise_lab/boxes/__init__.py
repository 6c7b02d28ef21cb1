"""Everything a timeline can start: the middleboxes of a censor, and the ordinary faults of an internet.

One file a kind, or a family of kinds that differ in little. Each ends with ``KINDS``: a record for each word, with all
that the scenario language and the machine know of it. A file put here is found by itself (`engine.registry`); nothing
else in the tree is edited. Must not live here: the machine that carries kinds out (`engine`).
"""
