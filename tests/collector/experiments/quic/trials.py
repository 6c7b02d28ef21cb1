"""Trials of quic for its tests. Must not live here: expectations."""

from __future__ import annotations

from typing import Any, Final

from balise_wire.experiments.quic import QuicObservation, QuicPacket
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.testbed.cases import ADDRESS, EARLIER, HOST, NOW, Case

SILENCE: Final = Failure.GENERIC_TIMEOUT
ENDS: Final[dict[str, dict[str, Any]]] = {
    "ok": {"copies": 1, "answers": 3, "answer": "server_hello", "rtt_ms": 80.0, "followed": True},
    "silent": {"copies": 3, "failure": SILENCE, "followed": False},
    "unheard": {"copies": 3, "failure": SILENCE, "followed": True},
    "late": {
        "copies": 1, "answers": 3, "answer": "server_hello", "rtt_ms": 80.0, "followed": False, "failure": SILENCE,
    },
    "refused": {"copies": 1, "failure": Failure.CONNECTION_REFUSED, "followed": False, "icmp": "3/3"},
}  # fmt: skip
"""How an exchange with a name ended."""


def greeting(arm: Arm = Arm.SUBJECT, end: str = "ok", **changes: Any) -> QuicObservation:
    """One Initial with the subject's name or an innocuous one."""
    usual: dict[str, Any] = {
        "arm": arm, "at": NOW, "address": ADDRESS, "port": 443, "sent": QuicPacket.INITIAL,
        "name": HOST if arm is Arm.SUBJECT else "example.org",
    }  # fmt: skip
    return QuicObservation(**{**usual, **ENDS[end], **changes})


def noise(*, lives: bool = True) -> QuicObservation:
    """Random bytes, and whether the flow lived."""
    failure = None if lives else SILENCE
    return QuicObservation(
        arm=Arm.NOISE, at=NOW, address=ADDRESS, port=443, sent=QuicPacket.NOISE, copies=1, followed=lives,
        failure=failure,
    )  # fmt: skip


def over_tcp(*, alive: bool = True) -> QuicObservation:
    """SYNs to the same address and port."""
    failure = None if alive else SILENCE
    return QuicObservation(
        arm=Arm.OTHER_TRANSPORT, at=NOW, address=ADDRESS, port=443, sent=QuicPacket.SYN, copies=2,
        answers=2 * alive, answer="synack" if alive else "", rtt_ms=40.0 if alive else None, failure=failure,
    )  # fmt: skip


def elsewhere(number: int, *, alive: bool = True) -> QuicObservation:
    """Another operator's server, asked for its versions."""
    return QuicObservation(
        arm=Arm.ELSEWHERE, at=NOW + 8, address=f"198.51.100.{number}", port=443, sent=QuicPacket.VERSION,
        copies=1 if alive else 3, answers=int(alive), answer="version_negotiation" if alive else "",
        failure=None if alive else SILENCE,
    )  # fmt: skip


def series(
    case: Case,
    end: str,
    *,
    control: str = "ok",
    after: str = "ok",
    lives: bool = True,
    tcp: bool = True,
    others: tuple[bool, ...] = (True, True),
    carried: str | None = None,
) -> Measurement:
    """The paired plan: carried, TCP, noise, control, subject twice, control again, other servers."""
    return case.measured(
        greeting(end=carried or end, at=EARLIER, carried=True),
        over_tcp(alive=tcp),
        noise(lives=lives),
        greeting(Arm.CONTROL, control),
        greeting(end=end, at=NOW + 2),
        greeting(end=end, at=NOW + 5),
        greeting(Arm.AFTER, after, at=NOW + 7),
        *(elsewhere(number + 1, alive=alive) for number, alive in enumerate(others)),
    )


def dead(case: Case, *, tcp: bool = True, others: tuple[bool, ...] = (True, True)) -> Measurement:
    """Nothing comes over UDP from the address, whatever is sent there."""
    return series(case, "silent", control="silent", after="silent", lives=False, tcp=tcp, others=others)
