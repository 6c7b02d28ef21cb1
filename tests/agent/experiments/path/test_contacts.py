"""Whom path contacts."""

from __future__ import annotations

from balise_agent.experiments.path.contacts import CONTACTS
from balise_agent.experiments.task import Task
from balise_wire.experiments import usual
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design, Experiment


def test_one_endpoint_under_two_names(task: Task) -> None:
    """The endpoint that the host was told of for the experiment that shows the name."""
    (own,) = CONTACTS.scheduled(task)
    (other,) = CONTACTS.on_anomaly(task)
    assert (own.name, own.addresses, own.port) == ("twitter.example", ("198.18.1.1",), 443)
    assert own.size == usual(Experiment.PATH, RunShape(target=task.target, design=Design.SENTINEL))
    assert (other.name, other.addresses, other.port) == ("neighbour.example", ("198.18.1.1",), 443)
