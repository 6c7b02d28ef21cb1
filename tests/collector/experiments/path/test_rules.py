"""A path shows where, not whether."""

from __future__ import annotations

from balise_collector.conclude.judgement import judge
from balise_collector.judge import Context, VerdictState
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.words import Arm, Experiment
from tests.testbed.cases import NOW, Case


def test_a_path_accuses_and_acquits_nobody(case: Case) -> None:
    """Whatever its hops answered, it is evidence for other layers."""
    one = PathObservation(
        arm=Arm.SUBJECT, at=NOW, address="192.0.2.1", port=443, hops=(Hop(ttl=1, address="192.0.2.9"),)
    )
    verdict = judge(
        case.measured(case.hello(), observations=(one,), experiment=Experiment.PATH), Context(probe="pk000001")
    )
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "path.evidence")
