"""Captures made by hand: connections as lines, in every file format and on every link.

Must not live here: expectations.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

CLIENT, SERVER = "192.0.2.7", "198.51.100.9"
CLIENT6, SERVER6 = "2001:db8::7", "2001:db8:1::9"
_BITS: Final = {letter: 1 << bit for bit, letter in enumerate("FSRPAUEC")}
ETHERNET, RAW, SLL, SLL2, NULL = 1, 101, 113, 276, 0


@dataclass
class Talk:
    """IP packets of one capture, in order: microseconds and bytes."""

    six: bool = False
    port: int = 443
    packets: list[tuple[int, bytes]] = field(default_factory=list)

    def send(
        self, at: int, flags: str, *, client: int, out: bool = True, seq: int = 0, data: bytes = b"", **header: int
    ) -> None:
        """Add one segment; sequence numbers begin at 1,000 and 5,000; ttl, ip_id, df and window in ``header``."""
        ttl, ip_id, df, window = ({"ttl": 64, "ip_id": 0, "df": 1, "window": 500} | header).values()
        ends = (CLIENT6, SERVER6) if self.six else (CLIENT, SERVER)
        source, target = (ip_address(each).packed for each in (ends if out else reversed(ends)))
        ports = (client, self.port) if out else (self.port, client)
        bits = sum(_BITS[each] for each in flags)
        mine, other = (1_000, 5_000) if out else (5_000, 1_000)
        tcp = struct.pack("!HHIIBBHHH", *ports, mine + seq, other + 1, 0x50, bits, window, 0, 0) + data
        if self.six:
            head = struct.pack("!IHBB", 6 << 28, len(tcp), 6, ttl)
        else:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), ip_id, 0x4000 if df else 0, ttl, 6, 0)
        self.packets.append((at, head + source + target + tcp))

    def connect(self, began: int, request: bytes, *, client: int, ttl: int = 64, way: int = 50) -> int:
        """Add a handshake over a way of 40 ms and a request; returns when it was sent."""
        self.send(began, "S", client=client)
        self.send(began + 40_000, "SA", client=client, out=False, ttl=way)
        self.send(began + 40_100, "A", client=client, seq=1)
        self.send(began + 40_200, "PA", client=client, seq=1, ttl=ttl, data=request)
        return began + 40_200


def a_reset(*, six: bool = False) -> Talk:
    """Return one connection that a RST of another TTL ends."""
    talk = Talk(six=six)
    sent = talk.connect(0, get("blocked.example"), client=40_001)
    talk.send(sent + 40_000, "RA", client=40_001, out=False, ttl=201, ip_id=7, seq=1, window=1500)
    return talk


def get(name: str) -> bytes:
    """Return an HTTP request."""
    return b"GET / HTTP/1.1\r\nHost: " + name.encode() + b"\r\n\r\n"


def link(packet: bytes, kind: int, *, vlans: int = 0) -> bytes:
    """Put an IP packet into a frame."""
    ether = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    tags = b"\x81\x00\x00\x07" * vlans
    return {
        ETHERNET: bytes(12) + tags + ether + packet,
        RAW: packet,
        SLL: bytes(14) + ether + packet,
        SLL2: ether + bytes(18) + packet,
        NULL: b"\x02\0\0\0" + packet,
    }[kind]


def pcap(
    talk: Talk, kind: int = ETHERNET, *, order: str = "<", nano: bool = False, snap: int = 65_535, vlans: int = 0
) -> bytes:
    """Write a pcap."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snap, kind)]
    for at, packet in talk.packets:
        frame = link(packet, kind, vlans=vlans)
        kept = frame[:snap]
        fraction = at % 1_000_000 * (1_000 if nano else 1)
        parts.append(
            struct.pack(f"{order}IIII", 1_600_000_000 + at // 1_000_000, fraction, len(kept), len(frame)) + kept
        )
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(talk: Talk, kind: int = ETHERNET, *, order: str = "<", nano: bool = False) -> bytes:
    """Write a pcapng of one section; nanoseconds by its option, and a block that nobody knows in between."""
    option = struct.pack(f"{order}HHB3x", 9, 1, 9) + bytes(4) if nano else b""
    parts = [
        _block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(order, 1, struct.pack(f"{order}HHI", kind, 0, 0) + option),
        _block(order, 4, bytes(8)),
    ]
    for at, packet in talk.packets:
        frame = link(packet, kind)
        ticks = (1_600_000_000_000_000 + at) * (1_000 if nano else 1)
        head = struct.pack(f"{order}5I", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        parts.append(_block(order, 6, head + frame))
    return b"".join(parts)
