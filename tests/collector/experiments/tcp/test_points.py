"""What sinks are told of SYNs."""

from __future__ import annotations

from balise_collector.experiments.tcp.points import POINTS
from tests.testbed.cases import Case


def test_the_round_trip_is_told(case: Case) -> None:
    """Roll-ups take its median and its tail."""
    assert POINTS.fields(case.syns(2, rtt_ms=12.0)) == {"rtt_ms": 12.0}
    assert (POINTS.times, POINTS.tails) == (("rtt_ms",), ("rtt_ms",))
