"""Experiment ``tcp``: does this address answer a SYN on this port? See docs/experiments/tcp.md."""
