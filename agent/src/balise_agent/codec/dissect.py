"""From raw IP packets to packet evidence: a strict, quick reader for exactly what the tap lets through.

Lives here: reading IPv4, IPv6, TCP, UDP, ICMP and ICMPv6 headers, and the relative ``Packet`` records made of them.
Every byte is hostile: what is cut short or contradicts itself gives less, never an exception. Must not live here:
scapy (it is for people's eyes, not for the hot path), sockets, conclusions.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple

from balise_agent.codec.packets import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP
from balise_wire.evidence import Direction, Packet

MOST_EACH_WAY: Final = 10
"""Packets kept each direction (detectors.md, common rule b)."""
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
_FLAG_LETTERS: Final = "FSRPAUEC"
_TCP: Final = struct.Struct("!HHIIBBHHH")
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


def dissect(data: bytes) -> Dissected | None:
    """Read one whole IP packet; ``None`` where not even the IP header can be read."""
    if len(data) < 20:
        return None
    family = data[0] >> 4
    if family == IPV4:
        start = (data[0] & 15) * 4
        total = int.from_bytes(data[2:4], "big")
        if start < 20 or len(data) < start:
            return None
        # Offloaded segments may carry a total length of 0; then everything captured belongs to the packet.
        end = total if start <= total <= len(data) else len(data)
        network = Dissected(
            data[9], data[12:16], data[8], int.from_bytes(data[4:6], "big"), bool(data[6] & 0x40), data[1]
        )
        return _transport(network, data[start:end])
    if family == IPV6 and len(data) >= 40:
        length = int.from_bytes(data[4:6], "big")
        end = 40 + length if 0 < length <= len(data) - 40 else len(data)
        tos = (data[0] & 15) << 4 | data[1] >> 4
        return _transport(Dissected(data[6], data[8:24], data[7], 0, df=False, tos=tos), data[40:end])
    return None


def _transport(network: Dissected, data: bytes) -> Dissected:
    """Add what the transport header says, as far as it is there."""
    if network.protocol == TCP and len(data) >= 20:
        _, _, seq, ack, offset, flags, window, _, _ = _TCP.unpack_from(data)
        header = max(20, (offset >> 4) * 4)
        options = option_words(data[20:header])
        return network._replace(flags=flags, seq=seq, ack=ack, window=window, options=options, payload=data[header:])
    if network.protocol == UDP and len(data) >= 8:
        return network._replace(payload=data[8:])
    if network.protocol in {ICMP, ICMPV6} and len(data) >= 8:
        return network._replace(icmp=(data[0], data[1]), payload=data[8:])
    return network


def option_words(options: bytes) -> str:
    """Name TCP options in order (RFC 9293 3.2); an impossible length ends the list with ``bad``."""
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


def payload_of(data: bytes) -> bytes:
    """Return the transport payload of one whole IP packet; empty where there is none."""
    found = dissect(data)
    return found.payload if found else b""


def evidence(captured: Iterable[Captured], most: int = MOST_EACH_WAY, zero_ns: int | None = None) -> tuple[Packet, ...]:
    """Turn a capture of one flow into evidence, in time order, times and sequence numbers relative to its first packet.

    At most ``most`` packets each direction are kept; payloads leave only as length and hash. ``zero_ns`` is another
    moment to count time from.
    """
    ordered = sorted(captured, key=lambda packet: packet.t_ns)
    if not ordered:
        return ()
    zero = ordered[0].t_ns if zero_ns is None else zero_ns
    kept = {True: 0, False: 0}
    first: dict[bool, int] = {}
    records: list[Packet] = []
    for packet in ordered:
        found = dissect(packet.data)
        if found is None:
            continue
        if found.protocol == TCP:
            first.setdefault(packet.out, found.seq)
            if found.flags & ACK:  # where the other side was not heard, what is acknowledged tells its numbers
                first.setdefault(not packet.out, (found.ack - 1) & 0xFFFFFFFF)
        if kept[packet.out] < most:
            kept[packet.out] += 1
            records.append(_record(found, packet, (packet.t_ns - zero) // 1000, first))
    return tuple(records)


def merged_evidence(captures: Sequence[Sequence[Captured]]) -> tuple[Packet, ...]:
    """Turn the captures of several flows into one record in time order; numbers stay relative to their own flow."""
    zero = min((packet.t_ns for capture in captures for packet in capture), default=0)
    records = [record for capture in captures for record in evidence(capture, zero_ns=zero)]
    kept = {Direction.OUT: 0, Direction.IN: 0}
    found: list[Packet] = []
    for record in sorted(records, key=lambda one: one.t_us):
        kept[record.direction] += 1
        if kept[record.direction] <= MOST_EACH_WAY:
            found.append(record)
    return tuple(found)


def _record(found: Dissected, packet: Captured, t_us: int, first: dict[bool, int]) -> Packet:
    """Make one Packet; ``first`` holds each direction's first sequence number (key: ours)."""
    is_tcp = found.protocol == TCP
    is_error = found.icmp is not None and is_icmp_error(found)
    payload = b"" if is_error else found.payload
    return Packet(
        t_us=t_us,
        direction=Direction.OUT if packet.out else Direction.IN,
        protocol=_PROTOCOL_WORDS.get(found.protocol, str(found.protocol)),
        ttl=found.ttl,
        ip_id=found.ip_id,
        df=found.df,
        tos=found.tos,
        flags="".join(letter for bit, letter in enumerate(_FLAG_LETTERS) if found.flags & 1 << bit),
        seq=_offset(found.seq, first.get(packet.out, found.seq)) if is_tcp else 0,
        ack=_offset(found.ack, first.get(not packet.out, found.ack)) if found.flags & ACK else 0,
        window=found.window,
        options=found.options,
        length=len(payload),
        sha256=hashlib.sha256(payload).hexdigest()[:16] if payload else "",
        icmp=f"{found.icmp[0]}/{found.icmp[1]}" if found.icmp else "",
        hop=str(ip_address(found.source)) if is_error else "",
    )


def _offset(number: int, base: int) -> int:
    """Return the distance of two sequence numbers modulo 2**32, signed."""
    distance = (number - base) & 0xFFFFFFFF
    return distance - 0x100000000 if distance & 0x80000000 else distance


def is_icmp_error(found: Dissected) -> bool:
    """Whether an ICMP message quotes a packet of ours (RFC 792; RFC 4443 2.1: types below 128)."""
    if found.icmp is None:
        return False
    return found.icmp[0] in {3, 4, 5, 11, 12} if found.protocol == ICMP else found.icmp[0] < 128
