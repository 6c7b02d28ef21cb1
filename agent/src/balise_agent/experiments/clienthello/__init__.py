"""Experiment ``clienthello``: which forms of a ClientHello get through? See docs/experiments/clienthello.md."""
