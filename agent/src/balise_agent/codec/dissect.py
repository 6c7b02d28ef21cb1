"""From raw IP packets to packet evidence: a strict, quick reader for exactly what the tap lets through.

Lives here: reading IPv4, IPv6, TCP, UDP, ICMP and ICMPv6 headers, and the relative ``Packet`` records made of them.
Every byte is hostile: what is cut short or contradicts itself gives less, never an exception. Must not live here:
scapy (it is for people's eyes, not for the hot path), sockets, conclusions.
"""

import hashlib
import struct
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, NamedTuple

from balise_agent.codec.packets import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP
from balise_wire.evidence import Direction, Packet
from balise_wire.words import HopPlace

MOST_EACH_WAY: Final = 10
"""Packets kept each direction (detectors.md, common rule b)."""
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_FLAG_LETTERS: Final = "FSRPAUEC"
_FLAG_WORDS: Final = tuple(
    "".join(letter for bit, letter in enumerate(_FLAG_LETTERS) if flags & 1 << bit) for flags in range(256)
)
_IPV4_HEADER: Final = struct.Struct("!BBHHHBBH4s")
_TCP_HEADER: Final = struct.Struct("!IIBBH")
"""From the sequence number on."""
_FIRST_TTLS: Final = frozenset({64, 128, 255})
"""What systems of today send with."""
_LINK_LOCAL: Final = b"\xfe\x80"
_OPTION_WORDS: Final = {
    2: "mss",
    3: "ws",
    4: "sackok",
    5: "sack",
    8: "ts",
    19: "md5",
    28: "uto",
    30: "mptcp",
    34: "tfo",
}
_PROTOCOL_WORDS: Final = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmp"}


class Captured(NamedTuple):
    """One packet as the tap keeps it."""

    t_ns: int
    """The kernel's timestamp, nanoseconds of its real-time clock."""
    out: bool
    """Sent by this machine."""
    data: bytes
    """From the IP header on."""


class Dissected(NamedTuple):
    """The header fields that evidence and decisions need, absolute."""

    protocol: int
    source: bytes
    ttl: int
    ip_id: int
    df: bool
    tos: int
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 0
    options: str = ""
    payload: bytes = b""
    icmp: tuple[int, int] | None = None
    cut: int = 0
    """Bytes of the packet that were not captured."""


def dissect(data: bytes) -> Dissected | None:
    """Read one whole IP packet; ``None`` where not even the IP header can be read."""
    size = len(data)
    if size < 20:
        return None
    family = data[0] >> 4
    if family == IPV4:
        start = (data[0] & 15) * 4
        _, tos, total, ip_id, fragment, ttl, protocol, _, source = _IPV4_HEADER.unpack_from(data)
        if start < 20 or size < start:
            return None
        # Offloaded segments may carry a total length of 0; then everything captured belongs to the packet.
        end = total if start <= total <= size else size
        found = _transport(data, start, end, (protocol, source, ttl, ip_id, bool(fragment & 0x4000), tos))
        return found if total <= size else found._replace(cut=total - size)
    if family == IPV6 and size >= 40:
        length = data[4] << 8 | data[5]
        end = 40 + length if 0 < length <= size - 40 else size
        tos = (data[0] & 15) << 4 | data[1] >> 4
        found = _transport(data, 40, end, (data[6], data[8:24], data[7], 0, False, tos))
        return found if length <= size - 40 else found._replace(cut=length - size + 40)
    return None


def is_first_fragment(data: bytes) -> bool:
    """Whether an IPv4 packet is the first of several fragments (RFC 791 3.1); the others have no ports."""
    return len(data) >= 20 and data[0] >> 4 == IPV4 and data[6] & 0x3F == 0x20 and data[7] == 0


def _transport(data: bytes, start: int, end: int, network: tuple[int, bytes, int, int, bool, int]) -> Dissected:
    """Add to the network header's fields what the transport header says, as far as it is there."""
    protocol, length = network[0], end - start
    if protocol == TCP and length >= 20:
        seq, ack, offset, flags, window = _TCP_HEADER.unpack_from(data, start + 4)
        header = min(end, start + max(20, (offset >> 4) * 4))
        options = option_words(data[start + 20 : header]) if header > start + 20 else ""
        return Dissected(*network, flags, seq, ack, window, options, data[header:end])
    if protocol == UDP and length >= 8:
        return Dissected(*network, payload=data[start + 8 : end])
    if protocol in {ICMP, ICMPV6} and length >= 8:
        return Dissected(*network, payload=data[start + 8 : end], icmp=(data[start], data[start + 1]))
    return Dissected(*network)


def option_words(options: bytes) -> str:
    """Name TCP options in order (RFC 9293 3.2); an impossible length ends the list with ``bad``."""
    # Nearly every segment, and nearly every SYN, has Linux's layout; looking costs a tenth of walking.
    if len(options) == 12 and options[:4] == b"\1\1\x08\x0a":
        return "nop,nop,ts"
    if len(options) == 20 and options[:2] + options[4:8] + options[16:19] == b"\2\4\4\2\x08\x0a\1\3\3":
        return "mss,sackok,ts,nop,ws"
    words: list[str] = []
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == 0:
            words.append("eol")
            break
        if kind == 1:
            words.append("nop")
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            words.append("bad")
            break
        words.append(_OPTION_WORDS.get(kind, str(kind)))
        at += length
    return ",".join(words)


def records(captured: Iterable[Captured], zero_ns: int | None = None) -> list[tuple[Captured, Packet]]:
    """Pair the packets of one flow with their evidence, in time order.

    Times count from ``zero_ns`` or else from the first packet, sequence numbers from each direction's first; payloads
    are left behind as length and hash. What cannot be read is left out.
    """
    ordered = sorted(captured)
    zero = ordered[0].t_ns if zero_ns is None and ordered else zero_ns or 0
    first: dict[bool, int] = {}
    found: list[tuple[Captured, Packet]] = []
    for packet in ordered:
        read = dissect(packet.data)
        if read is None:
            continue
        if read.protocol == TCP:
            first.setdefault(packet.out, read.seq)
            if read.flags & ACK:  # where the other side was not heard, what is acknowledged tells its numbers
                first.setdefault(not packet.out, (read.ack - 1) & 0xFFFFFFFF)
        found.append((packet, _record(read, packet, (packet.t_ns - zero) // 1000, first)))
    return found


def evidence(captured: Iterable[Captured]) -> tuple[Packet, ...]:
    """Turn the capture of one flow into evidence: at most ten packets each direction."""
    return first_ten([packet for _, packet in records(captured)])


def first_ten(packets: Iterable[Packet]) -> tuple[Packet, ...]:
    """Keep the first ten packets of each direction; sequence numbers stay relative to their own flow."""
    left = {Direction.OUT: MOST_EACH_WAY, Direction.IN: MOST_EACH_WAY}
    kept: list[Packet] = []
    for packet in packets:
        if left[packet.direction]:
            left[packet.direction] -= 1
            kept.append(packet)
    return tuple(kept)


def _record(found: Dissected, packet: Captured, t_us: int, first: dict[bool, int]) -> Packet:
    """Make one Packet; ``first`` holds each direction's first sequence number (key: ours)."""
    is_tcp = found.protocol == TCP
    is_error = found.icmp is not None and is_icmp_error(found)
    payload = b"" if is_error else found.payload
    return Packet(
        t_us=t_us,
        direction=Direction.OUT if packet.out else Direction.IN,
        protocol=_PROTOCOL_WORDS.get(found.protocol) or str(found.protocol),
        ttl=found.ttl,
        ip_id=found.ip_id,
        df=found.df,
        tos=found.tos,
        flags=_FLAG_WORDS[found.flags],
        seq=_offset(found.seq, first.get(packet.out, found.seq)) if is_tcp else 0,
        ack=_offset(found.ack, first.get(not packet.out, found.ack)) if found.flags & ACK else 0,
        window=found.window,
        options=found.options,
        length=len(payload) + (0 if is_error else found.cut),
        sha256=hashlib.sha256(payload).hexdigest()[:16] if payload and not found.cut else "",
        icmp=f"{found.icmp[0]}/{found.icmp[1]}" if found.icmp else "",
        hop=str(ip_address(found.source)) if is_error else "",
        place=_place(found) if is_error else HopPlace.UNKNOWN,
    )


def _place(found: Dissected) -> HopPlace:
    """Return which machine sent an ICMP error: the host that it quotes our packet to, the first hop, or one beyond.

    From the first hop nothing has been taken off its TTL yet; IPv6 routers next door speak by their link-local address
    (RFC 4443 2.2). A later router whose TTL arrives as a beginning one would have to stand 64 hops away.
    """
    quoted = found.payload
    if found.protocol == ICMP:
        target = quoted[16:20] if len(quoted) >= 20 else b""
    else:
        target = quoted[24:40] if len(quoted) >= 40 else b""
    if target == found.source:
        return HopPlace.TARGET
    next_door = found.ttl in _FIRST_TTLS or (found.protocol == ICMPV6 and found.source[:2] == _LINK_LOCAL)
    return HopPlace.FIRST if next_door else HopPlace.LATER


def _offset(number: int, base: int) -> int:
    """Return the distance of two sequence numbers modulo 2**32, signed."""
    distance = (number - base) & 0xFFFFFFFF
    return distance - 0x100000000 if distance & 0x80000000 else distance


def is_icmp_error(found: Dissected) -> bool:
    """Whether an ICMP message quotes a packet of ours (RFC 792; RFC 4443 2.1: types below 128)."""
    if found.icmp is None:
        return False
    return found.icmp[0] in {3, 4, 5, 11, 12} if found.protocol == ICMP else found.icmp[0] < 128
