"""The contact that most experiments have: the target's endpoint, as the traits and parameters say."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.experiment import RESOLVED, SCRAMBLED
from balise_agent.experiments.http.plan import PLAN
from balise_agent.experiments.target_contacts import OneEndpoint, at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments.http import TRAITS as HTTP
from balise_wire.experiments.http import HttpParameters, usual
from balise_wire.experiments.traits import Transport


def test_port_and_transport_are_the_experiments(task: Task) -> None:
    """A manifest with the target's port for an experiment that has one of its own is a wrong consent."""
    other = msgspec.structs.replace(task, target=task.target.saying(HttpParameters(port=8080)))
    assert at_target(HTTP, other).port == 8080
    datagrams = msgspec.structs.replace(HTTP, transport=Transport.UDP)
    told = at_target(datagrams, task, port=3478, size=7)
    assert (told.name, told.addresses, told.port, told.protocol, told.size) == (
        "twitter.example", ("198.18.1.1",), 3478, "udp", 7,
    )  # fmt: skip
    assert at_target(HTTP, msgspec.structs.replace(task, addresses=())).addresses == (RESOLVED,)


def test_one_endpoint_under_every_name_it_is_asked_with(task: Task) -> None:
    """An experiment whose arms all go to one endpoint tells the subject's name, the others on an anomaly."""
    contacts = OneEndpoint(HTTP, PLAN)
    assert [(one.name, one.size) for one in contacts.scheduled(task)] == [("twitter.example", usual(PLAN.shape(task)))]
    assert [one.name for one in contacts.on_anomaly(task)] == ["neighbour.example", SCRAMBLED]
    bare = msgspec.structs.replace(
        task, controls=(), control_name="", target=msgspec.structs.replace(task.target, neighbour="")
    )
    assert [one.name for one in contacts.on_anomaly(bare)] == [SCRAMBLED]
