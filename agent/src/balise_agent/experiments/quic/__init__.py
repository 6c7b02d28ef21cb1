"""Experiment ``quic``: does QUIC's first packet with this name get an answer? See docs/experiments/quic.md."""
