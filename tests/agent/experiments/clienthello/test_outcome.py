"""What a trial of clienthello means to the schedule, and what of it leaves the device."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments.clienthello.outcome import READER
from balise_agent.experiments.task import Endpoint
from balise_agent.policy.scrub import Allowed
from balise_wire.experiments.clienthello import HELLO, UNHEARD, ClienthelloObservation, HelloForm
from balise_wire.experiments.traits import UNANSWERED
from balise_wire.failures import Failure
from balise_wire.words import Arm

TRIAL = ClienthelloObservation(
    arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443, sni="a.example", form=HelloForm.ECH, connect_ms=20.0,
    failure=Failure.GENERIC_TIMEOUT,
)  # fmt: skip
REPLACE = msgspec.structs.replace


def test_any_hello_that_died_heats_its_endpoint() -> None:
    """Also one in another form: a box that remembers a split name would speak through what comes next."""
    split = REPLACE(TRIAL, arm=Arm.SHAPE, form=HelloForm.SEGMENTS)
    assert READER.heated((split,)) == [Endpoint("198.18.1.1", 443)]
    assert READER.heated((REPLACE(TRIAL, carried=True), REPLACE(TRIAL, failure=None, bytes_received=7))) == []


def test_only_the_extension_begins_an_anomaly() -> None:
    """That the name, or a split hello, dies is told by others, or is a fact and no more."""
    assert READER.anomaly((TRIAL,)) is TRIAL
    others = (HelloForm.PLAIN, HelloForm.EXTENSION, HelloForm.SEGMENTS, HelloForm.RECORDS, HelloForm.NAMELESS)
    assert READER.anomaly(tuple(REPLACE(TRIAL, arm=Arm.SHAPE, form=form) for form in others)) is None


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, UNHEARD),
        ({"failure": None, "bytes_received": 7}, HELLO),
        ({"failure": Failure.CONNECTION_RESET}, UNANSWERED),
        ({"connect_ms": None}, UNANSWERED),
    ],
)
def test_what_a_hello_costs(changes: dict[str, object], size: int) -> None:
    """One that nobody answers is sent again and again."""
    assert READER.read(REPLACE(TRIAL, **changes)).spent == size


def test_an_address_that_nobody_assigned_does_not_leave() -> None:
    """Only what the task names may be told."""
    assert READER.scrub(TRIAL, Allowed(addresses=frozenset()))["address"] != "198.18.1.1"
    assert READER.scrub(TRIAL, Allowed(addresses=frozenset({"198.18.1.1"})))["address"] == "198.18.1.1"


def test_a_person_reads_what_was_sent() -> None:
    """One line at the terminal."""
    assert READER.describe(TRIAL).sent == "hello a.example, ECH"
    assert READER.describe(TRIAL).back == "connected, then not a byte"
    nameless = REPLACE(TRIAL, sni=None, form=HelloForm.NAMELESS, failure=None, bytes_received=7, record="alert:112")
    assert READER.describe(nameless).sent == "hello (no name)"
    assert READER.describe(nameless).back == "alert:112, 7 bytes"
