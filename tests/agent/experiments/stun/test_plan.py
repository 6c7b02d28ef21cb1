"""The plan of stun over a network of data: what is sent, in which order, and what is observed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_agent.codec.stun import COOKIE
from balise_agent.experiments.steps import Datagram, Exchange, Query
from balise_agent.experiments.stun.plan import PLAN, elsewhere
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork, binding_answer
from balise_wire.assignment import StunServer
from balise_wire.experiments.stun import StunObservation, StunPacket
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment

SERVERS = (
    StunServer(name="a.example", addresses=("198.18.9.1",)),
    StunServer(name="b.example", addresses=("198.18.9.2",)),
    StunServer(name="c.example", addresses=("198.18.9.3",), port=19_302),
)
Server = Callable[[bytes], tuple[bytes, ...]]


def unmarked(data: bytes) -> tuple[bytes, ...]:
    """Answer what has no cookie: a box has the rest."""
    return () if data[4:8] == COOKIE else binding_answer(data)


def mute(_data: bytes) -> tuple[bytes, ...]:
    """Answer nothing."""
    return ()


@pytest.fixture
def calls(task: Task) -> Task:
    """Return the task of a call server that is measured over UDP alone."""
    return msgspec.structs.replace(task, target=msgspec.structs.replace(task.target, experiments=(Experiment.STUN,)))


def served(network: FakeNetwork, task: Task, server: Server) -> None:
    """Let a server answer at the task's endpoint."""
    network.udp[task.address, 3_478] = server


def test_an_answer_ends_the_trial(network: FakeNetwork, calls: Task) -> None:
    """One datagram of twenty bytes, and nothing behind it."""
    (seen,) = network.play(PLAN.sentinel(calls), StunObservation)
    assert (seen.failure, seen.answer, seen.mapped) == (None, "binding", "xor")
    assert (seen.copies, seen.answers, seen.followed) == (1, 1, None)
    (step,) = network.asked(Datagram)
    assert (step.address, step.port) == (calls.address, 3_478)
    assert {len(one.data) for one in step.datagrams} == {20}


def test_silence_is_told_after_three_copies(network: FakeNetwork, calls: Task) -> None:
    """The same transaction each time (RFC 8489 6.2.1), and then a request without the cookie on the same flow."""
    served(network, calls, mute)
    (seen,) = network.play(PLAN.sentinel(calls), StunObservation)
    assert (seen.failure, seen.answer) == (Failure.GENERIC_TIMEOUT, "")
    assert (seen.copies, seen.followed) == (3, False)
    (step,) = network.asked(Datagram)
    assert [one.data[4:8] == COOKIE for one in step.datagrams] == [True] * 3 + [False] * 2
    assert len({one.data for one in step.datagrams}) == 2


def test_what_the_cookie_dies_of_is_told(network: FakeNetwork, calls: Task) -> None:
    """An answer to the classic request is none to the binding request."""
    served(network, calls, unmarked)
    (seen,) = network.play(PLAN.sentinel(calls), StunObservation)
    assert (seen.failure, seen.answers, seen.followed) == (Failure.GENERIC_TIMEOUT, 0, True)


def test_controls_come_first(network: FakeNetwork, calls: Task) -> None:
    """Without STUN's mark before all that has it; TCP where the target is measured by it; no more where all is well."""
    seen = network.play(PLAN.paired(calls), StunObservation)
    assert [one.arm for one in seen] == [Arm.SHAPE, Arm.SUBJECT, Arm.SUBJECT]
    assert seen[0].sent is StunPacket.CLASSIC
    assert network.asked(Exchange) == []
    both = msgspec.structs.replace(calls.target, experiments=(Experiment.TCP, Experiment.STUN))
    over_tcp = network.play(PLAN.paired(msgspec.structs.replace(calls, target=both)), StunObservation)[0]
    assert (over_tcp.arm, over_tcp.sent, over_tcp.port) == (Arm.OTHER_TRANSPORT, StunPacket.SYN, 443)
    assert (over_tcp.failure, over_tcp.answer) == (None, "synack")


def test_a_reset_is_a_sign_of_life(network: FakeNetwork, calls: Task) -> None:
    """A call server need not listen on TCP: whoever resets is there."""
    both = msgspec.structs.replace(calls.target, experiments=(Experiment.TCP, Experiment.STUN))
    network.refuse(calls.address, 443, Failure.CONNECTION_REFUSED)
    seen = network.play(PLAN.paired(msgspec.structs.replace(calls, target=both)), StunObservation)[0]
    assert (seen.failure, seen.answer) == (None, "rst")


def test_where_it_fails_the_line_is_asked(network: FakeNetwork, calls: Task) -> None:
    """Two servers on its port, one on another, each by the same request."""
    served(network, calls, mute)
    task = msgspec.structs.replace(calls, stun_servers=SERVERS, design=Design.PAIRED)
    seen = network.play(PLAN.paired(task), StunObservation)
    assert [one.arm for one in seen] == [Arm.SHAPE, *[Arm.SUBJECT] * 2, *[Arm.ELSEWHERE] * 3]
    assert {(one.name, one.port, one.answer) for one in seen[3:]} == {
        ("a.example", 3_478, "binding"), ("b.example", 3_478, "binding"), ("c.example", 19_302, "binding"),
    }  # fmt: skip
    assert PLAN.load(task).controls == 3


def test_who_is_asked_differs_in_operator(calls: Task) -> None:
    """Never the target itself; the port's own servers first, and whatever there is where one side is missing."""
    own = StunServer(name=calls.target.host, addresses=("198.18.9.9",))
    same = StunServer(name="d.example", addresses=(calls.address,))
    task = msgspec.structs.replace(calls, stun_servers=(own, same, *SERVERS[:2]))
    assert {one.name for one in elsewhere(task)} == {"a.example", "b.example"}
    many = tuple(StunServer(name=f"{n}.example", addresses=(f"198.18.9.{n}",), port=19_302) for n in range(1, 9))
    assert len(elsewhere(msgspec.structs.replace(calls, stun_servers=many))) == 3


def test_a_server_without_an_address_is_looked_up(network: FakeNetwork, calls: Task) -> None:
    """By the provider's resolver, and what a public server cannot have is not contacted."""
    served(network, calls, mute)
    bare = tuple(StunServer(name=one.name, port=one.port) for one in SERVERS)
    network.dns["b.example", ""] = ()
    task = msgspec.structs.replace(calls, stun_servers=bare)
    seen = network.play(PLAN.paired(task), StunObservation)
    assert {one.name for one in network.asked(Query)} == {"a.example", "b.example", "c.example"}
    named = [one.name for one in seen if one.arm is Arm.ELSEWHERE]
    assert "b.example" not in named


def test_what_is_no_stun_is_told(network: FakeNetwork, calls: Task) -> None:
    """Somebody answers in the server's place, or a router broke the answer: no silence, and no binding."""
    served(network, calls, lambda _data: (b"<html>",))
    (seen,) = network.play(PLAN.sentinel(calls), StunObservation)
    assert (seen.failure, seen.answer, seen.answers) == (Failure.STUN_MALFORMED, "other", 1)


def test_a_closed_port_is_no_silence(network: FakeNetwork, calls: Task) -> None:
    """An ICMP error says that nobody listens there."""
    network.refuse(calls.address, 3_478, Failure.CONNECTION_REFUSED, Transport.UDP)
    (seen,) = network.play(PLAN.sentinel(calls), StunObservation)
    assert seen.failure is Failure.CONNECTION_REFUSED


def test_udp_alone_is_loaded(calls: Task) -> None:
    """TCP to the same address neither waits for it nor is heated by it."""
    assert PLAN.load(calls).endpoints == (Endpoint(calls.address, 3_478, Transport.UDP),)
