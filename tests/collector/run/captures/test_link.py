"""Frames: what a segment's header says, however much of the frame was kept."""

from __future__ import annotations

import pytest

from balise_collector.run.captures.connections import connections
from balise_collector.run.captures.files import Damaged, Frame
from balise_collector.run.captures.link import check, segment
from tests.collector.run.captures import made
from tests.collector.run.captures.made import a_reset as _talk
from tests.collector.run.captures.made import get, pcap


def test_packets_cut_to_a_snap_length_keep_their_length() -> None:
    """tcpdump -s 68 and the like: headers are whole, payloads are not, and no hash is made of a part."""
    (found,) = connections(pcap(_talk(), snap=14 + 20 + 20 + 8))
    assert found.packets[3].length == len(get("blocked.example"))
    assert found.packets[3].sha256 == ""
    assert found.name == ""


def test_a_later_fragment_and_other_protocols_are_nothing() -> None:
    """They have no ports; a header of 60 bytes that is not there is nothing either."""
    packet = bytearray(_talk().packets[0][1])
    assert segment(Frame(0, made.RAW, bytes(packet))) is not None
    assert segment(Frame(0, made.RAW, bytes(packet[:30]))) is None
    for at, value in ((7, 1), (9, 17), (0, 0x4F), (32, 0xF0)):
        changed = packet.copy()
        changed[at] = value
        assert segment(Frame(0, made.RAW, bytes(changed))) is None


def test_headers_before_tcp_are_passed_over() -> None:
    """IPv6 with destination options in between (RFC 8200 4.6)."""
    packet = _talk(six=True).packets[0][1]
    longer = packet[:6] + b"\x3c" + packet[7:40] + b"\x06\0\1\4\0\0\0\0" + packet[40:]
    longer = longer[:4] + (len(longer) - 40).to_bytes(2, "big") + longer[6:]
    found = segment(Frame(0, made.RAW, longer))
    assert found is not None
    assert (found.flags, found.ports) == ("S", (40_001, 443))


def test_a_link_that_is_not_read_is_refused() -> None:
    """Radio captures, say: with the mend."""
    with pytest.raises(Damaged, match="link type 127"):
        check(127)
