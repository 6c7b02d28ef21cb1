"""What a trial of throughput means to the schedule, and what of it leaves the device."""

from __future__ import annotations

from typing import Any

from balise_agent.experiments.task import Endpoint
from balise_agent.experiments.throughput.outcome import READER
from balise_agent.policy.scrub import Allowed
from balise_wire.experiments.throughput import ThroughputObservation, spent
from balise_wire.failures import Failure
from balise_wire.words import Arm, TransferDirection, TransferEnd


def moved(arm: Arm, kbps: float | None, **changes: Any) -> ThroughputObservation:
    """One transfer."""
    usual: dict[str, Any] = {
        "arm": arm, "at": 1.0, "address": "198.18.1.1", "port": 443, "name": "a.example", "host": "a.example",
        "connect_ms": 20.0, "status": 200, "moved_bytes": 49_152, "goodput_kbps": kbps,
        "settled": True, "end": TransferEnd.ENOUGH,
    }  # fmt: skip
    return ThroughputObservation(**{**usual, **changes})


def test_slowness_in_every_pair_is_an_anomaly() -> None:
    """One pair that is fine says that the name is not held down."""
    slow, fast = moved(Arm.SUBJECT, 130.0), moved(Arm.SUBJECT, 4_000.0)
    control = moved(Arm.SCRAMBLED, 5_000.0)
    assert READER.anomaly([control, slow, slow, control]) == slow
    assert READER.anomaly([control, slow, fast, control]) is None
    assert READER.anomaly([moved(Arm.SCRAMBLED, 140.0), slow]) is None


def test_slow_uploads_are_an_anomaly() -> None:
    """They have a control of their own."""
    up = {"direction": TransferDirection.UP}
    slow = moved(Arm.NEUTRAL, 40.0, **up)
    pairs = [moved(Arm.SCRAMBLED, 5_000.0), moved(Arm.SUBJECT, 5_000.0), moved(Arm.NEUTRAL_CONTROL, 900.0, **up), slow]
    assert READER.anomaly(pairs) == slow


def test_a_subject_that_fails_every_time_is_an_anomaly() -> None:
    """Its series costs a pair where nothing moves; once is a lost connection."""
    dead = {"failure": Failure.GENERIC_TIMEOUT, "moved_bytes": 0, "end": TransferEnd.FAILED}
    subject = moved(Arm.SUBJECT, None, **dead)
    assert READER.anomaly([moved(Arm.SCRAMBLED, 5_000.0), subject]) == subject
    control = moved(Arm.SCRAMBLED, 5_000.0)
    assert READER.anomaly([control, subject, moved(Arm.SUBJECT, 5_000.0), control]) is None


def test_slowness_heats_nothing() -> None:
    """A slowed flow leaves no block behind; a name that died leaves one."""
    assert READER.read(moved(Arm.SUBJECT, 130.0)).heats == ()
    dead = moved(Arm.SUBJECT, None, failure=Failure.CONNECTION_RESET, moved_bytes=0)
    assert READER.read(dead).heats == (Endpoint("198.18.1.1", 443),)


def test_controls_tell_the_lines_rate() -> None:
    """The subject's may be held down, and one that still grew is no rate of the line."""
    assert READER.rates([moved(Arm.SCRAMBLED, 5_000.0), moved(Arm.SUBJECT, 130.0)]) == [5_000.0]
    assert READER.rates([moved(Arm.SCRAMBLED, 5_000.0, settled=False)]) == []


def test_bytes_are_accounted() -> None:
    """As the cost table says."""
    assert READER.spent([moved(Arm.SUBJECT, 130.0)]) == spent(49_152)


def test_an_address_that_nobody_assigned_does_not_leave() -> None:
    """Only what the task names may be told."""
    trial = moved(Arm.SUBJECT, 130.0)
    assert READER.scrub(trial, Allowed(addresses=frozenset()))["address"] != "198.18.1.1"
    assert READER.scrub(trial, Allowed(addresses=frozenset({"198.18.1.1"})))["address"] == "198.18.1.1"


def test_a_person_reads_the_rate() -> None:
    """One line at the terminal."""
    assert READER.describe(moved(Arm.SUBJECT, 130.0)).back == "49152 bytes, 130 kb/s (enough)"
    assert "at least" in READER.describe(moved(Arm.SUBJECT, 130.0, settled=False)).back
