"""Whom a host agrees to have contacted by quic."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.quic.contacts import CONTACTS
from balise_agent.experiments.quic.plan import PLAN
from balise_agent.experiments.steps import Datagram, Exchange, SynProbe
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from tests.agent.experiments.quic.test_plan import CONTROLS


def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task) -> None:
    """The manifest is what a host consents to: the other operators' servers, and TCP, are in it."""
    task = msgspec.structs.replace(task, controls=CONTROLS)
    network.refuse(task.address, 443, Failure.GENERIC_TIMEOUT, Transport.UDP)
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
    assert len(sent) == 4
