"""Whom a host agrees to have contacted by call."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.call.contacts import CONTACTS
from balise_agent.experiments.call.plan import PLAN
from balise_agent.experiments.steps import Datagram
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork

HELPERS = ("198.18.7.7", "198.18.7.8")


def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task) -> None:
    """The helpers on their ports, and nobody of the service's."""
    task = msgspec.structs.replace(task, helpers=HELPERS)
    network.play(PLAN.paired(task))
    rows = [*CONTACTS.scheduled(task), *CONTACTS.on_anomaly(task)]
    told = {(address, one.port, one.protocol) for one in rows for address in one.addresses}
    sent = {(step.address, step.port, "udp") for step in network.asked(Datagram)}
    assert sent <= told
    assert {address for address, _, _ in told} == set(HELPERS)


def test_without_a_helper_nobody_is_told(task: Task) -> None:
    """Nothing is sent."""
    assert [*CONTACTS.scheduled(task), *CONTACTS.on_anomaly(task)] == []
