"""An exchange of datagrams: one socket to one address and port, what leaves when, and everything that comes back.

Lives here: carrying out ``Datagram``. Answers are taken from the tap, which knows their TTL, IP-ID and arrival, and
from the socket only what the tap did not hear whole. Must not live here: the datagrams' bytes (codec/), DNS (udp.py),
what an answer means.
"""

import contextlib
import socket
from collections.abc import Generator
from typing import Final

from balise_agent.codec.dissect import Captured, dissect, evidence
from balise_agent.codec.packets import UDP
from balise_agent.experiments.steps import Datagram, DatagramAnswer, DatagramsExchanged, Outgoing
from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext, Stopwatch, ask, packed, settle, take_turn
from balise_agent.net.kernel import bound_socket
from balise_agent.net.operation import Operation
from balise_agent.net.routes import sockaddr
from balise_agent.net.share import EXCHANGE, Share
from balise_agent.net.udp import icmp_failure
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.reactor import READ
from balise_agent.system.task import Signal, Wait
from balise_wire.failures import Failure

_HEADERS: Final = {4: 28, 6: 48}
_MOST_AT_ONCE: Final = 64
_MTU_DISCOVER: Final = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
_TOO_BIG: Final = frozenset({(3, 4), (2, 0)})
"""A router's word on the size (RFC 792, RFC 4443 3.2): nobody refuses anything."""
_PROBE: Final = 3
"""IP_PMTUDISC_PROBE, ip(7): DF is set and nothing is cut, as QUIC asks for (RFC 9000 14)."""


class _Exchange:
    """One exchange on its way; its socket and port are ours until ``close``."""

    def __init__(self, context: NetworkContext, step: Datagram) -> None:
        """Open and connect the socket.

        Raises:
            LinkUnusable: no socket, or no port.
            OSError: there is no way there.
        """
        self.context = context
        self.step = step
        self.signal = Signal()
        self.watch = Stopwatch(context.clock)
        self.sent: list[float | None] = [None] * len(step.datagrams)
        """Monotonic seconds."""
        self.icmp: tuple[int, int] | None = None
        self.failure: Failure | None = None
        self._heard: list[tuple[int, DatagramAnswer]] = []
        """With the kernel's time of each."""
        self._read: list[tuple[float, bytes]] = []
        self.last_heard: float | None = None
        """Monotonic seconds at which something came last."""
        self.sock, self._port = bound_socket(context, step.address, socket.SOCK_DGRAM, step.source)
        if step.source and self._port != step.source:
            self.sock.close()
            context.kernel_ports.give(self._port)
            raise LinkUnusable(f"source port {step.source} went to another exchange meanwhile")
        self.flow = context.tap.open(
            UDP, self._port, packed(step.address), step.port, self._hear, Share(max(EXCHANGE, step.expects))
        )
        try:
            level, option = _MTU_DISCOVER[6 if ":" in step.address else 4]
            self.sock.setsockopt(level, option, _PROBE)
            self.sock.connect(sockaddr(step.address, step.port))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give socket and port back; what was heard stays."""
        self.context.tap.drain()
        settle(self.context, self.flow.share)
        self.context.tap.forget(self.flow)
        self.sock.close()
        self.context.kernel_ports.give(self._port)

    @property
    def floods(self) -> bool:
        """Whether nobody listens any longer."""
        return self.flow.share.full

    def leaves(self, one: Outgoing) -> bool:
        """Whether a datagram is still to be sent."""
        since = one.unless_heard
        return since is None or self.last_heard is None or self.last_heard < self.watch.began + since

    def heard_since(self, second: float | None) -> bool:
        """Whether something was heard at or after a second of the step; ``None``: nobody asks."""
        heard = self.last_heard
        return second is not None and heard is not None and heard >= self.watch.began + second

    def send(self, number: int) -> None:
        """Send one datagram, or note why it did not leave."""
        data = self.step.datagrams[number].data
        headers = _HEADERS[6 if ":" in self.step.address else 4]
        ask(self.context, self.flow.share, self.step.address, self.step.port, headers + len(data))
        at = self.context.clock.monotonic()
        try:
            try:
                self.sock.send(data)
            except ConnectionRefusedError:  # of an earlier one; the tap has heard the ICMP error itself
                self.sock.send(data)
        except OSError as error:
            self.failure = self.failure or failure_of(error)
            return
        self.sent[number] = at

    def read(self) -> None:
        """Take what the tap and the kernel have."""
        self.context.tap.drain()
        with contextlib.suppress(OSError):
            for _ in range(_MOST_AT_ONCE):
                data = self.sock.recv(65535)
                self.last_heard = self.context.clock.monotonic()
                if len(self._read) < self.step.most:
                    self._read.append((self.last_heard, data))

    def _hear(self, packet: Captured) -> None:
        """Take one packet of the flow: an answer, an ICMP error about a datagram of ours, or nothing of interest."""
        found = None if packet.out else dissect(packet.data)
        if found is None:
            return
        self.last_heard = self.context.clock.monotonic()
        self.signal.fire()
        if found.icmp is not None:
            self.icmp = self.icmp or (None if found.icmp in _TOO_BIG else found.icmp)
        elif not found.cut and len(self._heard) < self.step.most:
            answer = DatagramAnswer(at_ms=0.0, data=found.payload, ttl=found.ttl, ip_id=found.ip_id)
            self._heard.append((packet.t_ns, answer))

    def told(self) -> DatagramsExchanged:
        """Return the reply."""
        elapsed_ms = self.watch.elapsed_ms()
        first = next((at for at in self.sent if at is not None), self.watch.began)
        began_ns = self.flow.first_out_ns
        found = [
            DatagramAnswer(
                at_ms=(t_ns - (t_ns if began_ns is None else began_ns)) / 1e6,
                data=one.data, ttl=one.ttl, ip_id=one.ip_id,
            )
            for t_ns, one in self._heard
        ]  # fmt: skip
        tapped = [one.data for one in found]
        for at, data in self._read:
            if data in tapped:
                tapped.remove(data)
            else:  # in fragments, or the tap had no room
                found.append(DatagramAnswer(at_ms=(at - first) * 1000.0, data=data))
        return DatagramsExchanged(
            at=self.watch.at,
            elapsed_ms=elapsed_ms,
            sent_ms=tuple(None if at is None else (at - first) * 1000.0 for at in self.sent),
            answers=tuple(sorted(found, key=lambda one: one.at_ms)),
            icmp="" if self.icmp is None else f"{self.icmp[0]}/{self.icmp[1]}",
            failure=self.failure if self.icmp is None else icmp_failure(self.icmp),
            packets=evidence(self.flow.captured),
            flood=self.flow.share.flood,
            source=self._port,
        )


def exchange_datagrams(context: NetworkContext, step: Datagram) -> Operation:
    """Carry out a Datagram; where there is no way there the reply says so, and that nothing left."""
    yield from take_turn(context, step.address, 1)
    watch = Stopwatch(context.clock)
    try:
        running = _Exchange(context, step)
    except OSError as error:
        nothing: tuple[None, ...] = (None,) * len(step.datagrams)
        return DatagramsExchanged(
            at=watch.at, elapsed_ms=watch.elapsed_ms(), sent_ms=nothing, failure=failure_of(error)
        )
    try:
        yield from _run(running)
        return running.told()
    finally:
        running.close()


def _run(running: _Exchange) -> Generator[Wait, bool, None]:
    """Send each datagram at its time, and listen to the end."""
    step, began = running.step, running.watch.began
    whatever = max((one.after for one in step.datagrams if one.unless_heard is None), default=0.0)
    enough = whatever if step.enough else None
    for number, one in enumerate(step.datagrams):
        yield from _listen(running, began + one.after, enough if one.after > whatever else None)
        if running.floods or (one.after > whatever and running.heard_since(enough)):
            return
        if running.leaves(one):
            running.send(number)
    yield from _listen(running, began + step.window, enough)


def _listen(running: _Exchange, until: float, enough: float | None = None) -> Generator[Wait, bool, None]:
    """Hear what comes until a time, or until something came at or after a second of the step."""
    clock = running.context.clock
    running.read()
    while clock.monotonic() < until and not running.floods and not running.heard_since(enough):
        yield Wait(until, file=running.sock, events=READ, signal=running.signal)
        running.read()
