"""Experiment ``dns``: what do the provider's resolver and others say of this name? See docs/experiments/dns.md."""
