"""What sinks are told of quic."""

from __future__ import annotations

from balise_collector.experiments.quic.points import POINTS
from tests.collector.experiments.quic.trials import greeting


def test_the_first_answer_has_a_time() -> None:
    """Milliseconds, by the name that all experiments use for a round trip."""
    assert POINTS.fields(greeting()) == {"rtt_ms": 80.0}
    assert POINTS.fields(greeting(end="silent")) == {"rtt_ms": None}
