"""Whom a host agrees to have contacted by vpn."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.steps import Connect, Datagram
from balise_agent.experiments.task import Task
from balise_agent.experiments.vpn.contacts import CONTACTS
from balise_agent.experiments.vpn.plan import PLAN
from balise_agent.run.vpn_echo import VpnStream
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.vpn import VpnParameters, VpnProtocol, transport_of

HELPERS = ("198.18.7.7", "198.18.7.8")


@pytest.mark.parametrize("protocol", VpnProtocol.known())
def test_nobody_is_contacted_who_is_not_told(network: FakeNetwork, task: Task, protocol: VpnProtocol) -> None:
    """The helpers on the one port, nobody of a service's, and whose handshake it is: hosts can be blamed for it."""
    target = task.target.saying(VpnParameters(protocol=protocol, port=500))
    task = msgspec.structs.replace(task, helpers=HELPERS, target=target)
    network.tcp = {(address, 500): lambda: VpnStream().take for address in HELPERS}
    network.play(PLAN.paired(task))
    rows = [*CONTACTS.scheduled(task), *CONTACTS.on_anomaly(task)]
    told = {(address, one.port, one.protocol) for one in rows for address in one.addresses}
    asked = {(step.address, step.port, "udp") for step in network.asked(Datagram)}
    asked |= {(step.address, step.port, "tcp") for step in network.asked(Connect)}
    assert asked
    assert asked <= told
    assert told == {(address, 500, transport_of(protocol).value) for address in HELPERS}
    assert all(protocol.value in one.name for one in rows)


def test_without_a_helper_or_a_known_protocol_nobody_is_told(task: Task) -> None:
    """Nothing is sent."""
    assert CONTACTS.scheduled(task) == []
    strange = task.target.saying(VpnParameters(protocol=VpnProtocol.UNKNOWN))
    assert CONTACTS.scheduled(msgspec.structs.replace(task, helpers=HELPERS, target=strange)) == []
