"""The packets that the probe crafts: one template per kind and family, patched per packet with struct.

Lives here: the templates, their patching and checksums. The four templates are kept as the bytes that scapy gives (a
test makes them anew and compares): its layers cost a probe 48 MB of memory, more than the rest of the agent. Must not
live here: sockets, clocks, random numbers; ports and ids are arguments.
"""

import struct
from enum import StrEnum
from typing import Final

IPV4: Final = 4
IPV6: Final = 6
TCP: Final = 6
UDP: Final = 17
ICMP: Final = 1
ICMPV6: Final = 58


class Kind(StrEnum):
    """What a crafted packet is."""

    SYN = "syn"
    ECHO = "echo"


TEMPLATES: Final = {
    (Kind.SYN, IPV4): bytes.fromhex(
        "4500003c0000400040063abd00000000000000000000000000000000"
        "00000000a002faf04d100000020405b40402080a000000000000000001030307"
    ),
    (Kind.SYN, IPV6): bytes.fromhex(
        "60000000002806400000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000a002fd204af40000020405a00402080a000000000000000001030307"
    ),
    (Kind.ECHO, IPV4): bytes.fromhex("4500003c0000400040013ac200000000000000000800f7fe00000001") + bytes(32),
    (Kind.ECHO, IPV6): bytes.fromhex("6000000000283a40") + bytes(32) + bytes.fromhex("80007f9c00000001") + bytes(32),
}
"""Whole IP packets with every variable field zero. The SYN has Linux's options in Linux's order, so that a box that
looks for odd stacks sees none."""

_IPV4_VARIABLE: Final = struct.Struct("!HHBBH4s4s")
_PORTS_SEQUENCE: Final = struct.Struct("!HHI")
_WORD: Final = struct.Struct("!H")
_LONG: Final = struct.Struct("!I")
_HOP_AND_ADDRESSES: Final = struct.Struct("!B16s16s")


def checksum(data: bytes | bytearray | memoryview) -> int:
    """Return the internet checksum (RFC 1071) of data whose own checksum field is zero.

    2**16 is 1 modulo 65535, so the ones' complement sum of the 16-bit words is the whole number modulo 65535: one
    division in C. A remainder of 0 stands for a sum of 0xffff, since headers are never all zero.
    """
    number = int.from_bytes(data, "big")
    if len(data) % 2:
        number <<= 8
    remainder = number % 0xFFFF
    return 0xFFFF - remainder if remainder else 0


def syn(
    *, source: bytes, target: bytes, source_port: int, port: int, ttl: int, sequence: int, ip_id: int, stamp: int
) -> bytes:
    """Return a whole SYN packet; addresses are packed (4 or 16 bytes), ``stamp`` is the timestamp option's value."""
    family = IPV4 if len(target) == 4 else IPV6
    packet = bytearray(TEMPLATES[Kind.SYN, family])
    start = _patch_network(packet, family, source, target, ttl, ip_id)
    _PORTS_SEQUENCE.pack_into(packet, start, source_port, port, sequence)
    _LONG.pack_into(packet, start + 28, stamp)
    _patch_checksum(packet, start, 16, TCP, source + target)
    return bytes(packet)


def echo(*, source: bytes, target: bytes, identifier: int, sequence: int, ttl: int, ip_id: int) -> bytes:
    """Return a whole ICMP or ICMPv6 echo request; addresses are packed (4 or 16 bytes)."""
    family = IPV4 if len(target) == 4 else IPV6
    packet = bytearray(TEMPLATES[Kind.ECHO, family])
    start = _patch_network(packet, family, source, target, ttl, ip_id)
    _WORD.pack_into(packet, start + 4, identifier)
    _WORD.pack_into(packet, start + 6, sequence)
    if family == IPV4:  # ICMP has no pseudo-header (RFC 792), ICMPv6 has (RFC 4443 2.3)
        _WORD.pack_into(packet, start + 2, 0)
        _WORD.pack_into(packet, start + 2, checksum(memoryview(packet)[start:]))
    else:
        _patch_checksum(packet, start, 2, ICMPV6, source + target)
    return bytes(packet)


def segment(last: bytes, *, sequence: int, acknowledged: int, ttl: int, ip_id: int, payload: bytes) -> bytes:
    """Return one data segment (PSH, ACK) of a connection, made after ``last``, an earlier packet of ours in it.

    Everything that is not an argument (addresses, ports, window, options with their timestamps: a segment without them
    would be dropped, RFC 7323 3.2) is as it was in ``last``, so that on the way the copy looks like the kernel's own.
    IPv6 has no IP-ID, by which a copy is known again in a router's error: there the window is less by the TTL.
    """
    family = last[0] >> 4
    start = (last[0] & 15) * 4 if family == IPV4 else 40
    header = start + (last[start + 12] >> 4) * 4
    packet = bytearray(last[:header]) + payload
    if family == IPV4:
        _WORD.pack_into(packet, 2, len(packet))
        source, target = last[12:16], last[16:20]
    else:
        _WORD.pack_into(packet, 4, len(packet) - 40)
        source, target = last[8:24], last[24:40]
    _patch_network(packet, family, source, target, ttl, ip_id)
    _LONG.pack_into(packet, start + 4, sequence & 0xFFFFFFFF)
    _LONG.pack_into(packet, start + 8, acknowledged & 0xFFFFFFFF)
    packet[start + 13] = 0x18
    if family == IPV6:
        (window,) = _WORD.unpack_from(packet, start + 14)
        _WORD.pack_into(packet, start + 14, window - ttl if window > ttl else window + ttl)
    _patch_checksum(packet, start, 16, TCP, source + target)
    return bytes(packet)


def quotes(error: bytes, sent: bytes) -> bool:
    """Tell whether an ICMP error (a whole packet) quotes this very packet of ours (RFC 792, RFC 4443 3.3).

    By the IP-ID (RFC 791 3.1) and, of TCP over IPv6, the window; routers and translators change neither. A quotation
    that is too short to tell is of another packet.
    """
    if sent[0] >> 4 == IPV4:
        quoted = error[(error[0] & 15) * 4 + 8 :]
        return len(quoted) >= 28 and quoted[4:6] == sent[4:6]
    quoted = error[48:]
    return len(quoted) >= 60 and quoted[6] == TCP and quoted[54:56] == sent[54:56]


def _patch_network(packet: bytearray, family: int, source: bytes, target: bytes, ttl: int, ip_id: int) -> int:
    """Fill the variable fields of the IP header; return where the next header starts."""
    if family == IPV6:
        _HOP_AND_ADDRESSES.pack_into(packet, 7, ttl, source, target)
        return 40
    _IPV4_VARIABLE.pack_into(packet, 4, ip_id, 0x4000, ttl, packet[9], 0, source, target)
    start = (packet[0] & 15) * 4
    _WORD.pack_into(packet, 10, checksum(memoryview(packet)[:start]))
    return start


def _patch_checksum(packet: bytearray, start: int, at: int, protocol: int, addresses: bytes) -> None:
    """Write the checksum with the pseudo-header of RFC 9293 3.1 or RFC 8200 8.1, ``at`` bytes into the header."""
    _WORD.pack_into(packet, start + at, 0)
    body = packet[start:]
    # The two families' pseudo-headers differ in layout only; the sum is the same: addresses, protocol, length.
    _WORD.pack_into(packet, start + at, checksum(addresses + struct.pack("!HH", protocol, len(body)) + body))
