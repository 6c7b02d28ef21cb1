"""What all operations stand on: the clock, the tap, the raw sockets, the ports, the gate. Opened once by the Link.

Lives here: this one record and the few lines every operation begins with. Must not live here: any operation.
"""

import errno
import socket
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from balise_agent.net.ports import PortPool
from balise_agent.net.raw import RawSender
from balise_agent.net.resolvers import Resolvers
from balise_agent.net.routes import Sources, family_of
from balise_agent.net.share import Share
from balise_agent.net.tap import Tap
from balise_agent.net.trust import TrustStore
from balise_agent.policy.egress import Gate
from balise_agent.system.reactor import Timekeeper
from balise_agent.system.task import Wait

_TIMES_HANDED: Final = 8
_QUEUE_DRAINS: Final = 0.025
"""Real seconds in which a queue gets room again: a full Ethernet queue of 1,000 packets at 100 Mb/s takes 0.1 s."""


@dataclass(frozen=True)
class NetworkContext:
    """The link's shared parts."""

    clock: Timekeeper
    tap: Tap
    raw: RawSender
    gate: Gate
    sources: Sources
    resolvers: Resolvers
    trust: TrustStore
    crafted_ports: PortPool
    kernel_ports: PortPool
    interface: str = ""
    """Empty: whatever the routing table says."""
    packet_ids: "PacketIds" = field(default_factory=lambda: PacketIds(b""))


class PacketIds:
    """Numbers for sequence numbers, query ids and IP-IDs: a counter-mode stream from one random seed.

    One call of the system per packet would cost more than the packet; nobody gains by guessing these.
    """

    def __init__(self, seed: bytes) -> None:
        self._state = int.from_bytes(seed[:8], "big")

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1 (SplitMix64, Steele et al. 2014)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = self._state
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return (mixed ^ mixed >> 31) % bound


class Stopwatch:
    """When a step began, on both clocks."""

    __slots__ = ("_clock", "at", "began")

    def __init__(self, clock: Timekeeper) -> None:
        self._clock = clock
        self.at = clock.now()
        self.began = clock.monotonic()

    def elapsed_ms(self) -> float:
        """Real milliseconds since the step began."""
        return (self._clock.monotonic() - self.began) * 1000.0


def packed(address: str) -> bytes:
    """Return an IP address as the bytes of a header (ValueError for anything else)."""
    try:
        return socket.inet_pton(family_of(address), address.partition("%")[0])
    except OSError:
        raise ValueError(f"{address!r} is no IP address") from None


def ask(context: NetworkContext, share: Share, address: str, port: int, size: int, *, local: bool = False) -> None:
    """Ask whether bytes of a flow may leave, and put them on the day's account (Refused)."""
    context.gate.allow(address, port, size, local=local)
    share.paid += size


def settle(context: NetworkContext, share: Share) -> None:
    """Put what a flow moved on the day's account, and what was beyond all expectation apart."""
    context.gate.received(share.within)
    if share.owed:
        context.gate.left(share.owed)
    if share.excess:
        context.gate.exceeded(share.excess)


def hand_over(context: NetworkContext, packet: bytes, address: str) -> Generator[Wait, bool, None]:
    """Send one crafted packet; a queue that is full this moment is waited for, a few times.

    Raises:
        OSError: as the kernel gives it: also EAGAIN and ENOBUFS, where the queue stays full.
    """
    for _ in range(_TIMES_HANDED - 1):
        try:
            context.raw.send(packet, address)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.ENOBUFS}:
                raise
        else:
            return
        yield Wait(context.clock.monotonic() + _QUEUE_DRAINS)
    context.raw.send(packet, address)


def take_turn(context: NetworkContext, address: str, connections: int) -> Generator[Wait, bool, None]:
    """Wait until the gate lets this host have more connections."""
    while (pause := context.gate.pause(address, connections)) > 0.0:
        yield Wait(context.clock.monotonic() + pause)
