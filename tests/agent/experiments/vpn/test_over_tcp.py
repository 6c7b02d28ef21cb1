"""The rounds of a handshake on a connection: the helper's own code answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from balise_agent.experiments.steps import Close, Connect, Datagram, Rest, Send
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.experiments.vpn.plan import PLAN
from balise_agent.run.vpn_echo import VpnStream
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.traits import Transport
from balise_wire.experiments.vpn import CONTROLS, OVER_TCP, ROUNDS, VpnObservation, VpnProtocol, VpnShape
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design
from tests.agent.experiments.vpn.test_plan import HELPER, PORT, asked

SUBJECT = (Arm.SUBJECT, VpnShape.PROTOCOL)
ON_A_CONNECTION = pytest.mark.parametrize("protocol", sorted(OVER_TCP))


class Line:
    """Connections to a helper behind a box: which of them dies, in order, and behind how many of the client's bytes."""

    def __init__(self, dies: Callable[[int, bytes], bool] = lambda _number, _said: False) -> None:
        self.dies, self.number = dies, 0

    def __call__(self) -> Callable[[bytes], bytes | None]:
        """Begin a connection."""
        number, stream, heard = self.number, VpnStream(), bytearray()
        self.number += 1

        def answer(data: bytes) -> bytes | None:
            heard.extend(data)
            return b"" if self.dies(number, bytes(heard)) else stream.take(data)

        return answer


@ON_A_CONNECTION
def test_a_handshake_that_passes_on_a_connection(network: FakeNetwork, task: Task, protocol: VpnProtocol) -> None:
    """No token, nothing over UDP; every round on one connection, in the sizes that are told, and it is closed."""
    network.tcp[HELPER, PORT] = Line()
    (seen,) = network.play(PLAN.sentinel(asked(task, protocol)), VpnObservation)
    rounds = ROUNDS[protocol]
    assert (seen.failure, seen.token, seen.connected, seen.protocol) == (None, None, True, protocol)
    assert (seen.rounds, seen.answered, seen.repeated) == (len(rounds), len(rounds), 0)
    assert seen.rtt_ms is not None
    assert [len(one.data) for one in network.asked(Send)] == [size for sizes, _ in rounds for size in sizes]
    assert (len(network.asked(Connect)), len(network.asked(Close)), network.asked(Datagram)) == (1, 1, [])


@pytest.mark.parametrize(("passes", "answered"), [(0, 0), (16, 1), (40, 1), (323, 2), (457, 3)])
def test_how_far_it_got_on_a_connection(network: FakeNetwork, task: Task, passes: int, answered: int) -> None:
    """Censors let the reset pass and cut at the acknowledgement, or behind it."""
    network.tcp[HELPER, PORT] = Line(lambda _number, said: len(said) > passes)
    (seen,) = network.play(PLAN.sentinel(asked(task, VpnProtocol.OPENVPN_TCP)), VpnObservation)
    assert (seen.answered, seen.connected) == (answered, True)
    assert seen.failure is (None if answered == 3 else Failure.GENERIC_TIMEOUT)


@ON_A_CONNECTION
def test_a_series_on_connections_has_its_controls_first(
    network: FakeNetwork, task: Task, protocol: VpnProtocol
) -> None:
    """Ten minutes apart, at the same address and port; what goes ahead is no protocol's."""
    shapes = CONTROLS[protocol]
    whole = len(shapes) + 1
    network.tcp[HELPER, PORT] = Line(lambda number, _said: number % whole == whole - 1)
    seen = network.play(PLAN.paired(asked(task, protocol, Design.PAIRED)), VpnObservation)
    turn = [*((Arm.NOISE, shape) for shape in shapes), SUBJECT]
    assert [(one.arm, one.shape) for one in seen] == 2 * turn
    assert [one.failure is None for one in seen] == 2 * [*([True] * len(shapes)), False]
    assert [one.seconds for one in network.asked(Rest)] == [600.0]
    assert PLAN.load(asked(task, protocol, Design.PAIRED)).connections == len(seen) == len(network.asked(Connect))
    assert PLAN.load(asked(task, protocol)).endpoints == (Endpoint(HELPER, PORT, Transport.TCP),)


@ON_A_CONNECTION
def test_a_port_without_connections_ends_a_series(network: FakeNetwork, task: Task, protocol: VpnProtocol) -> None:
    """Nothing is said where no connection stands, and nobody waits for another turn."""
    network.refuse(HELPER, PORT, Failure.GENERIC_TIMEOUT)
    seen = network.play(PLAN.paired(asked(task, protocol, Design.PAIRED)), VpnObservation)
    assert {(one.connected, one.answered, one.failure) for one in seen} == {(False, 0, Failure.GENERIC_TIMEOUT)}
    assert (network.asked(Send), network.asked(Rest)) == ([], [])


@pytest.mark.parametrize(
    ("said", "failure"), [(None, Failure.EOF), (bytes(283), Failure.VPN_MALFORMED), (b"busy", Failure.VPN_MALFORMED)]
)
def test_who_answers_something_else_is_not_the_helper(
    network: FakeNetwork, task: Task, said: bytes | None, failure: Failure
) -> None:
    """It hangs up, it is the helper and has too much to do, or a proxy on the way says what it likes."""
    network.tcp[HELPER, PORT] = lambda: lambda _data: said
    (seen,) = network.play(PLAN.sentinel(asked(task, VpnProtocol.OPENVPN_TCP)), VpnObservation)
    assert (seen.answered, seen.failure, seen.connected) == (0, failure, True)
