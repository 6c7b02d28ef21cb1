"""Blocking by address and port."""

import pytest

from balise_lab.boxes.engine.box import Box
from tests.lab.boxes.packets import TOPOLOGY, script

TWITTER = TOPOLOGY.endpoints[0]


def test_all_addresses_of_a_host_are_meant() -> None:
    """Regional ones, too: a censor takes what the country is told."""
    text = script(Box("b", "ip.drop", match=("twitter",)))
    assert all(address in text for address in (*TWITTER.addresses, *TWITTER.country_addresses))
    assert "dport" not in text


@pytest.mark.parametrize(
    ("box", "condition"),
    [
        (Box("b", "ip.drop", match=("twitter",), settings={"ports": (443, 80)}), "th dport { 443, 80 }"),
        (Box("b", "port.drop", settings={"ports": (5223,)}), "meta l4proto { tcp, udp } th dport { 5223 }"),
        (Box("b", "udp.drop"), "udp dport != 53"),
        (Box("b", "udp.drop", settings={"ports": (3478,)}), "udp dport { 3478 }"),
        (Box("b", "quic.drop", match=("twitter",)), "udp dport 443"),
    ],
)
def test_ports_are_those_of_the_word_or_of_the_file(box: Box, condition: str) -> None:
    """Nothing else is touched."""
    assert condition in script(box)


@pytest.mark.parametrize(
    ("box", "ports"),
    [
        (Box("b", "udp.stun"), "udp dport != 53"),
        (Box("b", "udp.stun", match=("twitter",), settings={"ports": (3478,)}), "udp dport { 3478 }"),
    ],
)
def test_the_mark_of_stun_is_where_the_header_has_it(box: Box, ports: str) -> None:
    """Bits 96 to 127 behind IP: UDP's header, type and length come first (RFC 8489 5)."""
    assert f"{ports} @th,96,32 0x2112a442" in script(box)
