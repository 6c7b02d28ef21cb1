"""A look at the probe's own line is the host's."""

from __future__ import annotations

from balise_collector.experiments import EXPORTS
from balise_wire.words import Experiment
from tests.testbed.cases import Case


def test_nothing_of_a_home_is_exported(case: Case) -> None:
    """It tells of no service."""
    assert EXPORTS[Experiment.LINE](case.measured(case.line())) is None
