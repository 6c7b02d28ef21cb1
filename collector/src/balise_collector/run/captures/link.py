"""From a captured frame to its TCP segment: links, IPv4, IPv6 and TCP headers. Pure; every byte is hostile.

What is cut short or contradicts itself gives nothing, never an exception. Must not live here: connections.
"""

import struct
from typing import Final, NamedTuple

from balise_collector.run.captures.files import Damaged, Frame

_ETHERNET, _NULL, _LOOP, _SLL, _SLL2 = 1, 0, 108, 113, 276
_RAW: Final = frozenset({12, 14, 101, 228, 229})
_VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})
_PPPOE: Final = 0x8864
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP: Final = 6
_EXTENSIONS: Final = frozenset({0, 43, 60})
"""IPv6 headers that say their length in units of 8 bytes (RFC 8200 4.2)."""
_FRAGMENT: Final = 44
_MOST_EXTENSIONS: Final = 8
_LETTERS: Final = "FSRPAUEC"


class _Network(NamedTuple):
    """What the IP header says."""

    t_ns: int
    source: bytes
    target: bytes
    ttl: int
    ip_id: int
    df: bool
    tos: int


class Segment(NamedTuple):
    """One TCP segment, absolute."""

    t_ns: int
    source: bytes
    target: bytes
    ports: tuple[int, int]
    ttl: int
    ip_id: int
    df: bool
    tos: int
    flags: str
    seq: int
    ack: int
    window: int
    length: int
    """Payload bytes that were sent; fewer may have been captured."""
    payload: bytes


def check(link: int) -> None:
    """Refuse a link whose frames cannot be read.

    Raises:
        Damaged: naming it, and the mend.
    """
    if link not in _RAW | {_ETHERNET, _NULL, _LOOP, _SLL, _SLL2}:
        raise Damaged(f"link type {link} is not read; capture with tcpdump -i any, or on the Ethernet side")


def segment(frame: Frame) -> Segment | None:
    """Return the TCP segment of a frame; ``None`` where it holds none that can be read."""
    data = _network(frame)
    try:
        if data[:1] and data[0] >> 4 == 4:
            return _ipv4(frame.t_ns, data)
        if data[:1] and data[0] >> 4 == 6:
            return _ipv6(frame.t_ns, data)
    except (IndexError, struct.error):
        pass
    return None


def _network(frame: Frame) -> bytes:
    """Return a frame from its IP header on; nothing where it carries another protocol."""
    data, link = frame.data, frame.link
    if link in _RAW:
        return data
    if link in {_NULL, _LOOP}:
        return data[4:]
    at = {_SLL: 14, _SLL2: 0}.get(link, 12)
    kind = int.from_bytes(data[at : at + 2], "big")
    at = 20 if link == _SLL2 else at + 2
    while kind in _VLAN:
        kind, at = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
    if kind == _PPPOE:
        protocol = int.from_bytes(data[at + 6 : at + 8], "big")
        return data[at + 8 :] if protocol in {0x21, 0x57} else b""
    return data[at:] if kind in {_IPV4, _IPV6} else b""


def _ipv4(t_ns: int, data: bytes) -> Segment | None:
    start = (data[0] & 15) * 4
    _, tos, total, ip_id, fragment, ttl, protocol = struct.unpack_from("!BBHHHBB", data)
    if protocol != _TCP or fragment & 0x1FFF or start < 20:
        return None
    # Segments that the card splits later carry a total length of 0.
    end = total if total >= start else len(data)
    network = _Network(t_ns, data[12:16], data[16:20], ttl, ip_id, bool(fragment & 0x4000), tos)
    return _tcp(data, start, end, network)


def _ipv6(t_ns: int, data: bytes) -> Segment | None:
    length = int.from_bytes(data[4:6], "big")
    kind, at = data[6], 40
    end = 40 + length if length else len(data)
    for _ in range(_MOST_EXTENSIONS):
        if kind in _EXTENSIONS:
            kind, at = data[at], at + 8 + data[at + 1] * 8
        elif kind == _FRAGMENT and not int.from_bytes(data[at + 2 : at + 4], "big") & 0xFFF8:
            kind, at = data[at], at + 8
        else:
            break
    if kind != _TCP:
        return None
    tos = (data[0] & 15) << 4 | data[1] >> 4
    return _tcp(data, at, end, _Network(t_ns, data[8:24], data[24:40], data[7], 0, df=False, tos=tos))


def _tcp(data: bytes, start: int, end: int, network: _Network) -> Segment | None:
    source, target, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", data, start)
    body = start + (offset >> 4) * 4
    if body < start + 20 or body > end:
        return None
    return Segment(
        t_ns=network.t_ns,
        source=network.source,
        target=network.target,
        ports=(source, target),
        ttl=network.ttl,
        ip_id=network.ip_id,
        df=network.df,
        tos=network.tos,
        flags="".join(letter for bit, letter in enumerate(_LETTERS) if flags & 1 << bit),
        seq=seq,
        ack=ack,
        window=window,
        length=end - body,
        payload=data[body : min(end, len(data))],
    )
