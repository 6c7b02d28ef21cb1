"""The link: everything the probe needs of its network, opened once, and the door through which steps reach it.

Lives here: opening the tap, the raw sockets and the rest, and handing each step to the file that carries it out. It
satisfies ``conductor.Network``. Must not live here: how any step is carried out.
"""

import os
from typing import BinaryIO, Final

from balise_agent.codec import pcap
from balise_agent.experiments.steps import (
    AskGateway,
    Close,
    Connect,
    Datagram,
    Exchange,
    Failed,
    Handshake,
    Inject,
    Query,
    Receive,
    Send,
    Step,
    Transfer,
)
from balise_agent.net import ports, tcp
from balise_agent.net.connection import Connection
from balise_agent.net.context import NetworkContext, PacketIds, Stopwatch
from balise_agent.net.datagram import exchange_datagrams
from balise_agent.net.exchange import exchange
from balise_agent.net.gateway import ask_gateway
from balise_agent.net.inject import inject
from balise_agent.net.operation import Operation
from balise_agent.net.ports import PortPool
from balise_agent.net.raw import RawSender
from balise_agent.net.resolvers import Resolvers
from balise_agent.net.routes import Sources
from balise_agent.net.tap import Tap
from balise_agent.net.tls import Contexts, handshake
from balise_agent.net.transfer import transfer
from balise_agent.net.trust import TrustStore
from balise_agent.net.udp import query
from balise_agent.policy.egress import Gate
from balise_agent.system.errors import LinkUnusable, PolicyRefusal
from balise_agent.system.reactor import Reactor
from balise_wire.failures import Failure

_MOST_CONNECTIONS: Final = 64
"""Connections that one plan may hold at once."""


class Link:
    """The way out. Open it once; ``close`` gives everything back."""

    def __init__(
        self, reactor: Reactor, gate: Gate, *, interface: str = "", resolvers: tuple[str, ...] = (), ca_file: str = ""
    ) -> None:
        """Open the link and begin to listen.

        Args:
            reactor: whose selector the tap is put on.
            gate: asked about every destination.
            interface: tie everything to it; empty leaves it to the routing table.
            resolvers: instead of those the system knows.
            ca_file: extra trust roots, PEM.

        Raises:
            LinkUnusable: no CAP_NET_RAW, or no such interface; the message says the mend.
        """
        self._reactor = reactor
        tap = Tap(interface)
        try:
            raw = RawSender(interface)
        except BaseException:
            tap.close()
            raise
        seed = os.urandom(16)
        self._contexts = Contexts()
        self.context = NetworkContext(
            clock=reactor.clock,
            tap=tap,
            raw=raw,
            gate=gate,
            sources=Sources(reactor.clock.monotonic, interface),
            resolvers=Resolvers(resolvers),
            trust=TrustStore(ca_file),
            crafted_ports=PortPool(ports.CRAFTED, int.from_bytes(seed[8:12], "big")),
            kernel_ports=PortPool(ports.KERNEL, int.from_bytes(seed[12:], "big")),
            interface=interface,
            packet_ids=PacketIds(seed[:8]),
        )
        reactor.watch(tap, tap.turn)

    @property
    def tap(self) -> Tap:
        """The capture tap, for its counters."""
        return self.context.tap

    def drops(self) -> int:
        """Return how many packets the capture lost since it was opened."""
        return self.context.tap.drops()

    def resolvers(self) -> tuple[str, ...]:
        """Return the addresses of the resolvers that this network uses now."""
        return self.context.resolvers.addresses()

    def record(self, writer: BinaryIO | None) -> None:
        """Write every packet of our own flows to a pcap file from now on; ``None`` ends it. Strangers' never are."""
        if writer is not None:
            writer.write(pcap.HEADER)
        self.context.tap.writer = writer

    def session(self) -> "LinkSession":
        """Return what one plan works with."""
        return LinkSession(self.context, self._contexts)

    def close(self) -> None:
        """Give the sockets back; sessions must be closed before."""
        self._reactor.unwatch(self.context.tap)
        self.context.tap.close()
        self.context.raw.close()


class LinkSession:
    """One plan's connections, by handle."""

    def __init__(self, context: NetworkContext, contexts: Contexts) -> None:
        self._context = context
        self._contexts = contexts
        self._connections: dict[int, Connection] = {}
        self._handles = 0

    def begin(self, step: Step) -> Operation:
        """Return the operation that carries out a step (TypeError for a step that nobody carries out)."""
        operation = self._operation(step)
        return self._discreet(operation, step) if self._is_secret(step) else operation

    def _is_secret(self, step: Step) -> bool:
        """Whether nobody is told where a step leads."""
        if isinstance(step, Connect):
            return step.secret
        connection = self._connections.get(getattr(step, "handle", 0))
        return connection is not None and connection.secret

    def _discreet(self, operation: Operation, step: Step) -> Operation:
        """Carry out a step of which a failure of ours would say where it leads: it is told as a failure, no more."""
        watch = Stopwatch(self._context.clock)
        try:
            return (yield from operation)
        except (LinkUnusable, OSError, PolicyRefusal, ValueError):
            connection = self._connections.get(getattr(step, "handle", 0))
            if connection is not None:
                connection.forget()
            return Failed(at=watch.at, elapsed_ms=watch.elapsed_ms(), failure=Failure.NETWORK_DOWN)

    def _operation(self, step: Step) -> Operation:
        match step:
            case Connect():
                return tcp.connect(self._context, step, self._keep)
            case Send():
                return tcp.send(self._connection(step.handle), step)
            case Receive():
                return tcp.receive(self._connection(step.handle), step)
            case Transfer():
                return transfer(self._connection(step.handle), step)
            case Handshake():
                return handshake(self._connection(step.handle), step, self._contexts)
            case Inject():
                return inject(self._connection(step.handle), step)
            case Close():
                return tcp.close(self._connections.pop(step.handle), step)
            case Exchange():
                return exchange(self._context, step)
            case Query():
                return query(self._context, step)
            case Datagram():
                return exchange_datagrams(self._context, step)
            case AskGateway():
                return ask_gateway(self._context, step)
            case _:
                raise TypeError(f"the link carries out no {type(step).__name__}")

    def close(self) -> None:
        """Close every connection that the plan left open."""
        for connection in self._connections.values():
            connection.forget()
        self._connections.clear()

    def _keep(self, connection: Connection) -> int:
        """File a connection under a new handle; the oldest goes when a plan never closes any."""
        self._handles += 1
        self._connections[self._handles] = connection
        if len(self._connections) > _MOST_CONNECTIONS:
            self._connections.pop(next(iter(self._connections))).forget()
        return self._handles

    def _connection(self, handle: int) -> Connection:
        """Find a connection (KeyError: the plan closed it, or never had it)."""
        return self._connections[handle]
