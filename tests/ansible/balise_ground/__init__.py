"""The ground of `make ansible-test`: machines that boot a real systemd in namespaces, on a network of their own.

Lives here: building their root file system, starting and stopping them, the network between them, a server they may
measure, and the course that applies the playbooks to them and looks from outside whether the chain works. Must not
live here: anything a role should do by itself, or anything of agent and collector: they are programs on the machines.
"""
