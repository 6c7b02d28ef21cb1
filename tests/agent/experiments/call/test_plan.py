"""The plan of call over a network of data: the helper's own code answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_agent.experiments.call.plan import PLAN
from balise_agent.experiments.steps import Datagram
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.run.call_echo import CallEcho, Source
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.call import PACKETS, PORTS, CallObservation, CallShape
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design

HELPER = "198.18.7.7"
VOICE, NOISE = CallShape.VOICE, CallShape.NOISE
HOME = Source("h", "h")


def is_voice(data: bytes) -> bool:
    """Look as a box does."""
    return len(data) == 160 and data[0] == 0x80


class Way:
    """A helper behind a box that cuts voice, after so many packets of it."""

    def __init__(self, cuts: str = "", passes: int = 0) -> None:
        self.echo, self.cuts, self.passes, self.seen = CallEcho(b"s"), cuts, passes, 0

    def __call__(self, data: bytes) -> tuple[bytes, ...]:
        """Return what comes back for a datagram."""
        if "up" in self.cuts and self._stops(data):
            return ()
        answer = self.echo.answer(data, HOME, 0.0)
        return () if answer is None or ("down" in self.cuts and self._stops(answer)) else (answer,)

    def _stops(self, data: bytes) -> bool:
        self.seen += is_voice(data)
        return is_voice(data) and self.seen > self.passes


@pytest.fixture
def calls(task: Task) -> Task:
    """Return a task with a helper."""
    return msgspec.structs.replace(task, helpers=(HELPER,), helper=HELPER)


def served(network: FakeNetwork, way: Callable[[bytes], tuple[bytes, ...]], ports: tuple[int, ...] = (3_478,)) -> None:
    """Let a helper answer on these ports, and on no other of its own."""
    for port in PORTS:
        network.udp[HELPER, port] = way if port in ports else lambda _data: ()


def test_a_call_that_passes(network: FakeNetwork, calls: Task) -> None:
    """150 packets each 20 ms, each answered and counted, with a round trip."""
    served(network, Way())
    (seen,) = network.play(PLAN.sentinel(calls), CallObservation)
    assert (seen.failure, seen.token, seen.up, seen.down, seen.sent) == (None, True, VOICE, VOICE, PACKETS)
    assert seen.arrived == seen.returned == (25,) * 6
    assert seen.rtt_ms == pytest.approx(20.0)
    assert seen.jitter_ms == pytest.approx(0.0)
    hello, train, report = network.asked(Datagram)
    assert [one.address for one in (hello, train, report)] == [HELPER] * 3
    assert {len(one.data) for one in train.datagrams} == {160}
    assert train.datagrams[-1].after == pytest.approx(149 * 0.02)
    assert all(is_voice(one.data) for one in train.datagrams)


def test_where_it_was_lost_is_told_by_the_report(network: FakeNetwork, calls: Task) -> None:
    """Up: the helper did not get it. Down: it got all."""
    served(network, Way("up", passes=30))
    (seen,) = network.play(PLAN.sentinel(calls), CallObservation)
    assert (seen.failure, seen.arrived, seen.returned) == (Failure.GENERIC_TIMEOUT, (25, 5, 0, 0, 0, 0), seen.arrived)
    served(network, Way("down"))
    (seen,) = network.play(PLAN.sentinel(calls), CallObservation)
    assert (seen.failure, seen.arrived, seen.returned) == (Failure.GENERIC_TIMEOUT, (25,) * 6, (0,) * 6)


def test_a_series_tries_each_direction_by_itself(network: FakeNetwork, calls: Task) -> None:
    """What looks like nothing first, then voice one way, the other way, and both ways twice."""
    served(network, Way("up"))
    seen = network.play(PLAN.paired(msgspec.structs.replace(calls, design=Design.PAIRED)), CallObservation)
    assert [(one.arm, one.up, one.down) for one in seen] == [
        (Arm.NOISE, NOISE, NOISE), (Arm.SHAPE, VOICE, NOISE), (Arm.SHAPE, NOISE, VOICE),
        (Arm.SUBJECT, VOICE, VOICE), (Arm.SUBJECT, VOICE, VOICE),
    ]  # fmt: skip
    assert [one.failure is None for one in seen] == [True, False, True, False, False]


def test_without_a_token_the_other_ports_are_asked(network: FakeNetwork, calls: Task) -> None:
    """No train is sent; a dead port is told from a helper that is off."""
    served(network, Way(), ports=(443, 8_801))
    seen = network.play(PLAN.paired(calls), CallObservation)
    assert [(one.arm, one.token) for one in seen] == [
        (Arm.NOISE, False), (Arm.OTHER_PORT, None), (Arm.SUBJECT, False)
    ]  # fmt: skip
    assert seen[1].ports == (443, 8_801)
    assert not any(len(one.data) == 160 for step in network.asked(Datagram) for one in step.datagrams)


def test_a_helper_that_says_nothing_sensible_gives_no_token(network: FakeNetwork, calls: Task) -> None:
    """Whatever stands there: it is not believed, and nothing more is sent."""
    served(network, lambda data: (data, b"", b"x" * 64))
    (seen,) = network.play(PLAN.sentinel(calls), CallObservation)
    assert (seen.token, seen.failure, seen.sent) == (False, Failure.GENERIC_TIMEOUT, 0)


def test_without_a_helper_nothing_is_sent(network: FakeNetwork, task: Task) -> None:
    """And nothing is a failure."""
    (seen,) = network.play(PLAN.sentinel(task), CallObservation)
    assert (seen.address, seen.failure, seen.token) == ("", None, None)
    assert network.asked(Datagram) == []
    assert PLAN.load(task).endpoints == ()


def test_the_helpers_udp_alone_is_loaded(calls: Task) -> None:
    """Its TLS neither waits for it nor is heated by it."""
    assert PLAN.load(calls).endpoints == (Endpoint(HELPER, 3_478, Transport.UDP),)
