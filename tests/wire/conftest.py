"""What the wire's tests share: which type each golden file holds."""

from __future__ import annotations

from typing import Any

import pytest

from balise_wire.assignment import Assignment
from balise_wire.enrolment import Enrolment, EnrolmentRequest, Refused, RenewalRequest
from balise_wire.measurement import Measurement
from balise_wire.request import Request
from balise_wire.status import CollectorState, Event, Health, Meta, Receipt, State

TYPES: dict[str, Any] = {
    "measurements": list[Measurement],
    "assignment": Assignment,
    "receipt": Receipt,
    "requests": list[Request],
    "state": State,
    "meta": Meta,
    "health": Health,
    "event": Event,
    "collector-state": CollectorState,
    "enrolment-request": EnrolmentRequest,
    "renewal-request": RenewalRequest,
    "enrolment": Enrolment,
    "refused": Refused,
}


@pytest.fixture(scope="session")
def golden_types() -> dict[str, Any]:
    """The type of each golden file, by the first part of its name."""
    return TYPES
