"""Experiment ``stun``: does a binding request get an answer from this call server? See docs/experiments/stun.md."""
