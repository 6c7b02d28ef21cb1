"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

from balise_collector.experiments.line.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Scope


def test_controls_without_an_answer_are_named_to_the_operator_alone() -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict; its line is not public."""
    one = LineObservation(
        arm=Arm.SUBJECT,
        at=0.0,
        controls=(
            ControlResult(name="one", scope=Scope.DOMESTIC, failure=Failure.GENERIC_TIMEOUT),
            ControlResult(name="two", scope=Scope.DOMESTIC),
        ),
    )
    assert EVIDENCE.also(one, gettext_noop) == ["without an answer: one"]
    assert EVIDENCE.told(one, gettext_noop)[1] == "1 of 2 controls answered"
    assert not EVIDENCE.public
