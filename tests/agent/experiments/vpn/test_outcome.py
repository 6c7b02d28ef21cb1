"""What a trial of vpn means to the schedule, and what of it leaves the device."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.task import Endpoint
from balise_agent.experiments.vpn.outcome import READER
from balise_agent.policy.scrub import Allowed
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.traits import Transport
from balise_wire.experiments.vpn import HEADERS, TALK, VpnObservation, VpnProtocol, VpnShape, most_of, size_of
from balise_wire.failures import Failure
from balise_wire.words import Arm

HELPER = "198.18.7.7"
WHOLE = VpnObservation(
    arm=Arm.SUBJECT, at=1.0, address=HELPER, port=51_820, protocol=VpnProtocol.WIREGUARD, shape=VpnShape.PROTOCOL,
    token=True, rounds=2, answered=2, rtt_ms=20.0,
)  # fmt: skip
CUT = msgspec.structs.replace(WHOLE, answered=0, failure=Failure.GENERIC_TIMEOUT)
MUTE = msgspec.structs.replace(CUT, token=False)
TCP = msgspec.structs.replace(
    WHOLE, protocol=VpnProtocol.OPENVPN_TCP, port=1_194, token=None, connected=True, rounds=3, answered=3
)
TCP_CUT = msgspec.structs.replace(TCP, answered=1, failure=Failure.GENERIC_TIMEOUT)
TCP_MUTE = msgspec.structs.replace(TCP_CUT, answered=0, connected=False)
NONE = msgspec.structs.replace(WHOLE, address="", token=None, rounds=0, answered=0)


def test_a_handshake_that_is_cut_is_an_anomaly_and_heats_nothing() -> None:
    """The server is ours: no block stays behind at a service's."""
    assert (READER.read(CUT).failed, READER.read(CUT).heats) == (True, ())
    assert not READER.read(WHOLE).failed
    assert not READER.read(NONE).failed


def test_what_is_cut_on_a_connection_heats_our_own_port() -> None:
    """Some censors keep it closed for minutes: the controls of the series wait so long."""
    assert READER.read(TCP_CUT).heats == (Endpoint(HELPER, 1_194, Transport.TCP),)
    assert READER.read(TCP).heats == READER.read(TCP_MUTE).heats == ()


@pytest.mark.parametrize(
    ("trial", "size"),
    [
        (WHOLE, size_of(VpnProtocol.WIREGUARD)),
        (CUT, 4 * TALK + 4 * (148 + HEADERS)),
        (MUTE, TALK),
        (NONE, 0),
        (TCP, size_of(VpnProtocol.OPENVPN_TCP)),
        (TCP_CUT, most_of(VpnProtocol.OPENVPN_TCP)),
    ],
)
def test_what_a_trial_cost(trial: VpnObservation, size: int) -> None:
    """By what left and what came."""
    assert READER.read(trial).spent == size


def test_a_helpers_address_never_leaves() -> None:
    """Whoever knows it can block it; what came from it has no digest that could be searched for."""
    packets = (Packet(t_us=1, direction=Direction.IN, protocol="udp", sha256="ab"),)
    said = READER.scrub(
        msgspec.structs.replace(WHOLE, packets=packets, icmp="3/3 you"), Allowed(addresses=frozenset({HELPER}))
    )
    assert (said["address"], said["icmp"], said["packets"][0].sha256) == ("", "", "")


@pytest.mark.parametrize(
    ("trial", "sent", "back"),
    [
        (WHOLE, "handshake of wireguard, to a helper's port 51820", "2 of 2 rounds were answered"),
        (CUT, "handshake of wireguard, to a helper's port 51820", ""),
        (
            msgspec.structs.replace(WHOLE, shape=VpnShape.RANDOM),
            "random bytes in the sizes of wireguard, to a helper's port 51820",
            "2 of 2 rounds were answered",
        ),
        (NONE, "no helper is assigned, or no such handshake known: nothing was sent", "nothing to answer"),
    ],
)
def test_a_person_reads_what_was_sent(trial: VpnObservation, sent: str, back: str) -> None:
    """One line at the terminal, without the helper's address."""
    assert tuple(msgspec.structs.astuple(READER.describe(trial))) == (sent, back)
