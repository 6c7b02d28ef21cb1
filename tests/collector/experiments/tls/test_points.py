"""What sinks are told of a greeting."""

from __future__ import annotations

from balise_collector.experiments.tls.points import POINTS
from tests.testbed.cases import Case


def test_a_handshake_has_a_time_only_where_it_came_about(case: Case) -> None:
    """Until a time-out there is nothing to measure; a clock that was set makes no negative time."""
    assert POINTS.fields(case.hello(elapsed_ms=100.0)) == {"connect_ms": 40.0, "handshake_ms": 60.0}
    assert POINTS.fields(case.hello(elapsed_ms=10.0))["handshake_ms"] == 0.0
    assert POINTS.fields(case.hello(end="silence")) == {"connect_ms": 40.0}
