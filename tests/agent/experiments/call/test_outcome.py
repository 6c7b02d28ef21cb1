"""What a trial of call means to the schedule, and what of it leaves the device."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.call.outcome import READER
from balise_agent.policy.scrub import Allowed
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.call import HEADERS, LOOK, PACKET, TALK, TRAIN, CallObservation, CallShape
from balise_wire.failures import Failure
from balise_wire.words import Arm

HELPER = "198.18.7.7"
WHOLE = CallObservation(
    arm=Arm.SUBJECT, at=1.0, address=HELPER, port=3_478, up=CallShape.VOICE, down=CallShape.VOICE, token=True, sent=150,
    arrived=(25,) * 6, returned=(25,) * 6, rtt_ms=20.0,
)  # fmt: skip
CUT = msgspec.structs.replace(WHOLE, returned=(25, 5, 0, 0, 0, 0), failure=Failure.GENERIC_TIMEOUT)
NONE = CallObservation(arm=Arm.SUBJECT, at=1.0, address="", port=3_478, up=CallShape.VOICE, down=CallShape.VOICE)


def test_a_cut_train_is_an_anomaly_and_heats_nothing() -> None:
    """The server is ours: no block stays behind at a service's."""
    assert (READER.read(CUT).failed, READER.read(CUT).heats) == (True, ())
    assert not READER.read(WHOLE).failed
    assert not READER.read(NONE).failed


@pytest.mark.parametrize(
    ("trial", "size"),
    [
        (WHOLE, TRAIN),
        (CUT, TALK + 180 * (PACKET + HEADERS)),
        (msgspec.structs.replace(NONE, ports=()), LOOK),
        (NONE, 0),
    ],
)
def test_what_a_trial_cost(trial: CallObservation, size: int) -> None:
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
        (WHOLE, "voice up, voice down, to a helper's port 3478", "150 of 150 came back, 50 of the last 50"),
        (CUT, "voice up, voice down, to a helper's port 3478", "30 of 150 came back, 0 of the last 50"),
        (msgspec.structs.replace(NONE, ports=(443,)), "UDP to a helper's ports", "443"),
        (NONE, "no helper is assigned: nothing was sent", "nothing to answer"),
    ],
)
def test_a_person_reads_what_was_sent(trial: CallObservation, sent: str, back: str) -> None:
    """One line at the terminal, without the helper's address."""
    assert tuple(msgspec.structs.astuple(READER.describe(trial))) == (sent, back)
