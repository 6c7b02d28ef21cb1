"""What sinks are told, over all experiments."""

from __future__ import annotations

from balise_collector.experiments import POINTS


def test_tails_are_times() -> None:
    """A percentile is of something that roll-ups take the median of."""
    for word, points in POINTS.items():
        assert set(points.tails) <= set(points.times), word
