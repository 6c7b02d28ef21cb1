"""One kernel TCP connection and its capture, as the steps Connect, Send, Receive and Close see it.

Lives here: the connection's socket, TLS layer and flow, non-blocking reads and writes of either, and how it is put
away. Must not live here: waiting (net/tcp.py), the handshake (net/tls.py).
"""

import contextlib
import fcntl
import socket
import ssl
import struct
from typing import Final

from balise_agent.net.classify import SOFT
from balise_agent.net.context import NetworkContext, settle
from balise_agent.net.share import LISTENED
from balise_agent.net.tap import Flow
from balise_wire.evidence import Packet

_CHUNK: Final = 65536
_SIOCOUTQ: Final = 0x5411
_ABORT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close sends a RST and forgets unacknowledged data."""


class Connection:
    """A connection from Connect to Close; after a failure only its capture is left."""

    def __init__(
        self, context: NetworkContext, sock: socket.socket, port: int, flow: Flow, address: str, remote_port: int
    ) -> None:
        self.context = context
        self.sock = sock
        self.port = port
        self.flow = flow
        self.address = address
        self.remote_port = remote_port
        self.secret = False
        """Nobody is told where it leads (``Connect.secret``)."""
        self.injected = False
        """A raw copy went out in this connection: ICMP errors about it are about the copy (``Inject``)."""
        self.model = b""
        """The kernel's own packet that such copies are made after."""
        self.bytes_in = 0
        self.last_in: float | None = None
        """Monotonic time of the last of them."""
        self.tls: ssl.SSLObject | None = None
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self._open = True
        self._listening = True

    @property
    def is_open(self) -> bool:
        """Whether the socket still stands."""
        return self._open

    def read_some(self, most: int = _CHUNK) -> bytes | None:
        """Return what the socket has (empty at the end of the stream), ``None`` where it has nothing yet (OSError)."""
        try:
            data = self.sock.recv(min(most, _CHUNK))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            if self.injected and error.errno in SOFT:
                return None
            raise
        if data:
            self.bytes_in += len(data)
            self.last_in = self.context.clock.monotonic()
        return data

    def idle_ms(self) -> float | None:
        """Return the milliseconds since the last byte came; ``None`` where none did."""
        return None if self.last_in is None else (self.context.clock.monotonic() - self.last_in) * 1000.0

    def waiting(self, most: int) -> bytes:
        """Return what lies in the socket and nobody asked for, at most so much.

        It stays there: to read it would open the window, and bring more that nobody wants.
        """
        with contextlib.suppress(OSError):
            return self.sock.recv(most, socket.MSG_PEEK)
        return b""

    def write_some(self, data: bytes | memoryview) -> int:
        """Hand bytes to the kernel and return how many it took (OSError)."""
        try:
            return self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            if self.injected and error.errno in SOFT:
                return 0
            raise

    @property
    def overrun(self) -> bool:
        """Whether more came than anybody listens to: TLS can carry megabytes without one byte of what was asked."""
        share = self.flow.share
        return share.full or self.bytes_in > share.expected + share.free + LISTENED

    def evidence(self) -> tuple[Packet, ...]:
        """Return the capture up to now; nothing of what nobody is told of."""
        self.context.tap.drain()
        return () if self.secret else self.flow.evidence()

    def hang_up(self, *, abort: bool) -> None:
        """Close the socket; the tap goes on listening.

        With ``abort``, or while the kernel holds data that nobody acknowledged, a RST ends it: a plain close would
        retransmit that data into later captures, and into a censor that remembers.
        """
        if not self._open:
            return
        self._open = False
        if abort or self._unacknowledged():
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.sock.close()

    def forget(self) -> None:
        """Close what is open and stop listening; the capture stays readable."""
        self.hang_up(abort=True)
        if self._listening:
            self._listening = False
            self.context.tap.drain()
            share = self.flow.share
            share.arrived = max(share.arrived, self.bytes_in)  # where the capture lost packets, the socket did not
            settle(self.context, share)
            self.context.tap.forget(self.flow)
            self.context.kernel_ports.give(self.port)

    def _unacknowledged(self) -> bool:
        """Whether the send queue holds anything."""
        with contextlib.suppress(OSError):
            held: int = struct.unpack("i", fcntl.ioctl(self.sock.fileno(), _SIOCOUTQ, bytes(4)))[0]
            return held > 0
        return False
