"""Experiment ``path``: where on the way is a name cut? See docs/experiments/path.md."""
