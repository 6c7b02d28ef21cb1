"""The middleboxes and the ordinary faults of the lab: classify -> mark -> enforce.

`spec` is the vocabulary, `classify` and `forge` think about bytes, `enforce` writes the kernel's rules, `nfqueue` talks
to the kernel, `run` is the program of one box, `counters` what it counted. A box that dies lets traffic pass.
"""
