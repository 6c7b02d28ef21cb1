"""How large a TCP segment towards a broker may be: smaller ones are tried where full ones get lost without a word.

Lives here: the sizes, and when the next one is tried. Must not live here: sockets (dial.py sets the size, tcp_bytes.py
sees a stall). Pure.
"""

from typing import Final

SEGMENTS: Final = (0, 1_220, 536, 216)
"""Bytes of the largest segment of a connection, in the order of trial; 0 is what the interface's own MTU gives.

A way with a smaller MTU and no ICMP that says so (RFC 2923 2.1) swallows full segments for ever. 1,220 fits the least
MTU of IPv6 (RFC 8200 5), 536 the least reassembly of IPv4 (RFC 9293 3.7.1), 216 anything else that was ever met. Where
the kernel probes by itself (net.ipv4.tcp_mtu_probing, set on our card and by our playbooks) it never comes to that."""
_STALLS: Final = 2
"""Connections in a row that stood and stalled, before smaller segments are tried."""


class SegmentSearch:
    """The size in use, and the stalls that speak against it."""

    def __init__(self) -> None:
        self._index = 0
        self._stalls = 0

    @property
    def size(self) -> int:
        """Bytes of the largest segment; 0 where nothing bounds it."""
        return SEGMENTS[self._index]

    def stalled(self) -> bool:
        """Count a connection that stood and carried small packets alone; return whether the size changed."""
        self._stalls += 1
        if self._stalls < _STALLS:
            return False
        self._stalls = 0
        self._index = (self._index + 1) % len(SEGMENTS)
        return True

    def passed(self) -> None:
        """Something large arrived: the size is right."""
        self._stalls = 0
