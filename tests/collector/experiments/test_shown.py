"""What an experiment that says nothing of itself shows."""

from __future__ import annotations

from balise_collector.experiments import EVIDENCE
from balise_collector.experiments.shown import Simple
from balise_collector.system.sentences import gettext_noop
from balise_wire.trial import Trial
from balise_wire.words import Arm


def test_nothing_is_public_that_does_not_say_so() -> None:
    """A new experiment's trials are the operator's until somebody has thought of who could be found by them."""
    assert Simple.public is False
    assert {word.value for word, evidence in EVIDENCE.items() if not evidence.public} == {"line", "path"}


def test_the_usual_answers_are_none() -> None:
    """Its failure says how a trial ended, and its packets are what is shown."""
    usual: Simple[Trial] = Simple()
    one = Trial(arm=Arm.SUBJECT, at=0.0)
    usual.beside([one])
    assert usual.also(one, gettext_noop) == []
    assert usual.answers(one, None, gettext_noop) == ()
    assert usual.outcome(one, "", (), gettext_noop) is None
    assert usual.public_answers(one, None, gettext_noop) is None
    assert usual.arm_in_public(one, "subject", gettext_noop) == "subject"
