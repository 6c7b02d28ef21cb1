"""What a series of SYNs shows."""

from __future__ import annotations

from balise_collector.experiments.tcp.facts import facts
from balise_collector.judge import Context
from balise_wire.failures import Failure
from balise_wire.words import Arm
from tests.testbed.cases import Case


def test_the_syns_of_all_failing_trials_count_carried_ones_too(case: Case) -> None:
    """Six of one series and six of the sentinel's are twelve; those of a control are none."""
    carried, own = case.syns(0, at=case.earlier, carried=True), case.syns(0)
    near, far = case.syns(0, arm=Arm.SIBLING), case.syns(2, arm=Arm.SIBLING, address="192.48.236.4")
    found = facts(case.measured(carried, own, near, far), Context(probe="pk000001"))
    assert (found.trials, found.syns, found.since) == (1, 12, case.earlier)
    assert (found.near_ok, found.far_ok) == (False, True)


def test_a_failure_without_a_word_is_no_trial(case: Case) -> None:
    """It may be our own, and says nothing of the address."""
    found = facts(case.measured(case.syns(0, failure=Failure.UNKNOWN)), Context(probe="pk000001"))
    assert (found.trials, found.failed, found.own_failure) == (0, False, True)
