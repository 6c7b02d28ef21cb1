"""Boxes that know VPN protocols."""

from __future__ import annotations

import dataclasses

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import SYN, Packet, Streams
from balise_lab.boxes.engine.registry import KINDS
from tests.lab.boxes.packets import script


def test_openvpn_is_cut_both_ways_behind_its_first_packets() -> None:
    """By opcode, and by the number of packets in the flow."""
    text = script(Box("b", "vpn.openvpn"))
    assert text.count("@th,64,8 { 0x20, 0x28, 0x38, 0x40 } ct packets > 4") == 2
    assert 'iifname "wan0" meta l4proto udp' in text
    assert "ct packets" not in script(Box("b", "vpn.openvpn", settings={"spared": 0}))


def test_the_others_drop_what_begins_a_handshake() -> None:
    """Of the homes alone, on the ports that are given."""
    for kind, form in (("vpn.wireguard", "@th,64,32 0x01000000"), ("vpn.ikev2", "@th,192,24 0x212022")):
        text = script(Box("b", kind, settings={"ports": (500,)}))
        assert text.count(form) == 1
        assert "udp dport { 500 }" in text


def test_openvpn_is_cut_on_a_connection_behind_the_clients_first_packets() -> None:
    """Put together from whatever segments; the flow it belongs to dies, and no other."""
    kind = KINDS["vpn.openvpn_tcp"]
    assert kind.decide is not None
    for passed, dies in ((0, 1), (1, 2)):
        box, streams = Box("b", kind.word, settings={"passed": passed}), Streams()
        assert kind.decide(box, segment(b"", flags=SYN), streams) is None
        struck = [
            kind.decide(box, segment(data, sequence=1 + 16 * number), streams)
            for number, data in enumerate((RESET, RESET, RESET))
        ]
        assert [one is not None and one.strike for one in struck] == [number + 1 >= dies for number in range(3)]
    other = Box("b", kind.word, settings={"passed": 0})
    assert kind.decide(other, segment(b"\x16\x03\1\2\0" + bytes(40)), Streams()) is None


RESET = b"\0\x0e\x38" + bytes(13)
"""OpenVPN's, behind its length."""


def segment(payload: bytes, sequence: int = 1, flags: int = 0x18) -> Packet:
    """A segment of a client's."""
    return Packet(b"\x0a\0\0\1", b"\x0a\0\0\2", 6, 40_000, 1_194, sequence - (flags == SYN), 0, flags, payload)


def test_what_is_random_from_the_first_byte_on_is_cut_by_its_first_payload() -> None:
    """Of a share of the connections where that is set; what an exemption lets pass may go on as it likes."""
    kind = KINDS["vpn.fully_encrypted"]
    assert kind.decide is not None
    random, spared = bytes(range(128, 228)), b"SSH-2." + bytes(range(128, 228))
    box = Box("b", kind.word)
    assert kind.decide(box, segment(random), Streams()) is not None
    streams = Streams()
    assert kind.decide(box, segment(spared), streams) is None
    assert kind.decide(box, segment(random, sequence=1 + len(spared)), streams) is None
    few = Box("b", kind.word, settings={"share": 26.0})
    flows = [dataclasses.replace(segment(random), source_port=40_000 + number) for number in range(400)]
    struck = sum(kind.decide(few, one, Streams()) is not None for one in flows)
    assert 60 < struck < 160
