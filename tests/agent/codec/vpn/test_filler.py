"""Payloads that are no protocol's, by their shape."""

from __future__ import annotations

import pytest

from balise_agent.codec.vpn.filler import Filler
from balise_agent.codec.vpn.handshake import OVER_TCP
from balise_wire.experiments import vpn
from balise_wire.experiments.vpn import CONTROLS, VpnProtocol, VpnShape

OPCODES = {4, 5, 7, 8}


def payloads(handshake: Filler, seed: int) -> list[bytes]:
    """Return everything that either end says."""
    mark, found = handshake.mark(OVER_TCP, seed), list[bytes]()
    for number in range(len(handshake.rounds)):
        found += [*handshake.ask(mark, number, ()), handshake.answer(mark, number)]
    return found


@pytest.mark.parametrize("protocol", sorted(one for one in vpn.OVER_TCP if VpnShape.FEW_ONES in CONTROLS[one]))
def test_few_ones_are_neither_encrypted_nor_openvpns(protocol: VpnProtocol) -> None:
    """At most 3.4 set bits of a byte, in each payload; and no opcode of OpenVPN's behind a length."""
    for seed in range(60):
        for data in payloads(Filler(protocol, VpnShape.FEW_ONES), seed):
            assert sum(each.bit_count() for each in data) / len(data) <= 3.4
            assert data[2] >> 3 not in OPCODES
            assert int.from_bytes(data[:2]) != len(data) - 2


def test_nothing_repeats_from_one_to_the_next() -> None:
    """Nobody can know a control by its bytes."""
    one, other = (payloads(Filler(VpnProtocol.OPENVPN_TCP, VpnShape.FEW_ONES), seed) for seed in (1, 2))
    assert not set(one) & set(other)
