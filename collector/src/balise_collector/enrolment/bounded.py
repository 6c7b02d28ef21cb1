"""A listening socket that never holds more than so many connections, in all and per source.

TLS handshakes that nobody finishes cost a descriptor each for a minute, and the journal needs descriptors too: what is
too many is closed as soon as it is accepted. Must not live here: TLS, HTTP, how often somebody may ask (rate.py).
"""

import socket
import threading
from collections import Counter
from typing import Any, Final

from balise_collector.enrolment.rate import source_of

MOST: Final = 256
MOST_OF_SOURCE: Final = 64


class BoundedListener(socket.socket):
    """Takes the place of a listening socket; asyncio calls ``accept`` and learns nothing of what was turned away."""

    def __init__(self, listening: socket.socket) -> None:
        """Take over a listening socket, which is not to be used any more."""
        super().__init__(listening.family, listening.type, listening.proto, listening.detach())
        self.setblocking(False)
        self.held: Counter[str] = Counter()
        self._turn = threading.Lock()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection.

        Raises:
            ConnectionAbortedError: there are too many already; this one was closed.
        """
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        source = source_of(str(address[0]))
        with self._turn:
            full = self.held.total() >= MOST or self.held[source] >= MOST_OF_SOURCE
            self.held[source] += 1
        connection = _Held(self, source, descriptor)
        if full:
            connection.close()
            raise ConnectionAbortedError("too many connections")
        return connection, address

    def release(self, source: str) -> None:
        """Count a connection out."""
        with self._turn:
            self.held[source] -= 1
            if self.held[source] <= 0:
                del self.held[source]


class _Held(socket.socket):
    """One connection, which counts itself out when it is closed."""

    def __init__(self, listener: BoundedListener, source: str, descriptor: int) -> None:
        super().__init__(listener.family, listener.type, listener.proto, descriptor)
        self._listener: BoundedListener | None = listener
        self._source = source

    def close(self) -> None:
        """Close, once."""
        listener, self._listener = self._listener, None
        super().close()
        if listener is not None:
            listener.release(self._source)
