"""Trials of stun for its tests. Must not live here: expectations."""

from __future__ import annotations

from typing import Any, Final

from balise_wire.experiments.stun import StunObservation, StunPacket
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.testbed.cases import ADDRESS, EARLIER, NOW, Case

PORT: Final = 3_478
OTHER_PORT: Final = 19_302
SILENCE: Final = Failure.GENERIC_TIMEOUT
ENDS: Final[dict[str, dict[str, Any]]] = {
    "ok": {"copies": 1, "answers": 1, "answer": "binding", "mapped": "xor", "rtt_ms": 80.0},
    "silent": {"copies": 3, "failure": SILENCE, "followed": False},
    "unheard": {"copies": 3, "failure": SILENCE, "followed": True},
    "broken": {"copies": 1, "answers": 1, "answer": "other", "rtt_ms": 80.0, "failure": Failure.STUN_MALFORMED},
    "refused": {"copies": 1, "failure": Failure.CONNECTION_REFUSED, "followed": False, "icmp": "3/3"},
}
"""How an exchange ended."""


def binding(arm: Arm = Arm.SUBJECT, end: str = "ok", **changes: Any) -> StunObservation:
    """One binding request, to the call server unless the changes say otherwise."""
    usual: dict[str, Any] = {"arm": arm, "at": NOW, "address": ADDRESS, "port": PORT, "sent": StunPacket.BINDING}
    return StunObservation(**{**usual, **ENDS[end], **changes})


def classic(*, answered: bool = True) -> StunObservation:
    """A request without the cookie, on a flow of its own."""
    return binding(Arm.SHAPE, "ok" if answered else "silent", sent=StunPacket.CLASSIC, followed=None)


def over_tcp(*, alive: bool = True) -> StunObservation:
    """SYNs to the same address."""
    return StunObservation(
        arm=Arm.OTHER_TRANSPORT, at=NOW, address=ADDRESS, port=443, sent=StunPacket.SYN, copies=2, answers=2 * alive,
        answer="synack" if alive else "", rtt_ms=40.0 if alive else None, failure=None if alive else SILENCE,
    )  # fmt: skip


def elsewhere(number: int, end: str = "ok", port: int = PORT) -> StunObservation:
    """Another operator's server."""
    address, name = f"198.51.100.{number}", f"stun{number}.example"
    return binding(Arm.ELSEWHERE, end, at=NOW + 8, address=address, port=port, name=name)


def series(
    case: Case,
    end: str,
    *,
    shape: bool | None = True,
    tcp: bool | None = None,
    here: tuple[str, ...] = ("ok", "ok"),
    there: tuple[str, ...] = ("ok",),
    carried: str | None = None,
) -> Measurement:
    """The paired plan: carried, TCP, without the cookie, the subject twice, other servers on its port and on others."""
    return case.measured(
        binding(end=carried or end, at=EARLIER, carried=True),
        *(() if tcp is None else (over_tcp(alive=tcp),)),
        *(() if shape is None else (classic(answered=shape),)),
        binding(end=end, at=NOW + 2),
        binding(end=end, at=NOW + 5),
        *(elsewhere(number, one) for number, one in enumerate(here, 1)),
        *(elsewhere(number, one, OTHER_PORT) for number, one in enumerate(there, 11)),
    )


def dead(case: Case, **more: Any) -> Measurement:
    """Nothing comes over UDP from the address, with STUN's mark or without."""
    return series(case, "silent", **{"shape": False, **more})
