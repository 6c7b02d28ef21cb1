"""Trials of throughput for its tests. Must not live here: expectations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balise_wire.experiments.throughput import ThroughputObservation
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, TransferDirection, TransferEnd
from tests.testbed.cases import ADDRESS, EARLIER, HOST, NOW, Case

_CONTROL = "qpaddov.com"


def transfer(kbps: float | None = 5_000.0, arm: Arm = Arm.SUBJECT, **changes: Any) -> ThroughputObservation:
    """One transfer at a rate."""
    own = arm in {Arm.SUBJECT, Arm.NEUTRAL}
    usual: dict[str, Any] = {
        "arm": arm, "at": NOW, "address": ADDRESS, "port": 443, "name": HOST if own else _CONTROL, "host": HOST,
        "connect_ms": 40.0, "status": 206, "asked_bytes": 65_536, "moved_bytes": 65_536,
        "transfer_ms": 400.0, "goodput_kbps": kbps, "settled": True, "end": TransferEnd.ENOUGH,
        "segments": 46, "lost": 0, "rtt_ms": 45.0,
    }  # fmt: skip
    return ThroughputObservation(**{**usual, **changes})


def series(
    case: Case,
    subject: Sequence[float] = (130.0, 128.0, 131.0, 129.0),
    control: Sequence[float] = (5_000.0, 4_800.0, 5_100.0, 4_900.0),
    *,
    up: bool = False,
    ours: dict[str, Any] | None = None,
    theirs: dict[str, Any] | None = None,
    **line: Any,
) -> Measurement:
    """The paired plan: carried, then ABBA ABBA; ``ours`` and ``theirs`` change every subject and every control."""
    way = {"direction": TransferDirection.UP if up else TransferDirection.DOWN, **line}
    a, b = (Arm.NEUTRAL_CONTROL, Arm.NEUTRAL) if up else (Arm.SCRAMBLED, Arm.SUBJECT)
    found = [transfer(subject[0], b, at=EARLIER, carried=True, **{**way, **(ours or {})})]
    for place, (slow, fast) in enumerate(zip(subject, control, strict=True)):
        at = NOW + 10 * place
        pair = [
            transfer(fast, a, at=at, **{**way, **(theirs or {})}),
            transfer(slow, b, at=at + 4, **{**way, **(ours or {})}),
        ]
        found += pair if place % 2 == 0 else pair[::-1]
    return case.measured(*found)
