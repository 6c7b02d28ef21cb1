"""The tls experiment: order of arms, what counts as an answer, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.greeting import WINDOW
from balise_agent.experiments.scramble import scrambled
from balise_agent.experiments.steps import Close, Connect, Handshake, Receive, Received, Reply, Send
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls.plan import shows_certificate
from balise_agent.testing import SERVER_HELLO, FakeNetwork, FakeSession
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment

if TYPE_CHECKING:
    from collections.abc import Callable

TLS = REGISTRY[Experiment.TLS]


def arms(observations: tuple[Any, ...]) -> list[tuple[Arm, bool]]:
    """Return arm and carried mark of each observation."""
    return [(o.arm, o.carried) for o in observations]


def test_sentinel_is_one_hello(network: FakeNetwork, task: Task) -> None:
    """A sentinel is cheap: one connection, one hello, and any byte back is success."""
    (only,) = network.play(TLS.plan.sentinel(task), TlsObservation)
    assert network.names() == ["twitter.example"]
    assert only.failure is None
    assert (only.record, only.connect_ms, only.verified) == ("server_hello", 40.0, None)
    assert TLS.reader.anomaly((only,)) is None


def test_a_sentinel_that_looks_at_the_chain_is_one_handshake(network: FakeNetwork, task: Task) -> None:
    """With the full flag a handshake by OpenSSL stands in the hello's place: cheap enough for each half hour."""
    (full,) = network.play(TLS.plan.sentinel(msgspec.structs.replace(task, full=True)), TlsObservation)
    assert (full.full, full.verified, full.certificate_shown) == (True, True, True)
    assert len(network.asked(Connect)) == 1


@pytest.mark.parametrize("failure", [None, Failure.GENERIC_TIMEOUT])
def test_a_long_hello_is_a_fact_of_its_own(network: FakeNetwork, task: Task, failure: Failure | None) -> None:
    """New browsers' hellos take two segments: where only those die the control's tells of what, and nothing is odd."""

    def answer(step: Receive, session: FakeSession) -> Reply:
        hello = network.asked(Send)[-1].data
        if failure is not None and len(hello) > 1448:
            return session.failed(failure, step.handle)
        return Received(at=network.now, elapsed_ms=30.0, data=SERVER_HELLO)

    network.on(Receive, answer)
    observations = network.play(TLS.plan.sentinel(msgspec.structs.replace(task, long=True)), TlsObservation)
    expected = [Arm.SUBJECT, Arm.LONG_HELLO] + ([Arm.LONG_CONTROL] if failure else [])
    assert [trial.arm for trial in observations] == expected
    assert observations[0].hello_bytes == 517
    assert all(trial.hello_bytes > 1448 for trial in observations[1:])
    assert TLS.reader.anomaly(observations) is None
    assert TLS.reader.heated(observations) == []


def test_the_hellos_of_a_series_differ_in_the_name_alone(network: FakeNetwork, task: Task) -> None:
    """One length, one order of extensions, one GREASE: what a hello excuses is a hello that looks like it."""
    network.play(TLS.plan.paired(task), TlsObservation)
    hellos = [step.data for step in network.asked(Send)]
    assert len(hellos) == 4
    assert {len(hello) for hello in hellos} == {517}
    assert len({_kinds(hello) for hello in hellos}) == 1


def _kinds(hello: bytes) -> tuple[int, ...]:
    """Return the types of a hello's extensions, in order (RFC 8446 4.1.2)."""
    body = hello[5 + 4 + 2 + 32 :]
    body = body[1 + body[0] :]
    body = body[2 + int.from_bytes(body[:2]) :][2:][2:]
    found = []
    while body:
        found.append(int.from_bytes(body[:2]))
        body = body[4 + int.from_bytes(body[2:4]) :]
    return tuple(found)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", False),
        (SERVER_HELLO, False),
        (b"\x16\x03\x03\x00\x0a\x02\x00\x00\x01\x00\x0b\x00\x10\x00\x00", True),
        (b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00\x16\x03\x03\x00\x04\x0b\x00\x10\x00", True),
        (b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x02xx", False),
        (b"\x15\x03\x03\x00\x02\x02\x28", False),
    ],
)
def test_a_certificate_in_clear_is_seen(data: bytes, shown: bool) -> None:
    """TLS 1.2 shows it in the first flight, in the ServerHello's record or its own; TLS 1.3 hides it."""
    assert shows_certificate(data) is shown


def test_controls_go_first(network: FakeNetwork, task: Task) -> None:
    """Residual blocking hits the address: neighbour and scrambled name are asked before the subject, always."""
    network.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    cause = TlsObservation(
        arm=Arm.SUBJECT, at=5.0, failure=Failure.GENERIC_TIMEOUT, address="198.18.1.1", port=443, sni="twitter.example"
    )
    observations = network.play(TLS.plan.paired(msgspec.structs.replace(task, cause=cause)), TlsObservation)
    scramble = scrambled("twitter.example", task.seed)
    assert network.names() == ["neighbour.example", scramble, "twitter.example", "twitter.example", "neighbour.example"]
    assert arms(observations) == [
        (Arm.SUBJECT, True),
        (Arm.NEIGHBOUR, False),
        (Arm.SCRAMBLED, False),
        (Arm.SUBJECT, False),
        (Arm.SUBJECT, False),
        (Arm.AFTER, False),
    ]
    assert [o.failure for o in observations[1:]] == [None, None, *[Failure.GENERIC_TIMEOUT] * 2, None]
    assert TLS.reader.anomaly(observations) is observations[3]


def test_without_a_neighbour_the_control_name_stands_in(
    network: FakeNetwork, task: Task, changed: Callable[..., Task]
) -> None:
    """The arm says which control it was; with no name at all it is a hello without one."""
    network.play(TLS.plan.paired(changed(task, neighbour="")), TlsObservation)
    assert network.names()[0] == "control.example"
    bare = msgspec.structs.replace(changed(task, neighbour=""), control_name="", controls=())
    observations = network.play(TLS.plan.paired(bare), TlsObservation)
    assert observations[0].arm is Arm.ABSENT
    assert observations[0].sni is None


def test_each_trial_has_a_hello_of_its_own(network: FakeNetwork, task: Task) -> None:
    """No two hellos of a series share random or key share: a box must not pass one for having seen the other."""
    network.play(TLS.plan.paired(task), TlsObservation)
    randoms = [step.data[11:43] for step in network.asked(Send) if step.data.startswith(b"\x16")]
    assert len(set(randoms)) == len(randoms) == 4


def test_paired_ends_with_the_chain_when_the_hello_passed(network: FakeNetwork, task: Task) -> None:
    """Interception answers the hello: only the chain tells, and the control's chain tells whose interception."""
    network.untrusted.add("twitter.example")
    observations = network.play(TLS.plan.paired(task), TlsObservation)
    subject, control = observations[-2:]
    assert (subject.arm, subject.failure, subject.verified) == (Arm.SUBJECT, Failure.SSL_UNKNOWN_AUTHORITY, False)
    assert (control.arm, control.verified) == (Arm.NEIGHBOUR, True)
    assert TLS.reader.anomaly(observations) is subject


def test_a_failed_connect_is_told_apart(network: FakeNetwork, task: Task) -> None:
    """Where TCP fails the observation says so: the TLS layer must not be blamed for it."""
    network.refuse("198.18.1.1", 443, Failure.CONNECTION_REFUSED)
    (only,) = network.play(TLS.plan.sentinel(task), TlsObservation)
    assert (only.connect_ms, only.failure) == (None, Failure.CONNECTION_REFUSED)


def test_where_nothing_connects_one_try_is_enough(network: FakeNetwork, task: Task) -> None:
    """No name can be told from another at a dead address; four time-outs in a row would only hold up the TCP series."""
    network.refuse("198.18.1.1", 443, Failure.GENERIC_TIMEOUT)
    observations = network.play(TLS.plan.paired(task), TlsObservation)
    assert arms(observations) == [(Arm.NEIGHBOUR, False), (Arm.SUBJECT, False)]
    assert TLS.reader.anomaly(observations) is observations[1]


@pytest.mark.parametrize("failure", [Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF])
def test_every_end_after_the_hello_is_a_failure(network: FakeNetwork, task: Task, failure: Failure) -> None:
    """Drop, RST and FIN in the place of an answer are failures, each by its word, with packets."""
    network.cut["twitter.example"] = failure
    (only,) = network.play(TLS.plan.sentinel(task), TlsObservation)
    assert (only.failure, only.bytes_received) == (failure, 0)
    assert only.packets
    assert TLS.reader.anomaly((only,)) is only


def test_after_a_failure_the_control_goes_once_more(network: FakeNetwork, task: Task) -> None:
    """It tells whether the endpoint remembers; all arms offer the same window, of one segment."""
    network.cut["twitter.example"] = Failure.CONNECTION_RESET
    observations = network.play(TLS.plan.paired(task), TlsObservation)
    assert observations[-1].arm is Arm.AFTER
    assert (observations[-1].sni, observations[-1].failure) == (observations[0].sni, None)
    assert list(TLS.reader.remembering(observations).values()) == [False]
    assert {step.window for step in network.asked(Connect)} == {WINDOW}


def test_timeouts_and_linger(network: FakeNetwork, task: Task) -> None:
    """The wait is the task's answer time-out, and the capture listens on for an RST that lost the race."""
    network.play(TLS.plan.sentinel(task), TlsObservation)
    assert network.asked(Connect)[-1].timeout == task.timeouts.connect
    assert network.asked(Receive)[-1].timeout == task.timeouts.answer
    assert network.asked(Close)[-1].linger >= 0.3
    assert not network.asked(Handshake)


HELPER = "203.0.113.9"


def _at_helper(network: FakeNetwork, task: Task) -> list[tuple[Arm, str | None, Failure | None]]:
    observations = network.play(TLS.plan.paired(msgspec.structs.replace(task, helper=HELPER)), TlsObservation)
    return [(o.arm, o.sni, o.failure) for o in observations if o.address == HELPER]


def test_a_name_that_fails_is_shown_on_neutral_ground(network: FakeNetwork, task: Task) -> None:
    """The control's name first, then the subject's, and once more where it dies; the helper is hot after that."""
    network.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    assert _at_helper(network, task) == [
        (Arm.NEUTRAL_CONTROL, "neighbour.example", None),
        (Arm.NEUTRAL, "twitter.example", Failure.GENERIC_TIMEOUT),
        (Arm.NEUTRAL, "twitter.example", Failure.GENERIC_TIMEOUT),
    ]
    observations = network.play(TLS.plan.paired(msgspec.structs.replace(task, helper=HELPER)), TlsObservation)
    assert {endpoint.host for endpoint in TLS.reader.heated(observations)} == {"198.18.1.1", HELPER}
    assert [e.host for e in TLS.plan.load(msgspec.structs.replace(task, helper=HELPER)).endpoints][1:] == [HELPER]


def test_a_helper_that_is_down_is_shown_no_name(network: FakeNetwork, task: Task) -> None:
    """It says nothing, and the household's line shows nothing for nothing; nor where the subject is answered."""
    assert _at_helper(network, task) == []
    network.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    network.cut["neighbour.example"] = Failure.GENERIC_TIMEOUT
    assert [arm for arm, _, _ in _at_helper(network, task)] == [Arm.NEUTRAL_CONTROL]
