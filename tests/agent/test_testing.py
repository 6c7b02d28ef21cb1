"""The network made of data: it works unless told otherwise, endpoint by endpoint, and a conductor can stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.experiments.steps import (
    Close,
    Connect,
    Exchange,
    Exchanged,
    Failed,
    Inject,
    Plan,
    Queried,
    Query,
    Receive,
    Received,
    Reply,
    Rest,
    Rested,
    Send,
    Step,
    SynProbe,
)
from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.system.errors import LinkUnusable
from balise_agent.testing import ADDRESS, FakeNetwork, FakeSession, server_name
from balise_wire.experiments.line import LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm

if TYPE_CHECKING:
    from balise_agent.system.reactor import Reactor

SEEN = LineObservation(arm=Arm.SUBJECT, at=1.0)


def asking(*steps: Step, into: list[Reply]) -> Plan:
    """Return a plan that takes these steps and keeps what came of them."""
    for step in steps:
        reply = yield step
        into.append(reply)
    return (SEEN,)


def replies(network: FakeNetwork, *steps: Step) -> list[Reply]:
    """Return what comes of these steps."""
    kept: list[Reply] = []
    network.play(asking(*steps, into=kept))
    return kept


def test_an_endpoint_is_refused_by_port_and_transport() -> None:
    """What is said of one endpoint holds for no other port, transport or address."""
    network = FakeNetwork()
    network.refuse("198.18.1.1", 443, Failure.CONNECTION_REFUSED)
    network.refuse("198.18.8.8", 53, transport=Transport.UDP)
    refused, other, resolver, silent = replies(
        network,
        Connect(address="198.18.1.1", port=443, timeout=1.0),
        Exchange(packets=(SynProbe(address="198.18.1.1", port=80),), window=1.0),
        Query(name="a.example", server="198.18.8.9", timeout=1.0, linger=1.0),
        Query(name="a.example", server="198.18.8.8", timeout=1.0, linger=1.0),
    )
    assert isinstance(refused, Failed)
    assert refused.failure is Failure.CONNECTION_REFUSED
    assert isinstance(other, Exchanged)
    assert other.answers
    assert isinstance(resolver, Queried)
    assert resolver.answers[0].addresses == (ADDRESS,)
    assert isinstance(silent, Queried)
    assert not silent.answers


def test_any_port_and_healing() -> None:
    """A whole address can be silent, and is well again when the test says so."""
    network = FakeNetwork()
    network.refuse("198.18.1.1")
    syn = Exchange(packets=(SynProbe(address="198.18.1.1", port=7),), window=1.0)
    before = replies(network, syn)[0]
    network.heal()
    after = replies(network, syn)[0]
    assert isinstance(before, Exchanged)
    assert isinstance(after, Exchanged)
    assert (len(before.answers), len(after.answers)) == (0, 1)


def test_a_protocol_of_its_own_is_bytes_from_a_server() -> None:
    """An experiment that speaks neither TLS nor HTTP reads what the test lets the server say."""
    network = FakeNetwork()
    network.say("198.18.1.1", 1194, b"hello")
    _, _, received, _ = replies(
        network,
        Connect(address="198.18.1.1", port=1194, timeout=1.0),
        Send(handle=1, data=b"\x38"),
        Receive(handle=1, most=100, timeout=1.0),
        Close(handle=1),
    )
    assert isinstance(received, Received)
    assert (received.data, received.eof) == (b"hello", True)


class Datagram(Step, frozen=True, kw_only=True):
    """A kind of step that the network knows nothing of."""


def test_a_new_kind_of_step_is_a_function() -> None:
    """Without a word of the test it is an error that says how; with one it is answered."""
    network = FakeNetwork()
    with pytest.raises(TypeError, match="no answer to a Datagram"):
        replies(network, Datagram())

    def answer(_step: Datagram, session: FakeSession) -> Reply:
        return session.failed(Failure.GENERIC_TIMEOUT)

    network.on(Datagram, answer)
    (reply,) = replies(network, Datagram())
    assert isinstance(reply, Failed)


def test_a_plan_that_leaves_a_connection_open_fails() -> None:
    """Each plan closes what it opened: else the test that plays it fails."""
    with pytest.raises(AssertionError, match="left open"):
        replies(FakeNetwork(), Connect(address="198.18.1.1", port=443, timeout=1.0))


def test_the_kind_of_the_observations_is_checked() -> None:
    """Whoever asks for one kind is not handed another."""
    with pytest.raises(AssertionError, match="not all of kind TcpObservation"):
        FakeNetwork().play(asking(into=[]), TcpObservation)


def test_time_is_data() -> None:
    """Nothing waits: a rest moves the network's own time on."""
    network = FakeNetwork(now=5.0, step_seconds=0.0)
    rested, injected = replies(network, Rest(seconds=30.0), Inject(handle=1, payload=b"x", ttl=3, window=1.0))
    assert isinstance(rested, Rested)
    assert (rested.at, injected.at) == (5.0, 35.0)


def test_many_plans_of_a_conductor(reactor: Reactor) -> None:
    """A conductor carries plans out over it, and closes for them what they leave open."""
    network = FakeNetwork()
    ended: list[Outcome] = []
    conductor = Conductor(network, reactor)
    for _ in range(5):
        plan = asking(Connect(address="198.18.1.1", port=443, timeout=1.0), into=[])
        conductor.start(plan, on_done=ended.append)
    assert reactor.run_until(lambda: len(ended) == 5, 5.0)
    assert {outcome.observations for outcome in ended} == {(SEEN,)}
    network.fail(LinkUnusable("no interface"))
    plan = asking(Connect(address="198.18.1.1", port=443, timeout=1.0), into=[])
    conductor.start(plan, on_done=ended.append)
    assert reactor.run_until(lambda: len(ended) == 6, 5.0)
    assert isinstance(ended[-1].error, LinkUnusable)
    assert len(network.asked(Connect)) == 6


def test_a_hello_without_a_name() -> None:
    """A ClientHello need not show a name."""
    hello = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00"
    assert server_name(hello) is None
