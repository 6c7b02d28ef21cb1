"""What a box does with a packet, kind by kind: pure, packet in, forged packets out."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_lab.boxes import classify, forge
from balise_lab.boxes.classify import ACK, FIN, PSH, RST, Packet, Streams
from balise_lab.boxes.decide import Decision, decide
from balise_lab.boxes.spec import DNS, HTTP, SNI, Box, Kind, fits

CLIENT, SERVER = socket.inet_aton("198.18.1.10"), socket.inet_aton("198.19.64.10")
REQUEST = b"GET / HTTP/1.1\r\nHost: twitter.lab\r\n\r\n"
QUERY = struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0) + b"\x07twitter\x03lab\0" + struct.pack("!HH", 1, 1)


def request(payload: bytes = REQUEST) -> Packet:
    """A client's first segment."""
    raw = forge.segment((CLIENT, 40000), (SERVER, 80), 1000, 5000, PSH | ACK, payload, forge.Marks(64, 1, 8192))
    seen = classify.packet(raw)
    assert seen is not None
    return seen


def query(payload: bytes = QUERY) -> Packet:
    """A client's question to a resolver."""
    return Packet(CLIENT, SERVER, classify.UDP, 40000, 53, 0, 0, 0, payload)


def decided(kind: Kind, **fields: object) -> tuple[Decision, list[Packet]]:
    """The decision of a box of that kind about REQUEST or QUERY, with its forged packets parsed."""
    box = Box("b", kind, match=("twitter.lab",), **fields)  # type: ignore[arg-type]
    decision = decide(box, request() if kind in HTTP else query(), Streams())
    assert decision is not None
    forged = [classify.packet(raw) for raw in decision.forged]
    return decision, [each for each in forged if each is not None]


def test_resets_carry_the_servers_numbers() -> None:
    """A forged RST is believed because its sequence number is the one the client expects next (RFC 5961 section 3)."""
    decision, forged = decided(Kind.HTTP_RST, resets=2)
    first, second, server = forged
    assert decision.strike
    assert (first.source, first.destination) == (SERVER, CLIENT)
    assert (first.sequence, first.acknowledgement, first.flags) == (5000, 1000 + len(REQUEST), RST | ACK)
    assert second.sequence == 5000 + 1460
    assert (server.source, server.destination, server.sequence) == (CLIENT, SERVER, 1000)


def test_a_block_page_ends_the_connection() -> None:
    """The page comes with FIN in the server's name; an on-path box resets the server behind the true request."""
    decision, (page, server) = decided(Kind.HTTP_BLOCKPAGE, title="Surf Safely", inline=False)
    assert not decision.strike
    assert page.flags == FIN | ACK | PSH
    assert page.payload.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"<title>Surf Safely</title>" in page.payload
    assert server.sequence == 1000 + len(REQUEST)


def test_marks_of_forged_packets_are_the_boxes() -> None:
    """TTL, IP-ID and window of what a box makes up are configuration: that is how the judge can tell."""
    decision, _ = decided(Kind.HTTP_RST, ttl=33, ip_id=0x1234, window=777, resets=1, toward_server=False)
    (raw,) = decision.forged
    assert (raw[8], raw[4:6].hex(), struct.unpack_from("!H", raw, 34)[0]) == (33, "1234", 777)


def test_checksums_of_forged_packets_are_right() -> None:
    """A packet with a wrong checksum would be dropped, and the box would look as if it had not fired."""
    decision, _ = decided(Kind.HTTP_REDIRECT)
    for raw in decision.forged:
        assert forge.checksum(raw[:20]) == 0
        pseudo = raw[12:20] + struct.pack("!BBH", 0, 6, len(raw) - 20)
        assert forge.checksum(pseudo + raw[20:]) == 0


def test_dns_answers() -> None:
    """Injection sends one packet an address and lets the query pass; the others answer instead of the resolver."""
    decision, forged = decided(Kind.DNS_INJECT, answers=("203.0.113.1", "203.0.113.2"))
    assert not decision.strike
    assert [each.payload[-4:] for each in forged] == [bytes([203, 0, 113, 1]), bytes([203, 0, 113, 2])]
    assert all(each.payload[:2] == QUERY[:2] and each.source_port == 53 for each in forged)
    for kind, code in ((Kind.DNS_NXDOMAIN, 3), (Kind.DNS_REFUSED, 5)):
        decision, (answer,) = decided(kind)
        assert decision.strike
        assert answer.payload[3] & 15 == code
    decision, forged = decided(Kind.DNS_SILENT)
    assert decision.strike
    assert not forged


def test_an_ipv6_question_gets_no_ipv4_address() -> None:
    """A forged answer to AAAA is empty rather than malformed."""
    aaaa = QUERY[:-4] + struct.pack("!HH", 28, 1)
    decision = decide(Box("b", Kind.DNS_INJECT, match=("twitter.lab",)), query(aaaa), Streams())
    assert decision is not None
    (raw,) = decision.forged
    seen = classify.packet(raw)
    assert seen is not None
    assert struct.unpack_from("!H", seen.payload, 6)[0] == 0


def test_other_names_are_of_no_interest() -> None:
    """What does not match is left alone, whatever it is."""
    box = Box("b", Kind.HTTP_RST, match=("*.twimg.lab",))
    assert decide(box, request(), Streams()) is None
    assert decide(box, request(b"\x16\x03\x01garbage"), Streams()) is None
    assert decide(Box("b", Kind.DNS_INJECT, match=("x.lab",)), query(), Streams()) is None


@pytest.mark.parametrize(
    ("name", "pattern", "fit"),
    [
        ("pbs.twimg.lab", "*.twimg.lab", True),
        ("PBS.TWIMG.LAB.", "*.twimg.lab", True),
        ("twimg.lab", "*.twimg.lab", False),
        ("twitter.lab", "twitter.lab", True),
        ("nottwitter.lab", "twitter.lab", False),
    ],
)
def test_patterns(name: str, pattern: str, fit: bool) -> None:
    """Patterns fit whole names; case and the final dot do not count."""
    assert fits(name, (pattern,)) is fit


@given(st.binary(max_size=64), st.sampled_from(sorted(DNS | SNI | HTTP)))
def test_no_packet_breaks_a_box(data: bytes, kind: Kind) -> None:
    """A box that raised would be dead, and fail open."""
    box = Box("b", kind, match=("*",))
    decide(box, query(data), Streams())
    decide(box, request(data or b"x"), Streams())
