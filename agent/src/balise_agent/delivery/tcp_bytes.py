"""What really crosses the connections to a broker: the kernel's own counters, packets' headers included.

The host pays for handshakes, acknowledgements, keepalives and repeats as for the results themselves, so the account
takes them from TCP_INFO. Lives here: reading the counters of one connection after the other. Must not live here: the
account (usage.py), or what may still be sent.
"""

import contextlib
import socket
import struct
from typing import Final

_INFO: Final = struct.Struct("=120xQQIII52xQQ")
"""struct tcp_info (linux/tcp.h): bytes_acked, bytes_received, segs_out, segs_in, notsent_bytes, bytes_sent and
bytes_retrans (Linux 4.19 and later; repeats are in bytes_sent)."""
_LARGE: Final = 500
"""Bytes unacknowledged below which no packet was too large for anybody: a keepalive has two."""
_REPEATS: Final = 2
"""Times that so much was sent again, before a connection counts as stalled."""
_HEADERS: Final = {socket.AF_INET: 52, socket.AF_INET6: 72}
"""IP, TCP and its timestamps (RFC 791, 8200, 9293, 7323)."""
_AROUND: Final = 300
"""Each way, for each connection: the question for the broker's name before it, and the last segments after our look."""


class Traffic:
    """Counts one connection after the other; only one is open at a time."""

    def __init__(self) -> None:
        self._settled = (0, 0)
        self._followed: socket.socket | None = None
        self.blind = False
        """Whether this kernel does not tell; then somebody has to estimate."""

    def follow(self, sock: socket.socket) -> None:
        """Count a new TCP socket from its first packet.

        The copy of its descriptor outlives whatever TLS or MQTT do to theirs, so that the last word is heard too. The
        connection ends only with ``settle``, which must follow when the other one is closed.
        """
        self.settle()
        self._followed = sock.dup()

    def settle(self) -> None:
        """Add up the connection that was followed, and let go of it."""
        if self._followed is not None:
            sent, received = self.crossed()
            self._settled = (sent + _AROUND, received + _AROUND)
            self._followed.close()
            self._followed = None

    def stood(self) -> bool:
        """Whether the connection that is followed ever came about: the other side acknowledged something."""
        raw = b"" if self._followed is None else self._info(self._followed)
        return bool(raw) and int(_INFO.unpack(raw)[0]) > 0

    def stalled(self) -> bool:
        """Whether it came about, and what was sent last was repeated and never acknowledged.

        That is what a packet too large for the way looks like where no ICMP says so (RFC 2923 2.1): small ones pass.
        """
        raw = b"" if self._followed is None else self._info(self._followed)
        if not raw:
            return False
        acked, _, _, _, _, sent, repeated = _INFO.unpack(raw)
        # The SYN counts as acknowledged, and not as sent.
        outstanding = sent - repeated - (acked - 1)
        return bool(acked > 1 and outstanding >= _LARGE and repeated >= _REPEATS * _LARGE)

    def crossed(self) -> tuple[int, int]:
        """Return the bytes out and in since start; what is queued in the kernel counts as gone."""
        sent, received = (0, 0) if self._followed is None else self._look(self._followed)
        return self._settled[0] + sent, self._settled[1] + received

    @staticmethod
    def _info(sock: socket.socket) -> bytes:
        """Return the kernel's word on a connection; empty where it has none that is long enough."""
        raw = b""
        with contextlib.suppress(OSError):
            raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        return raw if len(raw) >= _INFO.size else b""

    def _look(self, sock: socket.socket) -> tuple[int, int]:
        raw = self._info(sock)
        if not raw:
            self.blind = True
            return 0, 0
        return counted(raw, _HEADERS.get(sock.family, _HEADERS[socket.AF_INET6]))


def counted(info: bytes, header: int) -> tuple[int, int]:
    """Return the bytes out and in that a ``tcp_info`` of at least 216 bytes tells; ``header`` bytes a segment."""
    _, received, segments_out, segments_in, waiting, sent, _ = _INFO.unpack(info[: _INFO.size])
    return sent + waiting + segments_out * header, received + segments_in * header
