"""Trials of vpn for its tests. Must not live here: expectations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from balise_wire.experiments.vpn import CONTROLS, VpnObservation, VpnProtocol, VpnShape
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm
from tests.testbed.cases import EARLIER, NOW, Case

SILENCE: Final = Failure.GENERIC_TIMEOUT
APART: Final = 600.0
ENDS: Final[dict[str, dict[str, Any]]] = {
    "ok": {"token": True, "answered": 3, "rtt_ms": 80.0},
    "repeated": {"token": True, "answered": 3, "repeated": 3},
    "cut": {"token": True, "answered": 1, "repeated": 3, "failure": SILENCE},
    "reset": {"token": True, "answered": 1, "failure": Failure.CONNECTION_RESET},
    "moved": {"token": True, "moved": True, "repeated": 3, "failure": SILENCE},
    "no token": {"token": False, "failure": SILENCE},
    "refused": {"token": False, "failure": Failure.CONNECTION_REFUSED, "icmp": "3/3"},
    "no connection": {"connected": False, "failure": SILENCE},
    "strange": {"connected": True, "failure": Failure.VPN_MALFORMED},
    "none": {"rounds": 0},
}
"""How a handshake ended: cut behind the first round, and so on."""


def handshake(arm: Arm = Arm.SUBJECT, end: str = "ok", **changes: Any) -> VpnObservation:
    """One handshake of OpenVPN's, or as many packets that look like nothing."""
    protocol = changes.get("protocol", VpnProtocol.OPENVPN)
    shape = VpnShape.PROTOCOL if arm is Arm.SUBJECT else next(iter(CONTROLS[protocol]), VpnShape.RANDOM)
    usual: dict[str, Any] = {
        "arm": arm, "at": NOW, "address": "", "port": 1_194, "protocol": VpnProtocol.OPENVPN, "shape": shape,
        "rounds": 3,
    }  # fmt: skip
    return VpnObservation(**{**usual, **ENDS[end], **changes})


def series(
    case: Case,
    *ends: str,
    control: tuple[str, ...] = ("ok", "ok"),
    carried: str | None = None,
    apart: float = APART,
    **changes: Any,
) -> Measurement:
    """The paired plan: carried, then a control and the handshake behind it in each turn."""
    found = [handshake(end=carried or ends[0], at=EARLIER, carried=True, **changes)]
    for turn, end in enumerate(ends):
        at = NOW + turn * apart
        if control:
            found.append(handshake(Arm.NOISE, control[turn], at=at, **changes))
        found.append(handshake(end=end, at=at + 5, **changes))
    return case.measured(*found)


def encrypted(case: Case, *turns: Mapping[VpnShape, str], end: str = "cut", **changes: Any) -> Measurement:
    """The paired plan of a fully encrypted protocol.

    Args:
        case: whose it is.
        turns: how each control ended, ``ok`` unless said.
        end: of the subject behind them.
        changes: of every trial.
    """
    usual: dict[str, Any] = {"protocol": VpnProtocol.FULLY_ENCRYPTED, "port": 8_388}
    changes = {**usual, **changes}
    found = [handshake(end=end, at=EARLIER, carried=True, **changes)]
    for turn, ends in enumerate(turns):
        at = NOW + turn * APART
        for number, shape in enumerate(CONTROLS[changes["protocol"]]):
            found.append(handshake(Arm.NOISE, ends.get(shape, "ok"), at=at + number, **changes, shape=shape))
        found.append(handshake(end=end, at=at + 9, **changes))
    return case.measured(*found)
