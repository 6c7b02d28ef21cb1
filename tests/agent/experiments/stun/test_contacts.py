"""Whom a host agrees to have contacted by stun."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.experiment import PROVIDER, RESOLVED
from balise_agent.experiments.steps import Datagram, Exchange, SynProbe
from balise_agent.experiments.stun.contacts import CONTACTS
from balise_agent.experiments.stun.plan import PLAN
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import StunServer
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from tests.agent.experiments.stun.test_plan import SERVERS


def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task) -> None:
    """The manifest is what a host consents to: the other operators' servers, and TCP, are in it."""
    task = msgspec.structs.replace(task, stun_servers=SERVERS)
    network.refuse(task.address, 3_478, Failure.GENERIC_TIMEOUT, Transport.UDP)
    network.play(PLAN.paired(task))
    rows = [*CONTACTS.scheduled(task), *CONTACTS.on_anomaly(task)]
    told = {(address, one.port, one.protocol) for one in rows for address in one.addresses}
    sent = {(step.address, step.port, "udp") for step in network.asked(Datagram)}
    sent |= {
        (one.address, one.port, "tcp")
        for step in network.asked(Exchange)
        for one in step.packets
        if isinstance(one, SynProbe)
    }
    assert sent <= told
    assert len(sent) == 5


def test_who_is_looked_up_is_told_with_the_resolver(task: Task) -> None:
    """A name without an address leads to the provider's resolver, and to wherever that says."""
    task = msgspec.structs.replace(task, stun_servers=(StunServer(name="a.example"),))
    told = [(one.name, one.addresses, one.port) for one in CONTACTS.on_anomaly(task) if one.name == "a.example"]
    assert told == [("a.example", (RESOLVED,), 3_478), ("a.example", (PROVIDER,), 53)]
