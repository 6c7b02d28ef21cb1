"""Hops find the probe."""

from __future__ import annotations

from balise_collector.experiments import EXPORTS
from balise_wire.experiments.path import Hop, PathObservation
from balise_wire.words import Arm, Experiment
from tests.testbed.cases import NOW, Case


def test_no_hop_is_exported(case: Case) -> None:
    """They lie before the border."""
    one = PathObservation(
        arm=Arm.SUBJECT, at=NOW, address="192.0.2.1", port=443, hops=(Hop(ttl=1, address="192.0.2.9"),)
    )
    measurement = case.measured(case.hello(), observations=(one,), experiment=Experiment.PATH)
    assert EXPORTS[Experiment.PATH](measurement) is None
