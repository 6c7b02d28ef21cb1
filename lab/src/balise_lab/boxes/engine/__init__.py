"""The machine that carries boxes out: classify -> mark -> enforce.

`kind`, `setting` and `box` are the vocabulary, `registry` finds the kinds, `classify` and `forge` think about bytes,
`placement`, `flows` and `rules` write the kernel's rules, `nfqueue` talks to the kernel, `run` is the program of one
box, `counters` what it counted. It knows no kind by its word. A box that dies lets traffic pass.
"""
