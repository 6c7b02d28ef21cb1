"""A reference's path teaches nothing of the way that others go."""

from __future__ import annotations

from balise_collector.experiments.path.references import note
from balise_collector.judge import Seen
from balise_collector.judge.references import Report
from balise_wire.experiments.path import PathObservation
from balise_wire.words import Arm
from tests.testbed.cases import NOW, Case


def test_a_path_is_no_attempt_at_its_address(case: Case) -> None:
    """A probe that was answered by a router has reached nobody."""
    measurement = case.measured(case.hello())
    report = Report(verdict=case.judged(measurement), measurement=measurement, deaf=False)
    note(case.references, report, PathObservation(arm=Arm.SUBJECT, at=NOW, address=case.address, port=443))
    assert case.references.at_address(case.address, 443, NOW - 10, NOW + 10) == Seen()
