"""One TCP connection of a probe: what arrives when, and what its kernel makes of it.

Lives here: the state of a connection, segments of answers in time, forged segments among them (RFC 9293 3.10.7, RFC
5961), loss and retransmission. Must not live here: steps (tcp_steps.py), who answers (answering.py).
"""

import hashlib
import math
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from balise_agent.run.vpn_echo import VpnStream
from balise_lab.field.network import draws
from balise_lab.field.network.acting import Acting
from balise_lab.field.network.answering import Answer, Arrival
from balise_lab.field.network.capture import Capture
from balise_lab.field.network.certificates import Chain
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.hosts import Server
from balise_lab.field.network.passing import Way
from balise_lab.field.network.proxying import Onward

SEGMENT: Final = 1_448
_FIRST_FLIGHT: Final = 10
"""Segments of a first flight (RFC 6928)."""
_RECORDED: Final = 12
"""Segments of one answer that are recorded one by one: evidence holds ten."""
_RTO: Final = 0.204
_MOST_SENDINGS: Final = 9
_PROGRAM: Final = 1.5e-4
"""Seconds until a program has handed its bytes to the kernel."""
_AT_ONCE: Final = 0.005
_NOISE: Final = 0.12
"""Spread of a home's rates from one connection to the next, as a standard deviation of their logarithms."""
_LOSSY: Final = 1.22
"""Of the rate that random loss leaves to TCP: MSS / RTT * 1.22 / sqrt(p) (Mathis et al. 1997)."""
_THROTTLED: Final = 128.0
"""Kilobits a second of a throttle that says no figure: what was measured in Russia in 2021."""
_COST: Final = 52
"""Bytes of headers of one segment."""
DATA, END, RESET = "data", "end", "reset"


class Queued(NamedTuple):
    """Something that the probe's program will read."""

    at: float
    """Seconds since the connection began."""
    what: str
    data: bytes = b""


class Connection:
    """One connection that stands; times are seconds since its SYN."""

    __slots__ = (
        "address",
        "began",
        "capture",
        "chain",
        "clean",
        "drawn",
        "ended",
        "expected",
        "frozen",
        "gone",
        "handshake",
        "hello",
        "home",
        "last_read",
        "luck",
        "name",
        "onward",
        "out",
        "port",
        "queue",
        "read",
        "received",
        "said",
        "server",
        "server_next",
        "tls",
        "unread",
        "way",
        "window",
    )  # fmt: skip

    def __init__(
        self, home: HomeNetwork, address: str, port: int, server: Server, way: Way, *, window: int = 0
    ) -> None:
        self.home = home
        self.address = address
        self.port = port
        self.server = server
        self.way = way
        self.began = home.time
        self.capture = Capture(home.chance, way.ttl, v6=":" in address)
        self.queue: deque[Queued] = deque()
        self.out = 1
        """Our next sequence number."""
        self.expected = 1
        """The server's next one, as our kernel sees it."""
        self.server_next = 1
        """The same, as the server sees it."""
        self.ended = False
        """Our kernel takes nothing more."""
        self.frozen = False
        """Nothing of the server's comes through any more."""
        self.gone = False
        """Our side is closed."""
        self.received = 0
        self.window = window
        """Bytes that the server may send before they are read; 0: as many as it likes."""
        self.read = 0
        """Bytes of the server's that the program took from its socket."""
        self.last_read = 0.0
        """When it took the last of them."""
        self.unread = False
        self.name: str | None = None
        """What the client showed in clear."""
        self.luck = 1.0
        """Of this connection's rate; 1: as the line has it."""
        self.clean = 0
        """Segments that come before the first that is lost; what random loss leaves to TCP holds behind it."""
        self.drawn: dict[int, bool] = {}
        """Whether each box of a share of the flows has this one."""
        self.hello: tuple[bytes, ...] = ()
        """The segments of a ClientHello so far."""
        self.tls = False
        self.chain: Chain | None = None
        self.said: list[bytes] = []
        """Payloads of the client's of a VPN protocol's handshake."""
        self.handshake = VpnStream()
        """What a helper has heard of it: the helper's own code."""
        self.onward: Onward | None = None
        """What the proxy at its other end is connected to."""

    def takes(self, size: int, at: float) -> None:
        """Count what the program read."""
        self.read += size
        self.last_read = at

    @property
    def idle_ms(self) -> float | None:
        """Milliseconds since the last byte was read; ``None`` where none was."""
        return (self.elapsed - self.last_read) * 1000.0 if self.read else None

    def read_on(self, most: int) -> bytes:
        """Return what arrived by now and nobody asked for, at most so much."""
        data, now = b"", self.elapsed
        while self.queue and self.queue[0].what == DATA and self.queue[0].at <= now and len(data) < most:
            data += self.queue.popleft().data
        if data:
            self.takes(len(data), now)
        return data[:most]

    @property
    def elapsed(self) -> float:
        """Seconds since the SYN."""
        return self.home.time - self.began

    def sends(self, length: int, sha256: str, answer: Answer) -> None:
        """Let the client's bytes leave now, and let what is answered arrive in its time."""
        began = self.elapsed + _PROGRAM
        self.capture.sent(began, "PA", self.out, self.expected, length=length, sha256=sha256)
        delay = self._repeated(began, length, sha256, never=not answer.heard)
        if delay is None:
            self._arrive(began, [one for one in answer.arrivals if one.look is not None])
            self.out += length
            return
        start = began + delay
        self.out += length
        if answer.heard:
            self.capture.heard(start + self.way.seconds, "A", self.server_next, self.out)
        self._arrive(start, answer.arrivals)

    def _repeated(self, began: float, length: int, sha256: str, *, never: bool) -> float | None:
        """Record what the kernel sends again; return how late the bytes come through, ``None`` for never."""
        # A probe of the tail after two round trips (RFC 8985 7.2), then RFC 6298 with Linux' least of 0.2 s.
        home, moment, pause = self.home, 0.0, max(_RTO, 2 * self.way.seconds)
        rto = max(_RTO + self.way.seconds, 3 * self.way.seconds)
        for _ in range(_MOST_SENDINGS):
            if not never and not home.lost_towards(self.address, self.port):
                return moment
            moment += pause
            pause, rto = rto, 2 * rto
            self.capture.sent(began + moment, "PA", self.out, self.expected, length=length, sha256=sha256)
        return None

    # --- what arrives ---------------------------------------------------------------------------------------------

    def _arrive(self, start: float, arrivals: Iterable[Arrival]) -> None:
        """Take segments in the order of their arrival."""
        last = 0.0
        for one in sorted(arrivals, key=lambda each: each.after):
            at = start + one.after
            if one.look is not None:
                self._forged(at, one)
            elif self.frozen:
                continue
            elif "R" in one.flags:
                self.capture.heard(max(at, last), one.flags, self.server_next, self.out)
                self._reset(max(at, last), self.server_next)
            elif one.data:
                last = self._data(at, one.data)
            elif "F" in one.flags:
                at = max(at, last)
                self.capture.heard(at, "FA", self.server_next, self.out)
                self._end(at, self.server_next)
                self.server_next += 1

    def _forged(self, at: float, one: Arrival) -> None:
        if one.look is None:
            return
        seq = self.server_next + one.skip
        size = len(one.data)
        digest = hashlib.sha256(one.data).hexdigest()[:16] if one.data else ""
        flags = one.flags.replace("F", "").replace("P", "") if "R" in one.flags else one.flags
        self.capture.forged(at, one.look, flags, seq, self.out, length=size, sha256=digest)
        if "R" in flags:
            self._reset(at, seq)
            return
        if size:
            self._take(at, seq, one.data)
        if "F" in flags:
            self._end(at, seq + size)

    def _data(self, began: float, data: bytes) -> float:
        """Let a burst of the server's data arrive; return when its last segment does."""
        room = self._room()
        rate, lossy = self.pace(lossless=True), self.pace()
        if self.window:
            # One segment; what is left of the window is too small to be filled (RFC 9293 3.8.6.2.1).
            data = data[: min(self.window, SEGMENT)]
        at, sent, flight, left = began, 0, _FIRST_FLIGHT, _FIRST_FLIGHT
        number = 0
        while sent < len(data):
            if left == 0:
                flight *= 2
                left = flight
                at = max(at, began + self.way.seconds)
                began = at
            piece = data[sent : sent + SEGMENT]
            if self.received + len(piece) > room:
                self.frozen = True
                return at
            if sent >= self.clean * SEGMENT:
                rate = lossy
            # Behind the first segments nobody looks at single ones: a flight is taken at once, as far as 5 ms go.
            taken = 1
            if number >= _RECORDED:
                taken = max(1, min(left, int(rate * _AT_ONCE) // SEGMENT))
                piece = data[sent : sent + SEGMENT * taken]
                piece = piece[: max(0, room - self.received)]
                if not piece:
                    self.frozen = True
                    return at
            at += len(piece) / rate
            self._segment(at, piece, recorded=number < _RECORDED)
            sent += len(piece)
            left -= taken
            number += 1
        return at

    def _segment(self, at: float, piece: bytes, *, recorded: bool) -> None:
        seq = self.server_next
        self.server_next += len(piece)
        self.received += len(piece) + _COST
        if recorded:
            flags = "PA" if len(piece) < SEGMENT and not self.window else "A"
            digest = hashlib.sha256(piece).hexdigest()[:16]
            self.capture.heard(at, flags, seq, self.out, length=len(piece), sha256=digest)
        if self.ended:
            # A connection that is no more: the kernel says so.
            if recorded:
                self.capture.sent(at + 3e-5, "R", self.out, 0, window=0)
            return
        self._take(at, seq, piece)
        if recorded:
            self.capture.sent(at + 3e-5, "A", self.out, self.expected)

    def _take(self, at: float, seq: int, data: bytes) -> None:
        """Queue what is new of a segment (RFC 9293 3.10.7.4: the rest was received before)."""
        if self.ended or seq > self.expected:
            return
        fresh = data[self.expected - seq :]
        if fresh:
            self.expected += len(fresh)
            self.queue.append(Queued(at, DATA, fresh))

    def _end(self, at: float, seq: int) -> None:
        if not self.ended and seq == self.expected:
            self.expected += 1
            self.ended = True
            self.queue.append(Queued(at, END))
            self.capture.sent(at + 3e-5, "A", self.out, self.expected)

    def _reset(self, at: float, seq: int) -> None:
        """Take a reset: only one with exactly the expected number ends a connection (RFC 5961 3.2)."""
        if self.ended:
            return
        if seq == self.expected:
            self.ended = True
            self.queue.append(Queued(at, RESET))
        else:
            self.capture.sent(at + 3e-5, "A", self.out, self.expected)

    def _room(self) -> int:
        """Return after how many bytes the connection freezes."""
        room = 1 << 40
        for one in self.home.now.flows:
            if one.kind == "hoster.freeze" and self._slowed(one):
                room = min(room, one.effect.after)
        return room

    def draw_pace(self) -> None:
        """Let this connection's line be as fast as it happens to be: homes share it, and weather loses packets."""
        self.luck = math.exp(self.home.chance.gauss(0.0, _NOISE))
        loss = self.home.now.line.loss
        drawn = 1.0 - draws.fraction("first loss", self.luck)
        self.clean = int(math.log(drawn) / math.log(1.0 - loss)) if 0.0 < loss < 1.0 else 0

    def pace(self, *, up: bool = False, lossless: bool = False) -> float:
        """Return bytes a second; ``lossless``: while none of its segments was lost."""
        line = self.home.now.line
        kbps = line.kbps
        if line.loss and self.luck != 1.0 and not lossless:
            kbps = min(kbps, _LOSSY * SEGMENT * 8 / 1000.0 / (max(self.way.seconds, 0.01) * math.sqrt(line.loss)))
        kbps *= self.luck
        for one in self._slowing(up=up):
            kbps = min(kbps, one.effect.kbps or _THROTTLED)
        return kbps * 125.0

    def slowed_by(self, *, up: bool) -> str:
        """Return how a box holds the rate down: ``police`` or ``shape``; empty where none does."""
        return next((one.effect.act or "police" for one in self._slowing(up=up)), "")

    def _slowing(self, *, up: bool) -> list[Acting]:
        """Return the boxes that slow this connection down in a direction; which of a share's it is stays as drawn."""
        way = "up" if up else "down"
        here = [one for one in self.home.now.flows if one.kind == "throttle" and one.effect.direction in {"", way}]
        return [one for one in here if self.drawn.setdefault(id(one.effect), self._slowed(one))]

    def _slowed(self, one: Acting) -> bool:
        by_name = one.kind == "throttle" and one.names is not None
        if by_name and not one.hits_name(self.name):
            return False
        if not by_name and not one.hits(self.address, self.server, self.port, self.home.now.seen):
            return False
        return one.effect.share >= 1.0 or self.home.chance.random() < one.effect.share

    # --- its end --------------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """Close our side: with a reset where something was left unread or nobody acknowledged what we sent."""
        if self.gone:
            return
        self.gone = True
        at = self.elapsed
        if self.ended and not self.unread and all(one.what == END for one in self.queue):
            self.capture.sent(at, "FA", self.out, self.expected)
        elif not (self.ended and self.queue and self.queue[0].what == RESET):
            self.capture.sent(at, "RA", self.out, self.expected)
        self.ended = True
        self.home.gate.received(self.received + _COST)
