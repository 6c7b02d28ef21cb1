"""Experiment ``line``: is the probe's own connection well in this minute? See docs/experiments/line.md."""
