"""Sending whole IP packets: two raw sockets, one a family.

A crafted SYN's SYN-ACK is answered by the kernel: no socket listens on our crafted ports, so it sends the RST itself,
in microseconds and with the right number (RFC 9293 3.10.7.1). A second one of ours would only differ from it. Must not
live here: what the packets are (codec/packets.py), or whether they may leave (the gate).
"""

import contextlib
import socket

from balise_agent.net.routes import bind_device
from balise_agent.system.errors import LinkUnusable


class RawSender:
    """Sends packets that bring their own IP header. IPPROTO_RAW implies that in both families (raw(7), ipv6(7))."""

    def __init__(self, interface: str = "") -> None:
        """Open both sockets (LinkUnusable without CAP_NET_RAW); a machine without IPv6 has no second one."""
        try:
            self._v4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError:
            raise LinkUnusable(
                "no right to send raw packets: start as a service with AmbientCapabilities=CAP_NET_RAW, or with sudo"
            ) from None
        self._v6: socket.socket | None = None
        with contextlib.suppress(OSError):
            self._v6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for sock in (self._v4, self._v6):
            if sock is not None:
                sock.setblocking(False)
                bind_device(sock, interface)

    def send(self, packet: bytes, address: str) -> None:
        """Send one packet (OSError as the kernel gives it; a full queue is ENOBUFS, a lost packet is silence)."""
        if packet[0] >> 4 == 4:
            self._v4.sendto(packet, (address, 0))
        elif self._v6 is not None:
            self._v6.sendto(packet, (address, 0))
        else:
            raise OSError(97, "Address family not supported by protocol")

    def close(self) -> None:
        """Give the sockets back."""
        self._v4.close()
        if self._v6 is not None:
            self._v6.close()
