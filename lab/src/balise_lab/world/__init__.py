"""The lab's internet: which places there are, with which addresses and routes, and the kernel's namespaces for them.

Lives here: the layout that is asked for and the topology that is built of it (pure); namespaces and the programs that
run inside them. Must not live here: servers (counterparts), boxes, or time.
"""
