"""A listening socket that holds so many connections and no more, each for so long and no longer; whoever comes gets in.

Every door of the collector is one of these. A connection that nobody finishes costs a descriptor, and the journal needs
descriptors too, so there is an upper bound in all and per source. Where it is reached the newcomer is taken and another
connection is ended: one of the network, and in it of the source, that holds most, and of its connections one that waits
for its client, the oldest first. Who holds the door with idle connections therefore loses those, and nobody is kept
out. Must not live here: HTTP (serving.py), TLS, how often somebody may ask (enrolment/rate.py).
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from balise_collector.system.rate import source_of

_TURN: Final = 8
"""A turn of the event loop takes this part of the places, because what a connection sent is read some turns later
(asyncio: a task, two callbacks, a poll) and at the bound who has not been read yet is ended first."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How many connections, and how long each of its phases may take (seconds)."""

    most: int = 256
    most_of_source: int = 64
    head: float = 10.0
    """From the connection's beginning, or from the last answer's end, to the whole head of a request, TLS included."""
    body: float = 10.0
    answer: float = 120.0
    """Until the answer is made and taken; a slow line needs 50 s for a page of 300 kB (0.05 Mb/s)."""
    life: float = 300.0
    """In all."""


class Phase(IntEnum):
    """What a connection is at, in the order in which places are taken away."""

    WAITING = 0
    """For TLS, for a head, or for the next request."""
    SENDING = 1
    """The client's body comes."""
    ANSWERING = 2


class BoundedListener(socket.socket):
    """Takes the place of a listening socket; asyncio calls ``accept`` and learns nothing of what was ended."""

    def __init__(
        self,
        listening: socket.socket,
        bounds: Bounds,
        monotonic: Callable[[], float],
        proxies: Iterable[str] = (),
    ) -> None:
        """Take over a listening socket, which is not to be used any more.

        Args:
            listening: the socket.
            bounds: what it holds.
            monotonic: real seconds.
            proxies: addresses and prefixes behind which many readers stand: each of their connections is a source of
                its own.
        """
        super().__init__(listening.family, listening.type, listening.proto, listening.detach())
        self.setblocking(False)
        self.bounds = bounds
        self.monotonic = monotonic
        self._proxies = tuple(map(ipaddress.ip_network, proxies))
        self._turn = threading.Lock()
        self._held: dict[int, HeldConnection] = {}
        """By descriptor: those that count, and those that were told to end and have not yet."""
        self._networks: dict[str, dict[str, dict[int, HeldConnection]]] = {}
        """Those that count: network -> source -> by descriptor, oldest first."""
        self._count = 0
        self._in_turn = 0
        self.ended = 0
        """Connections that were ended because they were too many or took too long."""

    def __len__(self) -> int:
        """How many connections count."""
        return self._count

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection, and end another where there are too many.

        Raises:
            BlockingIOError: there is none, or so many were just told to end that they must be gone first, or so many
                were just taken that what they sent must be read first; the socket stays readable.
        """
        if len(self._held) - self._count >= self.bounds.most or self._in_turn >= max(1, self.bounds.most // _TURN):
            self._in_turn = 0
            raise BlockingIOError
        try:
            descriptor, address = self._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            self._in_turn = 0
            raise
        self._in_turn += 1
        connection = HeldConnection(self, self._source(str(address[0]), descriptor), descriptor, self.monotonic())
        with self._turn:
            self._held[descriptor] = connection
            network = self._networks.setdefault(network_of(connection.source), {})
            of_source = network.setdefault(connection.source, {})
            over = self._first(of_source) if len(of_source) >= self.bounds.most_of_source else None
            of_source[descriptor] = connection
            self._count += 1
            if over is None and self._count > self.bounds.most:
                over = self._heaviest()
            if over is not None:
                self._end(over)
        return connection, address

    def of(self, descriptor: int) -> "HeldConnection | None":
        """Return the connection that has a descriptor now."""
        return self._held.get(descriptor)

    def sweep(self) -> None:
        """End what took longer than it may; to be called once or twice a second."""
        now = self.monotonic()
        with self._turn:
            for late in [one for one in self._held.values() if one.counts and one.until <= now]:
                if late.phase is Phase.WAITING and late.unsent():
                    late.enter(Phase.ANSWERING)
                else:
                    self._end(late)

    def release(self, connection: "HeldConnection") -> None:
        """Count a connection out that was closed."""
        with self._turn:
            self._uncount(connection)
            if self._held.get(connection.descriptor) is connection:
                del self._held[connection.descriptor]

    def _source(self, address: str, descriptor: int) -> str:
        source = source_of(address)
        return f"{source}#{descriptor}" if self._is_proxy(source) else source

    def _is_proxy(self, source: str) -> bool:
        """Whether a source, with IPv6 the /64 of an address, is that of a proxy."""
        try:
            network = ipaddress.ip_network(source)
        except ValueError:
            return False
        return any(network.overlaps(one) for one in self._proxies if one.version == network.version)

    def _heaviest(self) -> "HeldConnection":
        """Return the one to end first of the sources that hold most, in the networks that hold most."""
        weights = [(sum(map(len, sources.values())), sources) for sources in self._networks.values()]
        most = max(weight for weight, _ in weights)
        held = [of_source for weight, sources in weights if weight == most for of_source in sources.values()]
        longest = max(map(len, held))
        heaviest = (one for of_source in held if len(of_source) == longest for one in of_source.values())
        return min(heaviest, key=lambda one: (one.phase, one.begun))

    @staticmethod
    def _first(held: "dict[int, HeldConnection]") -> "HeldConnection":
        """Return the one to end first: ``min`` keeps the oldest among equals."""
        return min(held.values(), key=lambda one: one.phase)

    def _end(self, connection: "HeldConnection") -> None:
        self.ended += 1
        self._uncount(connection)
        connection.end()

    def _uncount(self, connection: "HeldConnection") -> None:
        if not connection.counts:
            return
        connection.counts = False
        self._count -= 1
        name = network_of(connection.source)
        network = self._networks[name]
        del network[connection.source][connection.descriptor]
        if not network[connection.source]:
            del network[connection.source]
        if not network:
            del self._networks[name]


class HeldConnection(socket.socket):
    """One connection, which counts itself out when it is closed."""

    def __init__(self, listener: BoundedListener, source: str, descriptor: int, now: float) -> None:
        super().__init__(listener.family, listener.type, listener.proto, descriptor)
        self._listener: BoundedListener | None = listener
        self._bounds = listener.bounds
        self.begun = now
        self._life = now + listener.bounds.life
        self.descriptor = descriptor
        self.source = source
        self.counts = True
        """Whether it takes a place; not since it was told to end."""
        self.phase = Phase.WAITING
        self.until = 0.0
        """When it is ended (``monotonic`` seconds)."""
        self.unsent: Callable[[], int] = lambda: 0
        """Bytes of an answer that its client has not taken yet; who serves the connection sets it."""
        self._begin(now)

    def enter(self, phase: Phase) -> None:
        """Note what it is at; a phase that goes on has no more time for it."""
        if phase is not self.phase and self._listener is not None:
            self.phase = phase
            self._begin(self._listener.monotonic())

    def _begin(self, now: float) -> None:
        bounds = self._bounds
        self.until = min(self._life, now + (bounds.head, bounds.body, bounds.answer)[self.phase])

    def end(self) -> None:
        """Have both sides see the end; whoever serves the connection closes it then, the descriptor stays theirs."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close, once."""
        listener, self._listener = self._listener, None
        super().close()
        if listener is not None:
            listener.release(self)


def network_of(source: str) -> str:
    """Return the network that a source is in: IPv4 /24, IPv6 /48, which one customer of a hoster may have whole."""
    try:
        address = ipaddress.ip_address(source.partition("/")[0])
    except ValueError:
        return source
    wide = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, wide), strict=False))
