"""What sinks are told of stun."""

from __future__ import annotations

from balise_collector.experiments.stun.points import POINTS
from tests.collector.experiments.stun.trials import binding


def test_the_first_answer_has_a_time() -> None:
    """Milliseconds, by the name that all experiments use for a round trip."""
    assert POINTS.fields(binding()) == {"rtt_ms": 80.0}
    assert POINTS.fields(binding(end="silent")) == {"rtt_ms": None}
