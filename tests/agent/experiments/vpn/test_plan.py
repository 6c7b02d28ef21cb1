"""The plan of vpn over a network of data: the helper's own code answers."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.steps import Datagram, Rest
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.experiments.vpn.plan import PLAN
from balise_agent.run.call_echo import Source
from balise_agent.run.vpn_echo import HelperEcho
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.traits import Transport
from balise_wire.experiments.vpn import OVER_TCP, ROUNDS, VpnObservation, VpnParameters, VpnProtocol, VpnShape
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design

HELPER = "198.18.7.7"
HOME = Source("h", "h")
PORT = 1_194
SUBJECT, CONTROL = (Arm.SUBJECT, VpnShape.PROTOCOL), (Arm.NOISE, VpnShape.RANDOM)
EVERY = pytest.mark.parametrize("protocol", sorted(set(VpnProtocol.known()) - OVER_TCP))


class Way:
    """A helper behind a box that drops what does not begin as noise does, behind so many packets of it."""

    def __init__(self, passes: int | None = None, *, noise: bool = True, vpn: bool = True) -> None:
        self.echo, self.passes, self.noise, self.seen = HelperEcho(b"s", vpn=vpn), passes, noise, 0

    def __call__(self, data: bytes) -> tuple[bytes, ...]:
        """Return what comes back for a datagram."""
        if self._stops(data):
            return ()
        answer = self.echo.answer(data, HOME, 0.0)
        return () if answer is None or self._stops(answer) else (answer,)

    def _stops(self, data: bytes) -> bool:
        if len(data) == 64:
            return False
        if data[0] & 0xF0 == 0x60:
            return not self.noise
        self.seen += 1
        return self.passes is not None and self.seen > self.passes


def asked(task: Task, protocol: VpnProtocol, design: Design = Design.SENTINEL) -> Task:
    """Return a task with a helper."""
    target = task.target.saying(VpnParameters(protocol=protocol, port=PORT))
    return msgspec.structs.replace(task, helpers=(HELPER,), helper=HELPER, target=target, design=design)


@EVERY
def test_a_handshake_that_passes(network: FakeNetwork, task: Task, protocol: VpnProtocol) -> None:
    """A token, then every round on one flow, in the sizes that are told."""
    network.udp[HELPER, PORT] = Way()
    (seen,) = network.play(PLAN.sentinel(asked(task, protocol)), VpnObservation)
    rounds = ROUNDS[protocol]
    assert (seen.failure, seen.token, seen.protocol, seen.shape) == (None, True, protocol, VpnShape.PROTOCOL)
    assert (seen.rounds, seen.answered, seen.repeated) == (len(rounds), len(rounds), 0)
    assert seen.rtt_ms == pytest.approx(20.0)
    token, *others = network.asked(Datagram)
    assert [one.source for one in others] == [0, *[62_000] * (len(rounds) - 1)]
    for step, (sizes, _) in zip(others, rounds, strict=True):
        assert tuple(len(one.data) for one in step.datagrams[: len(sizes)]) == sizes
    assert (token.address, len(token.datagrams[0].data)) == (HELPER, 64)


@pytest.mark.parametrize(
    ("protocol", "passes", "answered"),
    [
        (VpnProtocol.OPENVPN, 0, 0),
        (VpnProtocol.OPENVPN, 2, 1),
        (VpnProtocol.OPENVPN, 4, 1),
        (VpnProtocol.OPENVPN, 7, 2),
        (VpnProtocol.OPENVPN, 8, 3),
        (VpnProtocol.WIREGUARD, 0, 0),
        (VpnProtocol.WIREGUARD, 2, 1),
        (VpnProtocol.IKEV2, 1, 0),
        (VpnProtocol.IKEV2, 3, 1),
    ],
)
def test_how_far_it_got_is_told(
    network: FakeNetwork, task: Task, protocol: VpnProtocol, passes: int, answered: int
) -> None:
    """Censors let the resets of OpenVPN pass and cut at the third to the eighth packet; either direction counts."""
    network.udp[HELPER, PORT] = Way(passes)
    (seen,) = network.play(PLAN.sentinel(asked(task, protocol)), VpnObservation)
    whole = answered == len(ROUNDS[protocol])
    assert (seen.answered, seen.failure) == (answered, None if whole else Failure.GENERIC_TIMEOUT)
    assert seen.repeated == (0 if whole else 3)


@pytest.mark.parametrize(("passes", "pool", "moved"), [(0, 1, False), (0, 2, True), (2, 1, None), (None, 2, True)])
def test_a_first_packet_without_an_answer_asks_who_we_are(
    network: FakeNetwork, task: Task, passes: int | None, pool: int, moved: bool | None
) -> None:
    """A provider that gives each flow another address of a pool: the helper answers the one of the token alone."""
    way, flows = Way(passes), list[bytes]()

    def answer(data: bytes) -> tuple[bytes, ...]:
        if data not in flows:
            flows.append(data)
        home = Source(f"h{flows.index(data) % pool}", "h")
        if len(data) != 64 and way._stops(data):
            return ()
        found = way.echo.answer(data, home, 0.0)
        return () if found is None or way._stops(found) else (found,)

    network.udp[HELPER, PORT] = answer
    (seen,) = network.play(PLAN.sentinel(asked(task, VpnProtocol.WIREGUARD)), VpnObservation)
    assert (seen.moved, seen.failure) == (moved, Failure.GENERIC_TIMEOUT)


@EVERY
def test_a_series_has_its_control_first_and_is_made_twice(
    network: FakeNetwork, task: Task, protocol: VpnProtocol
) -> None:
    """Ten minutes apart: what is cut and its control, at the same address and port."""
    network.udp[HELPER, PORT] = Way(0)
    seen = network.play(PLAN.paired(asked(task, protocol, Design.PAIRED)), VpnObservation)
    assert [(one.arm, one.shape) for one in seen] == [CONTROL, SUBJECT, CONTROL, SUBJECT]
    assert [one.failure is None for one in seen] == [True, False, True, False]
    assert seen[3].at - seen[1].at >= 600.0
    assert [one.seconds for one in network.asked(Rest)] == [600.0]
    assert {(one.address, one.port) for one in network.asked(Datagram)} == {(HELPER, PORT)}


@pytest.mark.parametrize("way", [Way(), Way(0, noise=False)])
def test_what_excludes_a_verdict_ends_a_series(network: FakeNetwork, task: Task, way: Way) -> None:
    """The handshake passes, or the control does not: nobody waits for another turn."""
    network.udp[HELPER, PORT] = way
    seen = network.play(PLAN.paired(asked(task, VpnProtocol.WIREGUARD, Design.PAIRED)), VpnObservation)
    assert [(one.arm, one.shape) for one in seen] == [CONTROL, SUBJECT]
    assert network.asked(Rest) == []


def test_without_a_token_no_handshake_is_sent(network: FakeNetwork, task: Task) -> None:
    """The helper is off, or nothing comes through: whatever it looks like."""
    network.udp[HELPER, PORT] = lambda _data: ()
    seen = network.play(PLAN.paired(asked(task, VpnProtocol.OPENVPN)), VpnObservation)
    assert {(one.token, one.answered, one.failure) for one in seen} == {(False, 0, Failure.GENERIC_TIMEOUT)}
    assert {len(one.data) for step in network.asked(Datagram) for one in step.datagrams} == {64}


def test_a_helper_that_was_not_asked_to_answers_no_handshake(network: FakeNetwork, task: Task) -> None:
    """Neither subject nor control: nothing can be concluded."""
    network.udp[HELPER, PORT] = Way(vpn=False)
    seen = network.play(PLAN.paired(asked(task, VpnProtocol.WIREGUARD)), VpnObservation)
    assert {(one.arm, one.token, one.answered) for one in seen} == {(Arm.NOISE, True, 0), (Arm.SUBJECT, True, 0)}


def test_what_is_late_answers_no_later_round(network: FakeNetwork, task: Task) -> None:
    """An answer to a copy of the round before comes first: the round is gone on with."""
    way, late = Way(), list[bytes]()

    def answer(data: bytes) -> tuple[bytes, ...]:
        answers = way(data)
        if len(data) == 14:
            late.extend(answers)
            return answers
        if len(data) > 200 and late:
            return (late.pop(),)
        return answers

    network.udp[HELPER, PORT] = answer
    (seen,) = network.play(PLAN.sentinel(asked(task, VpnProtocol.OPENVPN)), VpnObservation)
    assert (seen.answered, seen.failure) == (3, None)


def test_what_a_stranger_answers_is_no_answer(network: FakeNetwork, task: Task) -> None:
    """An echo of what was sent, nothing, or bytes of the right size: none is believed, and it ends."""
    way = Way()

    def answer(data: bytes) -> tuple[bytes, ...]:
        return way(data) if len(data) == 64 else (data, b"", bytes(92))

    network.udp[HELPER, PORT] = answer
    (seen,) = network.play(PLAN.sentinel(asked(task, VpnProtocol.WIREGUARD)), VpnObservation)
    assert (seen.token, seen.answered, seen.failure) == (True, 0, Failure.GENERIC_TIMEOUT)


@pytest.mark.parametrize("helped", [True, False])
def test_nothing_is_sent_without_a_helper_or_a_known_protocol(
    network: FakeNetwork,
    task: Task,
    helped: bool,
) -> None:
    """And nothing is a failure."""
    task = asked(task, VpnProtocol.UNKNOWN) if helped else task
    (seen,) = network.play(PLAN.sentinel(task), VpnObservation)
    assert (seen.address, seen.failure, seen.token, seen.rounds) == ("", None, None, 0)
    assert network.asked(Datagram) == []
    assert PLAN.load(task).endpoints == ()


def test_the_helpers_udp_alone_is_loaded(task: Task) -> None:
    """Its TLS neither waits for it nor is heated by it."""
    load = PLAN.load(asked(task, VpnProtocol.OPENVPN))
    assert load.endpoints == (Endpoint(HELPER, PORT, Transport.UDP),)
    assert load.connections == 7
