"""The packets a middlebox makes up: resets, ends, pages, DNS answers.

Lives here: pure functions from a seen packet to raw IPv4 bytes (checksums included). Must not live here: sending.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from balise_lab.boxes.engine.classify import ACK, FIN, PSH, RST, TCP, UDP, Packet, question_end

A, IN = 1, 1
TTL = 300
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5


@dataclass(frozen=True)
class Marks:
    """By what a forged packet can be told from a true one."""

    ttl: int
    ip_id: int
    window: int = 0
    df: bool = False
    """Don't Fragment, as Linux sets it on every segment."""


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(
    source: bytes, destination: bytes, protocol: int, body: bytes, *, ttl: int, ip_id: int, df: bool = False
) -> bytes:
    """An IPv4 packet without options or fragmentation."""
    fragment = 0x4000 if df else 0
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ip_id, fragment, ttl, protocol, 0, source, destination)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def segment(
    source: tuple[bytes, int],
    destination: tuple[bytes, int],
    sequence: int,
    acknowledgement: int,
    flags: int,
    payload: bytes,
    marks: Marks,
) -> bytes:
    """A TCP segment in an IPv4 packet."""
    ports = (source[1], destination[1])
    numbers = (sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF)
    body = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, marks.window, 0, 0) + payload
    pseudo = struct.pack("!4s4sBBH", source[0], destination[0], 0, TCP, len(body))
    body = body[:16] + struct.pack("!H", checksum(pseudo + body)) + body[18:]
    return ipv4(source[0], destination[0], TCP, body, ttl=marks.ttl, ip_id=marks.ip_id, df=marks.df)


def toward_client(seen: Packet, marks: Marks, flags: int, payload: bytes = b"", *, skip: int = 0) -> bytes:
    """A segment that claims to come from the server a client's segment went to. `skip` moves its sequence number."""
    return segment(
        (seen.destination, seen.destination_port),
        (seen.source, seen.source_port),
        seen.acknowledgement + skip,
        seen.sequence + len(seen.payload),
        flags,
        payload,
        marks,
    )


def toward_server(seen: Packet, marks: Marks, *, sequence: int) -> bytes:
    """A reset that claims to come from the client."""
    return segment(
        (seen.source, seen.source_port),
        (seen.destination, seen.destination_port),
        sequence,
        seen.acknowledgement,
        RST | ACK,
        b"",
        marks,
    )


def resets(seen: Packet, marks: Marks, copies: int) -> list[bytes]:
    """Several resets towards the client, each a full segment ahead of the one before.

    As observed of the Great Firewall (Wang et al., "Your State is Not Mine", IMC 2017).
    """
    return [toward_client(seen, marks, RST | ACK, skip=1460 * number) for number in range(copies)]


def ending(seen: Packet, marks: Marks, payload: bytes = b"") -> bytes:
    """An orderly end towards the client, with a last payload if there is one."""
    return toward_client(seen, marks, FIN | ACK | (PSH if payload else 0), payload)


def alert(seen: Packet, marks: Marks, code: int) -> list[bytes]:
    """A fatal TLS alert and an orderly end towards the client (RFC 8446 6)."""
    return [ending(seen, marks, bytes((21, 3, 3, 0, 2, 2, code)))]


def page(title: str) -> bytes:
    """A block page as an HTTP answer."""
    body = (
        f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>"
        "<p>Access to this site has been restricted.</p></body></html>\n"
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def redirect(location: str) -> bytes:
    """A redirection to a block page's server."""
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def dns_answer(query: bytes, addresses: Iterable[str], *, code: int = 0) -> bytes:
    """A forged answer to a query (RFC 1035): the question repeated, an A record each, or just a response code."""
    end = question_end(query)
    kind = struct.unpack_from("!H", query, end - 4)[0]
    found = [bytes(map(int, address.split("."))) for address in addresses] if kind == A else []
    flags = 0x8180 | code
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
    records = b"".join(struct.pack("!HHHIH4s", 0xC00C, A, IN, TTL, 4, address) for address in found)
    return head + query[12:end] + records


def dns_packet(seen: Packet, marks: Marks, answer: bytes) -> bytes:
    """The answer as a UDP packet that claims to come from the resolver."""
    length = 8 + len(answer)
    body = struct.pack("!HHHH", seen.destination_port, seen.source_port, length, 0) + answer
    pseudo = struct.pack("!4s4sBBH", seen.destination, seen.source, 0, UDP, length)
    body = body[:6] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[8:]
    return ipv4(seen.destination, seen.source, UDP, body, ttl=marks.ttl, ip_id=marks.ip_id, df=marks.df)
