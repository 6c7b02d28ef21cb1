"""The files of packet capture: pcap (every byte order and clock) and pcapng. Pure: bytes in, frames out.

A file that contradicts itself is refused as a whole, with what is wrong and the mend: a capture that lost a part may
lack just what excuses somebody. Packets cut to a snap length are whole files. Must not live here: what is in a frame
(link.py).
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_PCAP: Final = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1_000, 24),
    b"\x34\xcd\xb2\xa1": ("<", 1_000, 24),
}
"""First four bytes: byte order, nanoseconds a tick, bytes before each packet (24: an early Linux variant)."""
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_PACKED: Final = {b"\x1f\x8b": "gunzip", b"\xfd7": "unxz", b"BZ": "bunzip2", b"(\xb5": "unzstd"}
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_RESOLUTION: Final = 9
"""Option if_tsresol of an interface (draft-ietf-opsawg-pcapng 4.2)."""
_LARGEST: Final = 1 << 20
"""No link carries a larger frame: beyond it, a length is damage."""
_ANEW: Final = "copy it anew from where it was made, or save what is whole with tcpdump -r FILE -w NEW"


class Damaged(Exception):
    """A file that is no whole capture; the text says what is wrong, and the mend."""


class Frame(NamedTuple):
    """One captured packet."""

    t_ns: int
    link: int
    """Type of the link it was captured on (LINKTYPE_ number)."""
    data: bytes


def frames(data: bytes) -> list[Frame]:
    """Return the packets of a capture in the order of the file.

    Raises:
        Damaged: it is no capture, or not a whole one.
    """
    if not data:
        raise Damaged("empty; capture anew, with: tcpdump -i any -w FILE")
    if data[:4] in _PCAP:
        return list(_pcap(data))
    if data[:4] == _SECTION:
        return list(_pcapng(data))
    for start, program in _PACKED.items():
        if data.startswith(start):
            raise Damaged(f"packed; unpack it first, with: {program} FILE")
    raise Damaged("no capture; give a file in pcap or pcapng format, as tcpdump -w and Wireshark write them")


def _pcap(data: bytes) -> Iterator[Frame]:
    order, tick, before = _PCAP[data[:4]]
    if len(data) < 24:
        raise Damaged(f"ends within its first 24 bytes; {_ANEW}")
    link = struct.unpack_from(f"{order}I", data, 20)[0] & 0xFFFF
    at, number = 24, 0
    while at < len(data):
        number += 1
        if at + before > len(data):
            raise Damaged(f"ends within packet {number}; {_ANEW}")
        seconds, fraction, kept, _whole = struct.unpack_from(f"{order}4I", data, at)
        if kept > _LARGEST:
            raise Damaged(f"packet {number} claims {kept} bytes; {_ANEW}")
        at += before
        if at + kept > len(data):
            raise Damaged(f"ends within packet {number}; {_ANEW}")
        yield Frame(seconds * 1_000_000_000 + fraction * tick, link, data[at : at + kept])
        at += kept


class _Interface(NamedTuple):
    link: int
    ticks: int
    """Ticks a second."""
    snap: int


def _pcapng(data: bytes) -> Iterator[Frame]:
    order, interfaces = "<", list[_Interface]()
    at, number, last = 0, 0, 0
    while at < len(data):
        if data[at : at + 4] == _SECTION:
            if at + 12 > len(data):
                raise Damaged(f"ends within a block at byte {at}; {_ANEW}")
            order = ">" if data[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            interfaces = []
        kind, body = _block(data, at, order)
        at += len(body) + 12
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind in {_ENHANCED, _OLD_PACKET, _SIMPLE}:
            number += 1
            try:
                frame = _packet(kind, body, order, interfaces, last)
            except (IndexError, struct.error):
                raise Damaged(f"packet {number} contradicts its own lengths; {_ANEW}") from None
            last = frame.t_ns
            yield frame


def _block(data: bytes, at: int, order: str) -> tuple[int, bytes]:
    """Return a block's type and body; its length stands before and behind it."""
    if at + 12 > len(data):
        raise Damaged(f"ends within a block at byte {at}; {_ANEW}")
    kind, size = struct.unpack_from(f"{order}2I", data, at)
    if size < 12 or size % 4 or size > _LARGEST * 2:
        raise Damaged(f"a block at byte {at} claims {size} bytes; {_ANEW}")
    if at + size > len(data):
        raise Damaged(f"ends within a block at byte {at}; {_ANEW}")
    if struct.unpack_from(f"{order}I", data, at + size - 4)[0] != size:
        raise Damaged(f"a block at byte {at} says two lengths; {_ANEW}")
    return kind, data[at + 8 : at + size - 4]


def _interface(body: bytes, order: str) -> _Interface:
    """Read an interface: link type, snap length, and its clock's resolution (microseconds where it says none)."""
    if len(body) < 8:
        raise Damaged(f"an interface is described in {len(body)} bytes; {_ANEW}")
    link, _, snap = struct.unpack_from(f"{order}HHI", body)
    at, ticks = 8, 1_000_000
    while at + 4 <= len(body):
        option, size = struct.unpack_from(f"{order}HH", body, at)
        if option == 0:
            break
        if option == _RESOLUTION and size == 1 and at + 4 < len(body):
            power = body[at + 4]
            ticks = 1 << (power & 0x7F) if power & 0x80 else 10 ** min(power, 18)
        at += 4 + size + -size % 4
    return _Interface(link, ticks, snap)


def _packet(kind: int, body: bytes, order: str, interfaces: list[_Interface], last: int) -> Frame:
    """Read a packet's block; a simple one has no time of its own and takes that of the packet before."""
    if kind == _SIMPLE:
        whole = struct.unpack_from(f"{order}I", body)[0]
        kept = min(whole, interfaces[0].snap or whole, len(body) - 4)
        return Frame(last, interfaces[0].link, body[4 : 4 + kept])
    if kind == _ENHANCED:
        index, high, low, kept, _ = struct.unpack_from(f"{order}5I", body)
    else:
        index, _, high, low, kept, _ = struct.unpack_from(f"{order}HH4I", body)
    if kept > len(body) - 20:
        raise IndexError
    interface = interfaces[index]
    return Frame((high << 32 | low) * 1_000_000_000 // interface.ticks, interface.link, body[20 : 20 + kept])
