"""What a trial of quic means to the schedule, and what of it leaves the device."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.quic.outcome import READER
from balise_agent.experiments.task import Endpoint
from balise_agent.policy.scrub import Allowed
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.quic import DATAGRAM, HANDSHAKE, SYN, VERSION_PROBE, QuicObservation, QuicPacket
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm

SILENT = QuicObservation(
    arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443, sent=QuicPacket.INITIAL, name="a.example", copies=3,
    failure=Failure.GENERIC_TIMEOUT, followed=False,
)  # fmt: skip
ANSWERED = msgspec.structs.replace(
    SILENT, copies=1, answers=3, answer="server_hello", failure=None, followed=True, rtt_ms=20.0
)


def test_a_name_that_was_shown_in_vain_heats_udp_alone() -> None:
    """Residual blocking is to be expected there, and not over TCP."""
    assert READER.read(SILENT).heats == (Endpoint("198.18.1.1", 443, Transport.UDP),)
    assert READER.read(ANSWERED).heats == ()


def test_silence_asks_the_layer_below() -> None:
    """Nobody may be there at all; whoever answered and fell silent later is."""
    assert not READER.read(SILENT).connected
    assert READER.read(msgspec.structs.replace(ANSWERED, failure=Failure.GENERIC_TIMEOUT, followed=False)).connected


def test_what_did_not_leave_is_no_anomaly() -> None:
    """Most homes have no way to IPv6."""
    read = READER.read(msgspec.structs.replace(SILENT, copies=0, failure=Failure.NETWORK_UNREACHABLE, followed=None))
    assert (read.failed, read.unsent, read.heats) == (False, True, ())


@pytest.mark.parametrize(
    ("trial", "size"),
    [
        (ANSWERED, HANDSHAKE),
        (SILENT, 6 * DATAGRAM),
        (msgspec.structs.replace(SILENT, sent=QuicPacket.SYN, name=None, copies=2, followed=None), 2 * SYN),
        (
            msgspec.structs.replace(ANSWERED, sent=QuicPacket.VERSION, name=None, answers=1, followed=None),
            VERSION_PROBE,
        ),
    ],
)
def test_what_a_trial_cost(trial: QuicObservation, size: int) -> None:
    """By what left and what came."""
    assert READER.read(trial).spent == size


def test_an_address_that_nobody_assigned_does_not_leave() -> None:
    """Only what the task names may be told."""
    assert READER.scrub(SILENT, Allowed(addresses=frozenset()))["address"] == ""
    assert READER.scrub(SILENT, Allowed(addresses=frozenset({"198.18.1.1"})))["address"] == "198.18.1.1"


def test_what_came_in_clear_leaves_no_digest() -> None:
    """It may be a page that names its reader."""
    packet = Packet(t_us=1, direction=Direction.IN, protocol="udp", sha256="ab")
    clear = msgspec.structs.replace(SILENT, answer="other", packets=(packet,))
    assert READER.scrub(clear, Allowed(addresses=frozenset()))["packets"][0].sha256 == ""


def test_a_strangers_words_do_not_leave() -> None:
    """Versions and codes have one shape."""
    odd = msgspec.structs.replace(ANSWERED, versions=("00000001", "x" * 8), icmp="3/13 you")
    said = READER.scrub(odd, Allowed(addresses=frozenset()))
    assert (said["versions"], said["icmp"]) == (("00000001",), "")


@pytest.mark.parametrize(
    ("trial", "sent", "back"),
    [
        (ANSWERED, "QUIC Initial a.example to 198.18.1.1:443", "server hello, answered seconds later"),
        (SILENT, "QUIC Initial a.example to 198.18.1.1:443", ""),
    ],
)
def test_a_person_reads_what_was_sent(trial: QuicObservation, sent: str, back: str) -> None:
    """One line at the terminal."""
    assert tuple(msgspec.structs.astuple(READER.describe(trial))) == (sent, back)
