"""The trials of one measurement, as facts ask for them."""

from __future__ import annotations

from balise_collector.judge.trials import began, ended, subjects, trials_of
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.words import Arm
from tests.testbed.cases import EARLIER, NOW, Case


def test_a_stranger_among_the_trials_is_left_out(case: Case) -> None:
    """A probe may send anything; only its own experiment's trials are read."""
    syns = case.syns(1)
    assert trials_of(case.measured(syns, case.hello()), TcpObservation) == [syns]


def test_subjects_are_in_the_order_of_time_carried_ones_included(case: Case) -> None:
    """What rides along came first."""
    late, carried = case.syns(0, at=NOW + 5), case.syns(0, at=EARLIER, carried=True)
    assert subjects([late, case.syns(1, Arm.CONTROL), carried]) == [carried, late]


def test_without_trials_the_measurement_itself_is_the_window(case: Case) -> None:
    """References are asked of the time in which something could have failed."""
    measurement = case.measured(case.syns(0, at=NOW + 3))
    assert (began([], measurement), ended([], measurement)) == (measurement.started, measurement.ended)
    assert began(measurement.observations, measurement) == NOW + 3
