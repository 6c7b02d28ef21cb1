"""The tap's kernel filter: classic BPF, assembled here, for packets that begin at the IP header.

It admits TCP and UDP that leave from, or come to, a port of ours, echo requests and replies with an identifier of ours,
and ICMP errors that quote such a packet; nothing else of the host's is ever copied to us. Which side's port counts
depends on the packet's way, so a packet on loopback, which passes twice, is heard once. Pure: bytes from numbers.
"""

import struct
from typing import Final

from balise_agent.codec.packets import ICMP, ICMPV6, TCP, UDP

_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20
_LOAD_BYTE_X, _LOAD_HALF_X = 0x50, 0x48
_X_FROM_IHL, _AND, _RETURN = 0xB1, 0x54, 0x06
_IF_EQUAL, _IF_MORE, _IF_MORE_EQUAL, _IF_BITS = 0x15, 0x25, 0x35, 0x45
_PACKET_TYPE: Final = 0xFFFFF000 + 4
"""SKF_AD_OFF + SKF_AD_PKTTYPE (linux/filter.h)."""
_HOST, _OUTGOING = 0, 4
WHOLE: Final = 262144
"""What the filter returns for an admitted packet: bytes to keep."""

_Line = tuple[int, int, str, str, str]
"""code, k, label to jump to when true, when false, label of this line; an empty jump falls through."""


MOST_MUTED: Final = 8
"""Ports that are left out: more would not fit the eight bits of a jump."""


def program(first: int, last: int, muted: tuple[int, ...] = ()) -> bytes:
    """Return the filter as an array of ``struct sock_filter`` for the ports ``first`` to ``last`` without ``muted``."""
    return assemble(_lines(first, last, muted[-MOST_MUTED:]))


def assemble(lines: list[_Line]) -> bytes:
    """Resolve the labels; a jump is relative to the next instruction (socket filters only jump forward)."""
    places = {label: index for index, (_, _, _, _, label) in enumerate(lines) if label}
    code = b""
    for index, (opcode, k, when_true, when_false, _) in enumerate(lines):
        true = places[when_true] - index - 1 if when_true else 0
        false = places[when_false] - index - 1 if when_false else 0
        code += struct.pack("HBBI", opcode, true, false, k)
    return code


def _lines(first: int, last: int, muted: tuple[int, ...]) -> list[_Line]:
    """The program: IPv4, then IPv6, each once for what leaves and once for what comes."""

    def in_range(load: int, at: int, label: str = "") -> list[_Line]:
        """Accept when the half word holds a port of ours, else reject: the last word on this packet."""
        silent: list[_Line] = [(_IF_EQUAL, port, "no", "", "") for port in muted]
        bounds: list[_Line] = [(_IF_MORE_EQUAL, first, "", "no", ""), (_IF_MORE, last, "no", "yes", "")]
        return [(load, at, "", "", label), *silent, *bounds]

    return [
        (_LOAD_BYTE, 0, "", "", ""),
        (_AND, 0xF0, "", "", ""),
        (_IF_EQUAL, 0x40, "v4", "", ""),
        (_IF_EQUAL, 0x60, "v6", "no", ""),
        # --- IPv4: X is the header's length; a later fragment has no ports ---
        (_LOAD_HALF, 6, "", "", "v4"),
        (_IF_BITS, 0x1FFF, "no", "", ""),
        (_X_FROM_IHL, 0, "", "", ""),
        (_LOAD_WORD, _PACKET_TYPE, "", "", ""),
        (_IF_EQUAL, _OUTGOING, "v4 out", "", ""),
        (_IF_EQUAL, _HOST, "", "no", ""),
        (_LOAD_BYTE, 9, "", "", ""),
        (_IF_EQUAL, TCP, "v4 in ports", "", ""),
        (_IF_EQUAL, UDP, "v4 in ports", "", ""),
        (_IF_EQUAL, ICMP, "", "no", ""),
        (_LOAD_BYTE_X, 0, "", "", ""),
        (_IF_EQUAL, 0, "v4 identifier", "", ""),
        (_IF_EQUAL, 3, "v4 quoted", "", ""),
        (_IF_EQUAL, 11, "v4 quoted", "", ""),
        (_IF_EQUAL, 12, "v4 quoted", "no", ""),
        # The quoted header is ours and so has no options: 8 bytes of ICMP, 20 of IP, then its ports.
        (_LOAD_BYTE_X, 8 + 9, "", "", "v4 quoted"),
        (_IF_EQUAL, TCP, "v4 quoted port", "", ""),
        (_IF_EQUAL, UDP, "v4 quoted port", "", ""),
        (_IF_EQUAL, ICMP, "", "no", ""),
        *in_range(_LOAD_HALF_X, 8 + 20 + 4),
        *in_range(_LOAD_HALF_X, 8 + 20, "v4 quoted port"),
        *in_range(_LOAD_HALF_X, 2, "v4 in ports"),
        (_LOAD_BYTE, 9, "", "", "v4 out"),
        (_IF_EQUAL, TCP, "v4 out ports", "", ""),
        (_IF_EQUAL, UDP, "v4 out ports", "", ""),
        (_IF_EQUAL, ICMP, "", "no", ""),
        (_LOAD_BYTE_X, 0, "", "", ""),
        (_IF_EQUAL, 8, "v4 identifier", "no", ""),
        *in_range(_LOAD_HALF_X, 4, "v4 identifier"),
        *in_range(_LOAD_HALF_X, 0, "v4 out ports"),
        # --- IPv6: our own packets have no extension headers, and neither have the answers that count ---
        (_LOAD_WORD, _PACKET_TYPE, "", "", "v6"),
        (_IF_EQUAL, _OUTGOING, "v6 out", "", ""),
        (_IF_EQUAL, _HOST, "", "no", ""),
        (_LOAD_BYTE, 6, "", "", ""),
        (_IF_EQUAL, TCP, "v6 in ports", "", ""),
        (_IF_EQUAL, UDP, "v6 in ports", "", ""),
        (_IF_EQUAL, ICMPV6, "", "no", ""),
        (_LOAD_BYTE, 40, "", "", ""),
        (_IF_EQUAL, 129, "v6 identifier", "", ""),
        (_IF_MORE, 4, "no", "", ""),
        (_LOAD_BYTE, 48 + 6, "", "", ""),
        (_IF_EQUAL, TCP, "v6 quoted port", "", ""),
        (_IF_EQUAL, UDP, "v6 quoted port", "", ""),
        (_IF_EQUAL, ICMPV6, "", "no", ""),
        *in_range(_LOAD_HALF, 48 + 40 + 4),
        *in_range(_LOAD_HALF, 48 + 40, "v6 quoted port"),
        *in_range(_LOAD_HALF, 42, "v6 in ports"),
        (_LOAD_BYTE, 6, "", "", "v6 out"),
        (_IF_EQUAL, TCP, "v6 out ports", "", ""),
        (_IF_EQUAL, UDP, "v6 out ports", "", ""),
        (_IF_EQUAL, ICMPV6, "", "no", ""),
        (_LOAD_BYTE, 40, "", "", ""),
        (_IF_EQUAL, 128, "v6 identifier", "no", ""),
        *in_range(_LOAD_HALF, 44, "v6 identifier"),
        *in_range(_LOAD_HALF, 40, "v6 out ports"),
        (_RETURN, WHOLE, "", "", "yes"),
        (_RETURN, 0, "", "", "no"),
    ]
