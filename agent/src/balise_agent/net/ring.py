"""The kernel's receive ring (packet_mmap, TPACKET_V2): memory that the kernel fills and that we read without calls.

A socket's own queue is bounded by net.core.rmem_max, 208 KB on a stock machine: a burst of 5,000 packets of 1,200 bytes
lost 1,000 to 1,800 of them there. The ring is to be had with CAP_NET_RAW alone. Lives here: its layout. Must not live
here: what a packet means.
"""

import mmap
import socket
import struct
from typing import Final, NamedTuple

from balise_agent.system.errors import LinkUnusable

_SOL_PACKET, _PACKET_RX_RING, _PACKET_VERSION, _TPACKET_V2 = 263, 5, 10, 1
_BLOCK: Final = 65536
_FRAME: Final = 2048
"""Holds 1,500 bytes behind its header; what offloads merged beyond that is cut (dissect says by how much)."""
_FRAMES: Final = 3072
_SIZE: Final = _FRAME * _FRAMES
_HEADER: Final = struct.Struct("IIIHHII")
"""struct tpacket2_hdr: status, length, captured, mac, net, seconds, nanoseconds (linux/if_packet.h)."""
_LINK: Final = struct.Struct("HHiHB")
"""struct sockaddr_ll, 32 bytes behind the frame's start: family, protocol, interface index, hardware, packet type."""
_LINK_AT: Final = 32
_STATUS: Final = struct.Struct("I")
_OURS: Final = 1
"""TP_STATUS_USER: the kernel is done with the frame."""


class Frame(NamedTuple):
    """One packet out of the ring, copied."""

    t_ns: int
    out: bool
    interface: int
    data: bytes
    size: int
    """Bytes from the IP header on as they were on the wire; ``data`` may be cut."""


class Ring:
    """The ring of one packet socket; reading it is a matter of one thread."""

    def __init__(self, tap: socket.socket) -> None:
        """Ask the kernel for the ring, before the socket is bound (LinkUnusable where it has no memory for it)."""
        try:
            tap.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
            tap.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("IIII", _BLOCK, _SIZE // _BLOCK, _FRAME, _FRAMES))
            self._memory = mmap.mmap(tap.fileno(), _SIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            raise LinkUnusable(f"no capture ring of {_SIZE >> 20} MB: {error.strerror}; free some memory") from None
        self._at = 0

    def take(self) -> Frame | None:
        """Return the next packet and give its frame back to the kernel; ``None`` where there is none."""
        memory, base = self._memory, self._at
        status, size, captured, _, start, seconds, nanoseconds = _HEADER.unpack_from(memory, base)
        if not status & _OURS:
            return None
        _, _, interface, _, kind = _LINK.unpack_from(memory, base + _LINK_AT)
        data = memory[base + start : base + start + captured]
        _STATUS.pack_into(memory, base, 0)
        self._at = (base + _FRAME) % _SIZE
        return Frame(seconds * 1_000_000_000 + nanoseconds, kind == socket.PACKET_OUTGOING, interface, data, size)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
