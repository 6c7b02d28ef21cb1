"""What a look at the line shows."""

from __future__ import annotations

from balise_collector.experiments.line.facts import facts
from balise_collector.judge import Context
from balise_wire.experiments.line import ControlResult
from balise_wire.failures import Failure
from balise_wire.words import Scope
from tests.testbed.cases import Case


def test_controls_are_counted_by_their_side_of_the_border(case: Case) -> None:
    """A line is dead only by what was asked of it."""
    found = facts(case.measured(case.line(home=2, away=3, alive=1)), Context(probe="pk000001"))
    assert (found.domestic, found.domestic_ok, found.international, found.international_ok) == (2, 1, 3, 0)
    assert found.silent, "a control that gave no answer is silence, and a limited board may have lost it"


def test_controls_that_failed_without_a_word_are_our_own_failure(case: Case) -> None:
    """Such a control says nothing of the line."""
    unknown = (ControlResult(name="a", scope=Scope.DOMESTIC, failure=Failure.UNKNOWN),)
    found = facts(case.measured(case.line(controls=unknown)), Context(probe="pk000001"))
    assert (found.own_failure, found.seen) == (True, False)
