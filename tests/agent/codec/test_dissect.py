"""Reading packets: the same as scapy where they are sound, nothing worse than less where they are not."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6

from balise_agent.codec.dissect import Captured, dissect, evidence, first_ten, option_words, records
from balise_wire.evidence import Direction
from balise_wire.words import HopPlace


def tcp(
    seq: int, ack: int, flags: str, payload: bytes = b"", *, out: bool = True, t_ns: int = 0, **ip: Any
) -> Captured:
    """Make one captured TCP packet."""
    source, target = ("198.18.1.1", "198.18.3.2") if out else ("198.18.3.2", "198.18.1.1")
    ports = (62000, 443) if out else (443, 62000)
    layer = TCP(sport=ports[0], dport=ports[1], seq=seq, ack=ack, flags=flags)
    return Captured(t_ns, out, bytes(IP(src=source, dst=target, **ip) / layer / payload))


@given(data=st.binary(max_size=200))
def test_no_bytes_are_too_hostile(data: bytes) -> None:
    """Any bytes give a record or none, never an exception."""
    dissect(data)
    evidence([Captured(1, False, data)])


@given(
    data=st.binary(max_size=120), version=st.sampled_from([0x45, 0x4F, 0x60]), protocol=st.sampled_from([1, 6, 17, 58])
)
def test_no_header_is_too_hostile(data: bytes, version: int, protocol: int) -> None:
    """Headers that begin like ours and then contradict themselves are read as far as they go."""
    packet = bytearray(bytes([version]) + data)
    for at in (6, 9):
        if len(packet) > at:
            packet[at] = protocol
    dissect(bytes(packet))
    evidence([Captured(1, False, bytes(packet)), Captured(2, True, bytes(packet))])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("0101080a0000000100000002", "nop,nop,ts"),
        ("020405b40402080a000000010000000001030307", "mss,sackok,ts,nop,ws"),
        ("020405b4", "mss"),
        ("020405b401010402", "mss,nop,nop,sackok"),
        ("0101050a0000000100000002", "nop,nop,sack"),
        ("fe0400000000", "254,eol"),
        ("0204", "bad"),
        ("03", "bad"),
        ("0301", "bad"),
        ("", ""),
    ],
)
def test_options_are_named_in_order(options: str, words: str) -> None:
    """The order of options is a fingerprint; unknown kinds are their number."""
    assert option_words(bytes.fromhex(options)) == words


@given(options=st.binary(max_size=40))
def test_options_always_end(options: bytes) -> None:
    """A list of TCP options with an impossible length ends in ``bad`` instead of going on for ever."""
    assert option_words(options).count("bad") <= 1


@given(
    ttl=st.integers(0, 255),
    ip_id=st.integers(0, 65535),
    tos=st.integers(0, 255),
    seq=st.integers(0, 2**32 - 1),
    window=st.integers(0, 65535),
    flags=st.integers(0, 255),
    payload=st.binary(max_size=50),
)
def test_fields_are_what_scapy_reads(
    ttl: int, ip_id: int, tos: int, seq: int, window: int, flags: int, payload: bytes
) -> None:
    """TTL, IP-ID, DF, TOS, flags, numbers, window and payload agree with scapy."""
    segment = TCP(seq=seq, ack=5, flags=flags, window=window, options=[("MSS", 1460), ("NOP", None), ("WScale", 7)])
    found = dissect(bytes(IP(ttl=ttl, id=ip_id, tos=tos, flags="DF") / segment / payload))
    assert found is not None
    assert (found.ttl, found.ip_id, found.tos, found.df) == (ttl, ip_id, tos, True)
    assert (found.seq, found.ack, found.flags, found.window) == (seq, 5, flags, window)
    assert (found.payload, found.options) == (payload, "mss,nop,ws")


def test_padding_of_short_frames_is_no_payload() -> None:
    """Ethernet pads to 60 bytes; what lies beyond the IP length is not the sender's."""
    packet = bytes(IP() / TCP(flags="A"))
    found = dissect(packet + bytes(6))
    assert found is not None
    assert found.payload == b""


def test_numbers_are_relative_and_signed() -> None:
    """Offsets count from each direction's first number, across the wrap, and below it as negative."""
    start, other = 2**32 - 2, 1000
    found = evidence(
        [
            tcp(start, 0, "S", t_ns=5_000),
            tcp(other, (start + 1) % 2**32, "SA", out=False, t_ns=9_000),
            tcp((start + 1) % 2**32, other + 1, "PA", b"hello", t_ns=10_000),
            tcp(other - 3, (start + 6) % 2**32, "R", out=False, t_ns=15_000),
        ]
    )
    assert [(one.seq, one.ack) for one in found] == [(0, 0), (0, 1), (1, 1), (-3, 0)]
    assert [one.t_us for one in found] == [0, 4, 5, 10]
    assert [one.flags for one in found] == ["S", "SA", "PA", "R"]
    assert found[2].length == 5
    assert found[2].sha256 == hashlib.sha256(b"hello").hexdigest()[:16]


def test_a_capture_without_our_own_packet_still_counts() -> None:
    """Where one side was not heard, its numbers are taken from what the other acknowledges."""
    found = evidence([tcp(700, 41, "SA", out=False), tcp(700, 41, "RA", out=False, t_ns=10)])
    assert [(one.seq, one.ack) for one in found] == [(0, 1), (0, 1)]


def test_ten_each_direction_are_kept() -> None:
    """Evidence is the first ten packets of each direction (detectors.md, common rule b)."""
    captured = [tcp(n, 1, "A", out=bool(n % 2), t_ns=n) for n in range(60)]
    found = evidence(captured)
    assert sum(one.direction is Direction.OUT for one in found) == 10
    assert sum(one.direction is Direction.IN for one in found) == 10
    assert first_ten(found) == found


def test_several_flows_can_share_one_beginning() -> None:
    """Times of a flow may count from another moment, so that flows stand beside each other; numbers stay its own."""
    flow = [tcp(50, 11, "SA", out=False, t_ns=5_000), tcp(10, 0, "S", t_ns=2_000)]
    assert [(one.t_us, one.seq, one.flags) for _, one in records(flow, 1_000)] == [(1, 0, "S"), (4, 0, "SA")]


def test_an_icmp_error_names_the_router_and_nothing_else() -> None:
    """An error about our packet becomes type/code and the router's address; the quoted packet is no payload."""
    quoted = IP(src="198.18.1.1", dst="198.18.3.2") / UDP(sport=62000, dport=53) / b"question"
    error = IP(src="198.18.1.2", dst="198.18.1.1") / ICMP(type=3, code=13) / quoted
    (record,) = evidence([Captured(1, False, bytes(error))])
    assert (record.protocol, record.icmp, record.hop, record.length) == ("icmp", "3/13", "198.18.1.2", 0)
    error6 = IPv6(src="2001:db8::2", dst="2001:db8::1") / ICMPv6TimeExceeded() / IPv6() / TCP()
    (record6,) = evidence([Captured(1, False, bytes(error6))])
    assert (record6.protocol, record6.icmp, record6.hop) == ("icmp", "3/0", "2001:db8::2")


def test_an_echo_reply_is_no_error() -> None:
    """A reply to our echo has no hop: nobody complained."""
    (record,) = evidence([Captured(1, False, bytes(IP() / ICMP(type=0) / b"12345678"))])
    assert (record.icmp, record.hop, record.length) == ("0/0", "", 8)


def test_a_cut_packet_tells_its_whole_length_and_no_hash() -> None:
    """What offloads merged may not fit the capture: the length is still the sender's; part of a payload has no hash."""
    whole = bytes(IP() / TCP(flags="PA", seq=5) / bytes(3000))
    found = dissect(whole[:1900])
    assert found is not None
    assert (found.cut, len(found.payload)) == (len(whole) - 1900, 1860)
    (record,) = evidence([Captured(1, False, whole[:1900])])
    assert (record.length, record.sha256) == (3000, "")
    six = bytes(IPv6() / UDP() / bytes(3000))
    (record6,) = evidence([Captured(1, False, six[:100])])
    assert (record6.length, record6.sha256) == (3000, "")


@pytest.mark.parametrize(
    ("source", "ttl", "place"),
    [
        ("192.168.7.1", 64, HopPlace.FIRST),
        ("10.1.2.3", 255, HopPlace.FIRST),
        ("198.18.1.2", 254, HopPlace.LATER),
        ("198.18.3.2", 52, HopPlace.TARGET),
        ("198.18.3.2", 64, HopPlace.TARGET),
    ],
)
def test_who_sent_an_icmp_error_is_told_by_its_quote_and_its_ttl(source: str, ttl: int, place: HopPlace) -> None:
    """The host that our packet was for, the home's own router (nothing is off its TTL yet), or one beyond."""
    quoted = IP(src="198.18.1.1", dst="198.18.3.2") / UDP(sport=62000, dport=53) / b"question"
    error = IP(src=source, dst="198.18.1.1", ttl=ttl) / ICMP(type=3, code=13) / quoted
    (record,) = evidence([Captured(1, False, bytes(error))])
    assert record.place is place
    near = IPv6(src="fe80::1", dst="2001:db8::1", hlim=63) / ICMPv6TimeExceeded() / IPv6(dst="2001:db8::9") / TCP()
    (record6,) = evidence([Captured(1, False, bytes(near))])
    assert record6.place is HopPlace.FIRST
