"""Where a question went, as its task is held against it."""

from __future__ import annotations

from balise_collector.experiments.dns.intake import destination
from tests.testbed.cases import HOST, Case


def test_a_question_shows_its_name_and_no_port(case: Case) -> None:
    """The resolver is the line's: only the name can contradict the target."""
    went = destination(case.asked())
    assert (went.named, went.name, went.address, went.port) == (True, HOST, "", None)
    assert str(went) == repr(HOST)
