"""The tls experiment: order of arms, what counts as an answer, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.experiments import REGISTRY, Task
from balise_agent.experiments.scramble import scrambled
from balise_agent.experiments.steps import Close, Connect, Handshake, Receive
from balise_agent.experiments.tls import first_record
from balise_wire.failures import Failure
from balise_wire.observations import TlsObservation
from balise_wire.words import Arm, Experiment

if TYPE_CHECKING:
    from collections.abc import Callable

TLS = REGISTRY[Experiment.TLS]


def arms(observations: tuple[Any, ...]) -> list[tuple[Arm, bool]]:
    """Return arm and carried mark of each observation."""
    return [(o.arm, o.carried) for o in observations]


def test_sentinel_is_one_hello(world: Any, task: Task) -> None:
    """A sentinel is cheap: one connection, one hello, and any byte back is success."""
    (only,) = world.play(TLS.sentinel(task))
    assert world.names() == ["twitter.example"]
    assert only.failure is None
    assert (only.record, only.connect_ms, only.verified) == ("server_hello", 40.0, None)
    assert TLS.anomaly((only,)) is None


def test_first_sentinel_of_a_day_shows_the_chain(world: Any, task: Task) -> None:
    """With the full flag a handshake by OpenSSL follows the hello."""
    hello, full = world.play(TLS.sentinel(msgspec.structs.replace(task, full=True)))
    assert (hello.full, full.full, full.verified) == (False, True, True)


def test_controls_go_first(world: Any, task: Task) -> None:
    """Residual blocking hits the address: neighbour and scrambled name are asked before the subject, always."""
    world.cut["twitter.example"] = Failure.GENERIC_TIMEOUT
    cause = TlsObservation(
        arm=Arm.SUBJECT, at=5.0, failure=Failure.GENERIC_TIMEOUT, address="198.18.1.1", port=443, sni="twitter.example"
    )
    observations = world.play(TLS.paired(task, cause))
    scramble = scrambled("twitter.example", task.seed)
    assert world.names() == ["neighbour.example", scramble, "twitter.example", "twitter.example"]
    assert arms(observations) == [
        (Arm.SUBJECT, True),
        (Arm.NEIGHBOUR, False),
        (Arm.SCRAMBLED, False),
        (Arm.SUBJECT, False),
        (Arm.SUBJECT, False),
    ]
    assert [o.failure for o in observations[1:]] == [None, None, Failure.GENERIC_TIMEOUT, Failure.GENERIC_TIMEOUT]
    assert TLS.anomaly(observations) is observations[3]


def test_without_a_neighbour_the_control_name_stands_in(world: Any, task: Task, changed: Callable[..., Task]) -> None:
    """The arm says which control it was; with no name at all it is a hello without one."""
    world.play(TLS.paired(changed(task, neighbour=""), None))
    assert world.names()[0] == "control.example"
    bare = msgspec.structs.replace(changed(task, neighbour=""), control_name="", controls=())
    observations = world.play(TLS.paired(bare, None))
    assert observations[0].arm is Arm.ABSENT
    assert observations[0].sni is None


def test_each_trial_has_a_hello_of_its_own(world: Any, task: Task) -> None:
    """No two hellos of a series share random or key share: a box must not pass one for having seen the other."""
    world.play(TLS.paired(task, None))
    randoms = [s.data[11:43] for s in world.steps if getattr(s, "data", b"").startswith(b"\x16")]
    assert len(set(randoms)) == len(randoms) == 4


def test_paired_ends_with_the_chain_when_the_hello_passed(world: Any, task: Task) -> None:
    """Interception answers the hello: only the chain tells, and the control's chain tells whose interception."""
    world.mitm.add("twitter.example")
    observations = world.play(TLS.paired(task, None))
    subject, control = observations[-2:]
    assert (subject.arm, subject.failure, subject.verified) == (Arm.SUBJECT, Failure.SSL_UNKNOWN_AUTHORITY, False)
    assert (control.arm, control.verified) == (Arm.NEIGHBOUR, True)
    assert TLS.anomaly(observations) is subject


def test_a_failed_connect_is_told_apart(world: Any, task: Task) -> None:
    """Where TCP fails the observation says so: the TLS layer must not be blamed for it."""
    world.refused["198.18.1.1", 443] = Failure.CONNECTION_REFUSED
    (only,) = world.play(TLS.sentinel(task))
    assert (only.connect_ms, only.failure) == (None, Failure.CONNECTION_REFUSED)


def test_where_nothing_connects_one_try_is_enough(world: Any, task: Task) -> None:
    """No name can be told from another at a dead address; four time-outs in a row would only hold up the TCP series."""
    world.refused["198.18.1.1", 443] = Failure.GENERIC_TIMEOUT
    observations = world.play(TLS.paired(task, None))
    assert arms(observations) == [(Arm.NEIGHBOUR, False), (Arm.SUBJECT, False)]
    assert TLS.anomaly(observations) is observations[1]


@pytest.mark.parametrize("failure", [Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF])
def test_every_end_after_the_hello_is_a_failure(world: Any, task: Task, failure: Failure) -> None:
    """Drop, RST and FIN in the place of an answer are failures, each by its word, with packets."""
    world.cut["twitter.example"] = failure
    (only,) = world.play(TLS.sentinel(task))
    assert (only.failure, only.bytes_received) == (failure, 0)
    assert only.packets
    assert TLS.anomaly((only,)) is only


def test_timeouts_and_linger(world: Any, task: Task) -> None:
    """The wait is the task's answer time-out, and the capture listens on for an RST that lost the race."""
    world.play(TLS.sentinel(task))
    by_kind = {type(s): s for s in world.steps}
    assert by_kind[Connect].timeout == task.timeouts.connect
    assert by_kind[Receive].timeout == task.timeouts.answer
    assert by_kind[Close].linger >= 0.3
    assert Handshake not in by_kind


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", ""),
        (b"\x16\x03\x03\x00\x7a\x02\x00", "server_hello"),
        (b"\x16", "server_hello"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "alert:40"),
        (b"\x15\x03\x01", "alert:"),
        (b"HTTP/1.", "other"),
        (b"\x16\x03\x03\x00\x7a\x0b\x00", "other"),
    ],
)
def test_first_record(data: bytes, name: str) -> None:
    """The first record is named by its bytes; what is no TLS is ``other``."""
    assert first_record(data) == name
