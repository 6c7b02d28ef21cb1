"""What a trial of stun means to the schedule, and what of it leaves the device."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.stun.outcome import READER
from balise_agent.experiments.task import Endpoint
from balise_agent.policy.scrub import Allowed
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.stun import ANSWER, BINDING, LOOKUP, REQUEST, SILENT, SYN, StunObservation, StunPacket
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.words import Arm

DEAD = StunObservation(
    arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=3_478, sent=StunPacket.BINDING, copies=3,
    failure=Failure.GENERIC_TIMEOUT, followed=False,
)  # fmt: skip
ANSWERED = msgspec.structs.replace(
    DEAD, copies=1, answers=1, answer="binding", mapped="xor", failure=None, followed=None, rtt_ms=20.0
)
ALLOWED = Allowed(addresses=frozenset({"198.18.1.1"}))


def test_nothing_heats() -> None:
    """No packet names anybody: there is nothing that a censor could remember of us."""
    assert READER.read(DEAD).heats == ()
    assert READER.read(DEAD).at == Endpoint("198.18.1.1", 3_478, Transport.UDP)


def test_what_did_not_leave_is_no_anomaly() -> None:
    """Most homes have no way to IPv6."""
    read = READER.read(msgspec.structs.replace(DEAD, copies=0, failure=Failure.NETWORK_UNREACHABLE, followed=None))
    assert (read.failed, read.unsent) == (False, True)


@pytest.mark.parametrize(
    ("trial", "size"),
    [
        (ANSWERED, BINDING),
        (DEAD, SILENT),
        (msgspec.structs.replace(DEAD, followed=True), SILENT + ANSWER),
        (msgspec.structs.replace(ANSWERED, arm=Arm.ELSEWHERE, name="a.example"), BINDING + LOOKUP),
        (msgspec.structs.replace(DEAD, sent=StunPacket.SYN, copies=2, followed=None), 2 * SYN),
        (msgspec.structs.replace(DEAD, sent=StunPacket.CLASSIC, followed=None), 3 * REQUEST),
    ],
)
def test_what_a_trial_cost(trial: StunObservation, size: int) -> None:
    """By what left and what came."""
    assert READER.read(trial).spent == size


def test_an_address_that_nobody_assigned_does_not_leave() -> None:
    """Only what the task names may be told; another operator's server that was looked up has its name."""
    assert READER.scrub(DEAD, Allowed())["address"] == ""
    assert READER.scrub(DEAD, ALLOWED)["address"] == "198.18.1.1"
    assert READER.scrub(msgspec.structs.replace(DEAD, name="a.example"), ALLOWED)["name"] == "a.example"


def test_an_answer_leaves_no_digest() -> None:
    """It holds the home's own address: a digest of it can be searched for."""
    packets = tuple(Packet(t_us=1, direction=way, protocol="udp", sha256="ab") for way in (Direction.IN, Direction.OUT))
    said = READER.scrub(msgspec.structs.replace(ANSWERED, packets=packets), ALLOWED)["packets"]
    assert [one.sha256 for one in said] == ["", "ab"]


def test_a_strangers_words_do_not_leave() -> None:
    """Codes have one shape."""
    assert READER.scrub(msgspec.structs.replace(ANSWERED, icmp="3/13 you"), ALLOWED)["icmp"] == ""


@pytest.mark.parametrize(
    ("trial", "sent", "back"),
    [
        (ANSWERED, "STUN binding to 198.18.1.1:3478", "binding"),
        (DEAD, "STUN binding to 198.18.1.1:3478", ""),
        (
            msgspec.structs.replace(DEAD, followed=True, name="a.example"),
            "STUN binding to a.example:3478",
            "an answer to a classic request alone",
        ),
    ],
)
def test_a_person_reads_what_was_sent(trial: StunObservation, sent: str, back: str) -> None:
    """One line at the terminal."""
    assert tuple(msgspec.structs.astuple(READER.describe(trial))) == (sent, back)
