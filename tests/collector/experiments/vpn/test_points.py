"""What sinks are told of vpn."""

from __future__ import annotations

from balise_collector.experiments.vpn.points import POINTS
from tests.collector.experiments.vpn.trials import handshake


def test_a_handshake_has_a_round_trip_and_its_rounds() -> None:
    """Milliseconds, and rounds; nothing where nothing was sent."""
    assert POINTS.fields(handshake()) == {"rtt_ms": 80.0, "rounds": 3, "rounds_answered": 3}
    assert POINTS.fields(handshake(end="cut"))["rounds_answered"] == 1
    assert set(POINTS.fields(handshake(end="none")).values()) == {None}
