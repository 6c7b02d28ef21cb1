"""What sinks are told of a question."""

from __future__ import annotations

from balise_collector.experiments.dns.points import POINTS
from tests.testbed.cases import Case


def test_the_first_answer_has_a_time_and_silence_has_none(case: Case) -> None:
    """What is not known is left out, never zero."""
    two = case.asked(case.answer("192.0.2.1", rtt_ms=12.0), case.answer("192.0.2.2", rtt_ms=40.0))
    assert POINTS.fields(two) == {"answers": 2, "dns_ms": 12.0}
    assert POINTS.fields(case.asked()) == {"answers": 0, "dns_ms": None}
