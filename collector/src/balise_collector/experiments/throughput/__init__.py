"""Experiment ``throughput``: how fast do a name's bytes move? See docs/experiments/throughput.md."""
