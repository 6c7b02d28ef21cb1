"""What sinks are told of call."""

from __future__ import annotations

from balise_collector.experiments.call.points import POINTS
from tests.collector.experiments.call.trials import train


def test_a_train_has_a_round_trip_and_its_losses() -> None:
    """Milliseconds, and packets that left and came back; nothing where nothing was sent."""
    assert POINTS.fields(train()) == {"rtt_ms": 80.0, "jitter_ms": 2.0, "packets_sent": 150, "packets_back": 150}
    assert POINTS.fields(train(end="up"))["packets_back"] == 30
    assert set(POINTS.fields(train(end="no token")).values()) == {None}
