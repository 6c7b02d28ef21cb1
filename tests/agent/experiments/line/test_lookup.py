"""Controls without assigned addresses: asked for by the probe, and held against their certificates."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.steps import Query
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Control
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.experiments.line import LineObservation
from balise_wire.failures import Failure
from balise_wire.words import AddressSource, Experiment

LINE = REGISTRY[Experiment.LINE]
BARE = Control(name="bare.example", addresses=())


def looking(task: Task, *controls: Control, kept: tuple[str, ...] = ()) -> Task:
    """Return the task of a look at the line that asks for its controls' names."""
    filled = tuple(msgspec.structs.replace(one, addresses=kept) for one in controls)
    sources = tuple((one.name, AddressSource.KEPT) for one in controls if kept)
    names = tuple(one.name for one in controls)
    return msgspec.structs.replace(task, controls=filled, lookups=names, sources=sources)


def test_a_control_is_looked_up_and_proven(network: FakeNetwork, task: Task) -> None:
    """Without references nobody else knows the address; its certificate says that no resolver made it up."""
    network.dns["bare.example", ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.18.9.8",)),)
    (only,) = network.play(LINE.plan.sentinel(looking(task, BARE)), LineObservation)
    (control,) = only.controls
    assert (control.address, control.source, control.failure) == ("198.18.9.8", AddressSource.PROVEN, None)
    assert only.unresolved == 0


def test_a_wrong_certificate_is_no_control(network: FakeNetwork, task: Task) -> None:
    """A resolver that sends every name to its portal gives no control that answers."""
    network.dns["bare.example", ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.18.9.8",)),)
    network.untrusted.add("bare.example")
    (only,) = network.play(LINE.plan.sentinel(looking(task, BARE)), LineObservation)
    assert (only.controls, only.unresolved, only.loss) == ((), 1, None)


@pytest.mark.parametrize(
    ("kept", "address", "source"),
    [((), "198.18.9.8", AddressSource.UNPROVEN), (("198.18.9.9",), "198.18.9.9", AddressSource.KEPT)],
)
def test_what_could_not_be_proven_takes_no_proven_ones_place(
    network: FakeNetwork, task: Task, kept: tuple[str, ...], address: str, source: AddressSource
) -> None:
    """A box that kills the handshake must neither leave the line without controls nor change them."""
    network.dns["bare.example", ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.18.9.8",)),)
    network.cut["bare.example"] = Failure.CONNECTION_RESET
    (only,) = network.play(LINE.plan.sentinel(looking(task, BARE, kept=kept)), LineObservation)
    assert [(one.address, one.source) for one in only.controls] == [(address, source)]


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.7.1", "0.0.0.0"])  # noqa: S104 - what a filter answers
def test_a_private_address_is_no_control(network: FakeNetwork, task: Task, address: str) -> None:
    """What a filter answers is never contacted."""
    network.dns["bare.example", ""] = (DnsAnswer(rtt_ms=9.0, addresses=(address,)),)
    (only,) = network.play(LINE.plan.sentinel(looking(task, BARE)), LineObservation)
    assert (only.controls, only.unresolved) == ((), 1)


def test_a_silent_resolver_is_asked_for_one_name(network: FakeNetwork, task: Task) -> None:
    """A look at a dead line must not wait for the time-outs of all names."""
    others = [Control(name=f"bare{number}.example", addresses=()) for number in range(5)]
    for one in others:
        network.dns[one.name, ""] = ()
    network.play(LINE.plan.sentinel(looking(task, *others)), LineObservation)
    assert [step.name for step in network.asked(Query)] == ["bare0.example", "control.example"]
