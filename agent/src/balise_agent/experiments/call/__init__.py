"""Experiment ``call``: do packets in the shape of a voice call get through, each way? See docs/experiments/call.md."""
