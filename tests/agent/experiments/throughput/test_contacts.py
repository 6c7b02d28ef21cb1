"""Whom a host agrees to have contacted by throughput."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.experiment import SCRAMBLED
from balise_agent.experiments.steps import Connect
from balise_agent.experiments.task import Task
from balise_agent.experiments.throughput.contacts import CONTACTS
from balise_agent.experiments.throughput.plan import PLAN
from balise_agent.testing import FakeNetwork
from balise_wire.experiments import usual
from balise_wire.experiments.throughput import TRAITS, ThroughputParameters

HELPER = "198.18.9.9"


def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task) -> None:
    """The manifest is what a host consents to, the operator's own server among it."""
    own = msgspec.structs.replace(task, helpers=(HELPER,), helper=HELPER)
    network.play(PLAN.paired(own))
    told = {(address, one.port) for one in CONTACTS.scheduled(own) for address in one.addresses}
    assert {(step.address, step.port) for step in network.asked(Connect)} <= told


def test_both_names_are_told_with_their_bytes(task: Task) -> None:
    """A control is shown on schedule, not only when something fails."""
    assert [one.name for one in CONTACTS.scheduled(task)] == ["twitter.example", SCRAMBLED]
    asked = msgspec.structs.replace(task, target=task.target.saying(ThroughputParameters(control_path="/long.js")))
    assert [one.name for one in CONTACTS.scheduled(asked)] == ["twitter.example", "neighbour.example"]
    assert sum(one.size for one in CONTACTS.scheduled(task)) == usual(TRAITS.word, PLAN.shape(task))
    own = msgspec.structs.replace(task, helpers=(HELPER,), helper=HELPER)
    assert sum(one.size for one in CONTACTS.scheduled(own)) == usual(TRAITS.word, PLAN.shape(own))
