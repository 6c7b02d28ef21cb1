"""Experiment ``tls``: does a hello with this name get any byte back from this address? See docs/experiments/tls.md."""
