"""Trials of call for its tests. Must not live here: expectations."""

from __future__ import annotations

from typing import Any, Final

from balise_wire.experiments.call import CallObservation, CallShape
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.testbed.cases import EARLIER, NOW, Case

VOICE, NOISE = CallShape.VOICE, CallShape.NOISE
SILENCE: Final = Failure.GENERIC_TIMEOUT
WHOLE: Final = (25,) * 6
NOTHING: Final = (25, 5, 0, 0, 0, 0)
ENDS: Final[dict[str, dict[str, Any]]] = {
    "ok": {"token": True, "sent": 150, "arrived": WHOLE, "returned": WHOLE, "rtt_ms": 80.0, "jitter_ms": 2.0},
    "up": {"token": True, "sent": 150, "arrived": NOTHING, "returned": NOTHING, "failure": SILENCE},
    "down": {"token": True, "sent": 150, "arrived": WHOLE, "returned": NOTHING, "failure": SILENCE},
    "mute": {"token": True, "sent": 150, "arrived": None, "returned": NOTHING, "failure": SILENCE},
    "lossy": {"token": True, "sent": 150, "arrived": (18,) * 6, "returned": (12,) * 6},
    "no token": {"token": False, "failure": SILENCE},
    "refused": {"token": False, "failure": Failure.CONNECTION_REFUSED, "icmp": "3/3"},
    "none": {},
}
"""How a train ended: cut on its way up, on its way down, and so on."""


def train(arm: Arm = Arm.SUBJECT, end: str = "ok", **changes: Any) -> CallObservation:
    """One train; the subject's look like a call both ways."""
    usual: dict[str, Any] = {"arm": arm, "at": NOW, "address": "", "port": 3_478, "up": VOICE, "down": VOICE}
    return CallObservation(**{**usual, **ENDS[end], **changes})


def ports(*found: int) -> CallObservation:
    """The look at the helper's other ports."""
    return train(Arm.OTHER_PORT, "none", port=0, ports=found, failure=None if found else SILENCE)


def series(
    case: Case,
    end: str,
    *,
    control: str | None = "ok",
    up: str = "ok",
    down: str = "ok",
    carried: str | None = None,
) -> Measurement:
    """The paired plan: carried, nothing like a call, voice up alone, voice down alone, the call twice."""
    return case.measured(
        train(end=carried or end, at=EARLIER, carried=True),
        *(() if control is None else (train(Arm.NOISE, control, up=NOISE, down=NOISE),)),
        train(Arm.SHAPE, up, up=VOICE, down=NOISE),
        train(Arm.SHAPE, down, up=NOISE, down=VOICE),
        train(end=end, at=NOW + 20),
        train(end=end, at=NOW + 26),
    )
