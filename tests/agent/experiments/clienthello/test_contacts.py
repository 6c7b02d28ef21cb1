"""Whom clienthello contacts: the target's endpoint, and nobody else."""

from __future__ import annotations

from balise_agent.experiments.clienthello.contacts import CONTACTS
from balise_agent.experiments.clienthello.plan import PLAN
from balise_agent.experiments.steps import Connect
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.failures import Failure


def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task) -> None:
    """The manifest is what a host consents to."""
    network.box = lambda _segments: Failure.GENERIC_TIMEOUT
    network.play(PLAN.sentinel(task))
    network.play(PLAN.paired(task))
    scheduled = CONTACTS.scheduled(task)
    told = {(address, one.port) for one in scheduled for address in one.addresses}
    assert {(step.address, step.port) for step in network.asked(Connect)} == told
    assert [one.name for one in scheduled] == ["twitter.example"]
    assert [one.name for one in CONTACTS.on_anomaly(task)] == ["neighbour.example"]
