"""Handshakes of VPN protocols on connections in the model: the agent's own plan, and the helper's own code."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.task import Task
from balise_agent.experiments.vpn.plan import PLAN
from balise_lab.field.network import Effect, Host
from balise_wire.assignment import Target
from balise_wire.experiments.vpn import VpnObservation, VpnParameters, VpnProtocol
from balise_wire.failures import Failure
from balise_wire.words import Design, TargetRole
from tests.lab.field.network.playing import Bed

SILENCE = Failure.GENERIC_TIMEOUT


def series(
    *effects: Effect, protocol: VpnProtocol = VpnProtocol.OPENVPN_TCP, port: int = 1_194
) -> tuple[VpnObservation, ...]:
    """Play a series towards a helper, behind what happens."""
    bed = Bed(effects, hosts=(Host(name="helper.example", country="DE", helper=True),))
    target = Target(id="s/vpn/h/4", service="s", role=TargetRole.VPN, host="h")
    target = target.saying(VpnParameters(protocol=protocol, port=port))
    task = Task(target=target, helpers=bed.world.addresses_of("helper.example")[:1], design=Design.PAIRED, seed=5)
    return bed.play(PLAN.paired(task), VpnObservation)


@pytest.mark.parametrize(
    ("effect", "answered"),
    [
        (None, "3 3"),
        (Effect(kind="vpn.cut", act="openvpn_tcp"), "3 0 3 0"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", passes=1), "3 1 3 1"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", passes=3), "3 2 3 2"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", passes=5), "3 3"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", passes=1, residual=300.0), "3 1 3 1"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", ports=(443,)), "3 3"),
        (Effect(kind="vpn.cut", act="openvpn_tcp", providers=(1,)), "3 3"),
        (Effect(kind="vpn.cut", act="openvpn"), "3 3"),
        (Effect(kind="udp.drop"), "3 3"),
    ],
)
def test_how_far_a_handshake_gets_on_a_connection(effect: Effect | None, answered: str) -> None:
    """The control passes, and the subject as far as the box lets it; what is about UDP changes nothing."""
    assert " ".join(str(one.answered) for one in series(*([effect] if effect else []))) == answered


@pytest.mark.parametrize(
    "effect",
    [
        Effect(kind="port.drop", ports=(1_194,)),
        Effect(kind="server.down", hosts=("helper.example",)),
        Effect(kind="vpn.cut", act="openvpn_tcp", passes=1, residual=3_000.0),
    ],
)
def test_a_port_without_connections(effect: Effect) -> None:
    """Nothing stands, or nothing any more behind the first handshake that was cut."""
    seen = series(effect)
    assert seen[-1].failure is SILENCE
    assert [one.connected for one in seen] == ([True, True, False, False] if effect.residual else [False, False])


def test_a_port_on_which_nobody_listens() -> None:
    """The helper's machine says so."""
    assert {(one.connected, one.failure) for one in series(port=1_195)} == {(False, Failure.CONNECTION_REFUSED)}


def test_a_lossy_line_is_told_by_its_copies() -> None:
    """Segments that left twice are counted, in whichever arm."""
    seen = [one for seed in range(3) for one in series(Effect(kind="line.loss", loss=0.2 + seed / 100))]
    assert sum(one.repeated for one in seen) > 3
    assert all(msgspec.structs.asdict(one)["token"] is None for one in seen)


@pytest.mark.parametrize("protocol", [VpnProtocol.FULLY_ENCRYPTED, VpnProtocol.OBFS4])
@pytest.mark.parametrize(
    ("effect", "answered"),
    [
        (None, "3 3 3 3 3 3"),
        (Effect(kind="vpn.cut", act="fully_encrypted"), "3 3 3 3 3 0 3 3 3 3 3 0"),
        (Effect(kind="vpn.cut", act="fully_encrypted", passes=1), "3 3 3 3 3 1 3 3 3 3 3 1"),
        (Effect(kind="vpn.cut", act="fully_encrypted", residual=180.0), "3 3 3 3 3 0 3 3 3 3 3 0"),
        (Effect(kind="vpn.cut", act="openvpn_tcp"), "3 3 3 3 3 3"),
        (Effect(kind="port.drop", ports=(8_388,)), "0 0 0 0 0 0"),
    ],
)
def test_what_is_random_dies_and_what_is_exempt_passes(
    protocol: VpnProtocol, effect: Effect | None, answered: str
) -> None:
    """Five controls, then the subject; nobody waits for a second turn where all passes, or nothing does."""
    seen = series(*([effect] if effect else []), protocol=protocol, port=8_388)
    assert " ".join(str(one.answered) for one in seen) == answered
