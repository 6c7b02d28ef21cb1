"""Experiment ``http``: who answers a GET for this Host, with what, and how fast? See docs/experiments/http.md."""
