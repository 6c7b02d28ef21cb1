"""Boxes that cut voice, one way or both."""

from __future__ import annotations

import pytest

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import script


@pytest.mark.parametrize(
    ("kind", "drops"), [("call.media_cut_up", 1), ("call.media_cut_down", 1), ("call.media_cut", 2)]
)
def test_each_direction_has_its_rule(kind: str, drops: int) -> None:
    """What comes from the clients, and what goes to them."""
    text = script(Box("b", kind))
    assert text.count("@th,64,8 & 0xc0 == 0x80") == drops
    assert ('iifname "wan0" meta l4proto udp' in text) is (kind != "call.media_cut_up")


def test_ports_addresses_and_first_packets_narrow_it() -> None:
    """Each side in its own words."""
    text = script(Box("b", "call.media_cut", match=("twitter",), settings={"ports": (3_478,), "passes": 9}))
    assert "udp dport { 3478 }" in text
    assert "udp sport { 3478 }" in text
    assert "ct original packets > 9" in text
    assert "ct reply packets > 9" in text
    assert "ip saddr {" in text
