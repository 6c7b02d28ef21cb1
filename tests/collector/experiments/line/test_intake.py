"""A look at the own line went to no target."""

from __future__ import annotations

from balise_collector.experiments.line.intake import destination
from tests.testbed.cases import Case


def test_a_line_check_goes_to_no_target(case: Case) -> None:
    """Nothing of it can contradict one."""
    went = destination(case.line())
    assert (went.named, went.port, str(went)) == (False, None, "?")
