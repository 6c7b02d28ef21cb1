"""The rule by which China's filter told fully encrypted traffic, and what it let pass."""

from __future__ import annotations

import pytest

from balise_agent.codec.vpn.exemptions import exempt_by
from balise_agent.codec.vpn.filler import Filler
from balise_agent.codec.vpn.handshake import OVER_TCP
from balise_wire.experiments.vpn import EXEMPT, VpnProtocol, VpnShape

HIGH = bytes(range(128, 228))
"""Nothing of it is printable, and half of its bits are set."""


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (HIGH, set()),
        (bytes(100), {VpnShape.FEW_ONES}),
        (b"\xff" * 100, {VpnShape.UNKNOWN}),
        (b"SSH-2." + HIGH, {VpnShape.PRINTABLE_START}),
        (b"SSH-2" + HIGH, set()),
        (HIGH[:5] + b"k~" * 9 + HIGH[:5] + b"m~" * 9 + HIGH[:20], {VpnShape.PRINTABLE_HALF}),
        (HIGH + b"a~" * 10, set()),
        (HIGH + b"a~" * 10 + b"a", {VpnShape.PRINTABLE_RUN}),
        (b"\x16\3\1" + HIGH, {VpnShape.TLS_START}),
        (b"\x17\3\x0a" + HIGH, set()),
        (b"GET " + HIGH, {VpnShape.UNKNOWN}),
    ],
)
def test_each_exemption(payload: bytes, found: set[VpnShape]) -> None:
    """By itself, and at its bound."""
    assert exempt_by(payload) == found


@pytest.mark.parametrize("protocol", [VpnProtocol.FULLY_ENCRYPTED, VpnProtocol.OBFS4])
def test_a_control_is_exempt_for_one_reason_alone(protocol: VpnProtocol) -> None:
    """In each payload of either end; the protocol's own for none: what passes tells by what the filter spares."""
    for shape in (VpnShape.PROTOCOL, *EXEMPT):
        handshake = Filler(protocol, shape)
        for seed in range(10):
            mark = handshake.mark(OVER_TCP, seed)
            for number in range(len(handshake.rounds)):
                for data in (*handshake.ask(mark, number, ()), handshake.answer(mark, number)):
                    assert exempt_by(data) == (set() if shape is VpnShape.PROTOCOL else {shape})
