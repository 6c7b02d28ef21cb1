"""Trials of clienthello for its tests. Must not live here: expectations."""

from __future__ import annotations

from typing import Any, Final

from balise_wire.experiments.clienthello import ClienthelloObservation, HelloForm
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.testbed.cases import ADDRESS, EARLIER, HOST, NOW, Case

SILENCE: Final = Failure.GENERIC_TIMEOUT
RESET: Final = Failure.CONNECTION_RESET
OTHER: Final = "example.org"


def hello(
    form: HelloForm = HelloForm.ECH, failure: Failure | None = None, arm: Arm | None = None, **changes: Any
) -> ClienthelloObservation:
    """One hello; with an extension that is asked about it is the subject's."""
    subject = form in {HelloForm.ECH, HelloForm.ESNI}
    usual: dict[str, Any] = {
        "arm": arm or (Arm.SUBJECT if subject else Arm.SHAPE), "at": NOW, "address": ADDRESS, "port": 443,
        "failure": failure, "connect_ms": 40.0, "sni": HOST, "form": form, "bytes_received": 0 if failure else 7,
        "record": "" if failure else "server_hello", "hello_bytes": 560,
    }  # fmt: skip
    return ClienthelloObservation(**{**usual, **changes})


def series(
    case: Case,
    failure: Failure | None = SILENCE,
    *,
    form: HelloForm = HelloForm.ECH,
    plain: Failure | None = None,
    beside: Failure | None = None,
    other: Failure | None = SILENCE,
    **changes: Any,
) -> Measurement:
    """The paired plan: carried, both controls, the extension twice, the plain one again, another name."""
    return case.measured(
        hello(form, failure, at=EARLIER, carried=True),
        hello(HelloForm.PLAIN, plain),
        hello(HelloForm.EXTENSION, beside, at=NOW + 1),
        hello(form, failure, at=NOW + 2, **changes),
        hello(form, failure, at=NOW + 12, **changes),
        hello(HelloForm.PLAIN, arm=Arm.AFTER, at=NOW + 22),
        hello(form, other, Arm.CONTROL, at=NOW + 23, sni=OTHER),
    )
