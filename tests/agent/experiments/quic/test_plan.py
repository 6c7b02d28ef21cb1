"""The plan of quic over a network of data: what is sent, in which order, and what is observed."""

from __future__ import annotations

import msgspec

from balise_agent.codec import quic
from balise_agent.experiments.quic.plan import PLAN
from balise_agent.experiments.steps import Datagram, Exchange
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Control
from balise_wire.experiments.quic import QuicObservation, QuicPacket
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design
from tests.agent.quic_server import Server, read_initial

HOST = "twitter.example"
CONTROLS = tuple(Control(name=f"c{n}.example", addresses=(f"198.18.9.{n}",), quic=True) for n in (1, 2, 3))


def served(network: FakeNetwork, task: Task, server: Server) -> None:
    """Let a server answer at the task's endpoint."""
    network.udp[task.address, 443] = server


def test_a_greeting_that_is_answered_is_asked_once_more(network: FakeNetwork, task: Task) -> None:
    """Some boxes let the first answers through and cut seconds later: the flow must still carry then."""
    served(network, task, Server())
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert (seen.failure, seen.answer, seen.followed, seen.copies, seen.answers) == (None, "server_hello", True, 1, 1)
    (step,) = network.asked(Datagram)
    assert (step.address, step.port) == (task.address, 443)
    assert max(one.after for one in step.datagrams) >= task.timeouts.onset
    assert {len(one.data) for one in step.datagrams} == {1200}


def test_silence_is_told_after_three_copies(network: FakeNetwork, task: Task) -> None:
    """One lost datagram is no silence; another packet number each time."""
    served(network, task, Server(HOST))
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert (seen.failure, seen.answer, seen.copies, seen.followed) == (Failure.GENERIC_TIMEOUT, "", 3, False)
    (step,) = network.asked(Datagram)
    assert len({one.data for one in step.datagrams[:3]}) == 3


def test_a_late_onset_is_a_failure_with_an_answer(network: FakeNetwork, task: Task) -> None:
    """The first exchange succeeds, and nothing comes any more."""
    served(network, task, Server(HOST, after=True))
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert (seen.failure, seen.answer, seen.followed) == (Failure.GENERIC_TIMEOUT, "server_hello", False)


def test_a_server_that_negotiates_nothing_is_not_dead(network: FakeNetwork, task: Task) -> None:
    """Some pass what asks for versions over: an Initial without a name follows it, and is answered."""
    served(network, task, Server(negotiates=False))
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert (seen.failure, seen.answer, seen.answers, seen.followed) == (None, "server_hello", 1, True)


def test_controls_come_first(network: FakeNetwork, task: Task) -> None:
    """TCP, random bytes and another name before the subject's; nothing else where all is well."""
    served(network, task, Server())
    seen = network.play(PLAN.paired(task), QuicObservation)
    arms = [Arm.OTHER_TRANSPORT, Arm.NOISE, task.other_name()[0], Arm.SUBJECT, Arm.SUBJECT]
    assert [one.arm for one in seen] == arms
    assert all(one.failure is None for one in seen)
    assert len(network.asked(Exchange)) == 1


def test_where_the_name_fails_the_line_is_asked_too(network: FakeNetwork, task: Task) -> None:
    """The control's name once more, then two other operators' servers, by a packet that names nothing."""
    served(network, task, Server(HOST))
    task = msgspec.structs.replace(task, controls=CONTROLS, design=Design.PAIRED)
    seen = network.play(PLAN.paired(task), QuicObservation)
    assert [one.arm for one in seen[5:]] == [Arm.AFTER, Arm.ELSEWHERE, Arm.ELSEWHERE]
    assert [one.answer for one in seen[5:]] == ["server_hello", "version_negotiation", "version_negotiation"]
    assert len({one.address for one in seen[6:]}) == 2
    reads = [read_initial(one.data) for step in network.asked(Datagram)[-2:] for one in step.datagrams]
    assert not any(read.name for read in reads if read is not None)
    assert PLAN.load(task).controls == 2


def test_what_is_no_quic_is_told(network: FakeNetwork, task: Task) -> None:
    """Somebody answers in the server's place: no silence, and no greeting."""
    network.udp[task.address, 443] = lambda _data: (b"<html>",)
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert (seen.failure, seen.answer) == (Failure.QUIC_MALFORMED, "other")


def test_udp_alone_is_loaded(network: FakeNetwork, task: Task) -> None:
    """TCP to the same port neither waits for it nor is heated by it."""
    served(network, task, Server())
    assert PLAN.load(task).endpoints == (Endpoint(task.address, 443, Transport.UDP),)


def test_a_closed_port_is_no_silence(network: FakeNetwork, task: Task) -> None:
    """An ICMP error says that nobody listens there."""
    network.refuse(task.address, 443, Failure.CONNECTION_REFUSED, Transport.UDP)
    (seen,) = network.play(PLAN.sentinel(task), QuicObservation)
    assert seen.failure is Failure.CONNECTION_REFUSED


def test_random_bytes_are_as_long_and_live_by_what_follows(network: FakeNetwork, task: Task) -> None:
    """No server answers them; the flow behind them does."""
    served(network, task, Server())
    noise = network.play(PLAN.paired(task), QuicObservation)[1]
    assert (noise.sent, noise.failure, noise.answers, noise.followed) == (QuicPacket.NOISE, None, 0, True)
    assert len(quic.noise(1)) == quic.SIZE
