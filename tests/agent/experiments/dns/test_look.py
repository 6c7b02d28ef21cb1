"""The look at an address: what it showed, what it could not show, and whose it is."""

from __future__ import annotations

import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.dns.look import is_next_door
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Experiment, Proof

DNS = REGISTRY[Experiment.DNS]


HOST = "twitter.example"


def test_nothing_heard_from_an_address_says_nothing_of_it() -> None:
    """Known, unknown, a stranger's: without a packet it is not known whose an address is, and it stays evidence."""
    out = Packet(t_us=0, direction=Direction.OUT, ttl=64)
    assert not is_next_door(())
    assert not is_next_door((out,))
    assert is_next_door((out, Packet(t_us=1, direction=Direction.IN, ttl=64)))


@pytest.mark.parametrize(("failure", "connected"), [(Failure.GENERIC_TIMEOUT, False), (Failure.CONNECTION_RESET, True)])
def test_what_could_not_be_shown_is_no_wrong_certificate(
    network: FakeNetwork, task: Task, failure: Failure, connected: bool
) -> None:
    """A failed connect is TCP's story and a cut handshake that of the name: the address stays, and is looked into."""
    network.dns[HOST, ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.19.5.5",)),)
    network.packet = Packet(t_us=1, direction=Direction.IN, ttl=52)
    if connected:
        network.cut[HOST] = failure
    else:
        network.refuse("198.19.5.5", 443, failure)
    (only,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (only.tls_consistent, only.tls_proof, only.tls_failure) == (None, Proof.NOT_SHOWN, failure)
    assert only.tls_connected is connected
    assert DNS.reader.anomaly((only,)) is only
    assert DNS.reader.learned((only,)) == [("198.19.5.5",)]
    assert bool(DNS.reader.heated((only,))) is connected
