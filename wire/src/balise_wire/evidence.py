"""Packet evidence: what the tap heard of one trial, packet by packet, without payloads or addresses.

The probe's own address and every payload stay on the probe; a payload leaves only as its length and SHA-256. Offsets
are relative to the first sequence number seen in each direction, so that a record cannot be matched with a flow log by
its raw sequence numbers.
"""

from typing import Final

import msgspec

from balise_wire.word import Word
from balise_wire.words import HopPlace

PROHIBITED: Final = frozenset({"3/9", "3/10", "3/13", "1/1"})
"""``type/code`` of the ICMP messages by which a router says that it was told not to let something pass: communication
administratively prohibited (RFC 1812 5.2.7.1; for IPv6, RFC 4443 3.1)."""


class Direction(Word):
    """Seen from the probe."""

    OUT = "out"
    IN = "in"
    UNKNOWN = "unknown"
    """Neither sent nor received, as far as we can tell: it counts for nothing."""


class Packet(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One captured packet of a trial, in arrival order; at most ten a direction are kept."""

    t_us: int
    """Microseconds since the trial began, from the kernel's timestamp."""
    direction: Direction
    protocol: str = "tcp"
    """``tcp``, ``udp`` or ``icmp``."""
    ttl: int = 0
    """IP TTL (or IPv6 hop limit) as seen here."""
    ip_id: int = 0
    df: bool = False
    tos: int = 0
    flags: str = ""
    """TCP flags as tcpdump letters in the order ``FSRPAUEC``; empty for other protocols."""
    seq: int = 0
    """Offset from this direction's first sequence number, modulo 2**32 taken as signed."""
    ack: int = 0
    """Offset from the other direction's first sequence number; 0 where ACK is not set."""
    window: int = 0
    options: str = ""
    """TCP option kinds in order, e.g. ``mss,sackok,ts,nop,ws`` (RFC 9293 3.2)."""
    length: int = 0
    """Payload bytes."""
    sha256: str = ""
    """First 16 hex digits of the payload's SHA-256; empty where there is no payload."""
    icmp: str = ""
    """``type/code`` of an ICMP message."""
    hop: str = ""
    """Address of the router that sent an ICMP error about our packet; scrubbed to its prefix before it leaves."""
    place: HopPlace = HopPlace.UNKNOWN
    """Which machine that was; unknown for everything that is no ICMP error about our packet."""
