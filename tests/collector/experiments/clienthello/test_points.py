"""What sinks are told of clienthello."""

from __future__ import annotations

from balise_collector.experiments.clienthello.points import POINTS
from tests.collector.experiments.clienthello.trials import SILENCE, hello


def test_a_connection_and_an_answer_have_times() -> None:
    """Milliseconds, by the names that all experiments use; no answer has none."""
    assert POINTS.fields(hello(elapsed_ms=65.0)) == {"connect_ms": 40.0, "handshake_ms": 25.0}
    assert POINTS.fields(hello(failure=SILENCE)) == {"connect_ms": 40.0}
