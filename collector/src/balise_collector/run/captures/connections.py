"""The TCP connections of a capture as packet evidence, as a probe's tap records them. Pure.

The client is who sent the SYN. Times count from it in microseconds, sequence numbers from each side's first. Packets of
connections that began before the capture are left out. Must not live here: what a connection shows (pairs.py).
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from balise_collector.run.captures import files, link
from balise_collector.run.captures.link import Segment
from balise_collector.run.captures.names import asked_name
from balise_wire.evidence import Direction, Packet

_MOST_EACH: Final = 400
"""Packets of one connection that are looked at: its beginning decides."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection."""

    server: tuple[bytes, int]
    """Address and port of who answered, or should have."""
    name: str
    """What the request asked for; empty where it does not say."""
    packets: tuple[Packet, ...]
    until_us: int
    """Microseconds from its SYN to the last packet of the capture."""


@dataclass(slots=True)
class _Open:
    client: tuple[bytes, int]
    isn: int
    segments: list[Segment] = field(default_factory=list)


def connections(data: bytes) -> list[Connection]:
    """Return the connections of a capture file, in the order of their SYNs.

    Raises:
        files.Damaged: it is no whole capture, or of a link that cannot be read.
    """
    frames = files.frames(data)
    for kind in sorted({frame.link for frame in frames}):
        link.check(kind)
    segments = sorted(filter(None, map(link.segment, frames)), key=lambda each: each.t_ns)
    last = segments[-1].t_ns if segments else 0
    open_now: dict[frozenset[tuple[bytes, int]], _Open] = {}
    found: list[_Open] = []
    for each in segments:
        source, target = (each.source, each.ports[0]), (each.target, each.ports[1])
        pair = frozenset((source, target))
        known = open_now.get(pair)
        if "S" in each.flags and "A" not in each.flags and (known is None or known.isn != each.seq):
            known = open_now[pair] = _Open(source, each.seq)
            found.append(known)
        if known is not None and len(known.segments) < _MOST_EACH:
            known.segments.append(each)
    return [_connection(each, last) for each in found]


def _connection(found: _Open, last: int) -> Connection:
    began = found.segments[0].t_ns
    bases: dict[bool, int] = {True: found.isn}
    synack = next((s.seq for s in found.segments if "S" in s.flags and "A" in s.flags), None)
    if synack is not None:
        bases[False] = synack
    packets = []
    sent: dict[int, bytes] = defaultdict(bytes)
    for each in found.segments:
        out = (each.source, each.ports[0]) == found.client
        base, other = bases.setdefault(out, each.seq), bases.get(not out, each.ack)
        packet = _packet(each, (each.t_ns - began) // 1000, base, other, out=out)
        packets.append(packet)
        if out and each.payload:
            sent[packet.seq] = max(sent[packet.seq], each.payload, key=len)
    request = b"".join(sent[at] for at in sorted(sent))
    first = found.segments[0]
    server = (first.target, first.ports[1])
    return Connection(server, asked_name(request), tuple(packets), (last - began) // 1000)


def _packet(each: Segment, t_us: int, base: int, other: int, *, out: bool) -> Packet:
    whole = each.payload and len(each.payload) == each.length
    return Packet(
        t_us=t_us,
        direction=Direction.OUT if out else Direction.IN,
        ttl=each.ttl,
        ip_id=each.ip_id,
        df=each.df,
        tos=each.tos,
        flags=each.flags,
        seq=_offset(each.seq, base),
        ack=_offset(each.ack, other) if "A" in each.flags else 0,
        window=each.window,
        length=each.length,
        sha256=hashlib.sha256(each.payload).hexdigest()[:16] if whole else "",
    )


def _offset(number: int, base: int) -> int:
    """Return the distance of two sequence numbers modulo 2**32, signed."""
    return (number - base + 0x80000000) % 0x100000000 - 0x80000000
