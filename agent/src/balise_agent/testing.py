"""A network made of data: what plans, agendas and whole probes are tried on without sending a packet.

``FakeNetwork`` is a ``conductor.Network``. Everything in it works until a test says otherwise, per endpoint (address,
port and transport), per name or per kind of step. ``play`` carries one plan out at once; a ``Conductor`` over the same
object carries out many. It ships with the package as httpcore ships its mock backend: whoever writes an experiment
tries it here first.

    network = FakeNetwork()
    network.refuse("198.18.1.1", 443, Failure.CONNECTION_RESET)
    (seen,) = network.play(TLS.sentinel(task))
    assert seen.failure is Failure.CONNECTION_RESET

A step of a new kind, or an odd answer to an old one, is a function: ``network.on(Datagram, answer)``. Must not live
here: sockets, clocks, randomness, or anything that only one test needs.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, overload

import msgspec

from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    AskGateway,
    Close,
    Closed,
    Connect,
    Connected,
    Counted,
    Datagram,
    DatagramAnswer,
    DatagramsExchanged,
    Exchange,
    Exchanged,
    Failed,
    GatewayAsked,
    Handshake,
    Inject,
    Injected,
    Note,
    Noted,
    Plan,
    Queried,
    Query,
    Receive,
    Received,
    Reply,
    Rest,
    Rested,
    Secured,
    Send,
    Sent,
    Step,
    SynProbe,
    Transfer,
    Transferred,
)
from balise_agent.net.operation import Operation
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.experiments.traits import Transport
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.trial import Trial
from balise_wire.words import Resolver

ANY_PORT: Final = 0
"""Where a port is asked for: all of them."""
ADDRESS: Final = "198.18.1.1"
"""What every name is resolved to that nothing else is said of (RFC 2544: nobody's address)."""
SERVER_HELLO: Final = b"\x16\x03\x03\x00\x7a\x02\x00"
"""How the answer to any ClientHello begins: record, version, length, handshake type (RFC 8446, 5.1 and 4)."""
PAGE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
"""The answer to any request for a page."""
ALERT_PROTOCOL_VERSION: Final = b"\x15\x03\x03\x00\x02\x02\x46"
"""What a server says to a hello without a version that it speaks (RFC 8446, 6.2: alert 70)."""

_SEGMENT: Final = 1_448
_RESET: Final = Packet(t_us=1, direction=Direction.IN, ttl=55, flags="R")

S = TypeVar("S", bound=Step)
T = TypeVar("T", bound=Trial)


@dataclass
class FakeConnection:
    """One connection that stands, and what its server will send."""

    address: str
    port: int
    data: bytes = b""
    """Still to be read."""
    name: str = ""
    """Shown in a whole handshake."""
    moved: int = 0
    """Bytes of transfers."""
    cut: Failure | None = None
    """How the next read ends instead; ``eof`` is an end of the stream, all else a failure."""
    answer: Callable[[bytes], bytes | None] | None = None
    """What its server says to what it is told (``FakeNetwork.tcp``)."""
    said: tuple[bytes, ...] = ()
    """The segments of a ClientHello so far."""


@dataclass
class FakeSession:
    """What one plan holds open; see ``conductor.Session``."""

    network: "FakeNetwork"
    connections: dict[int, FakeConnection] = field(default_factory=dict)
    """Those that stand, by handle. A plan has closed each of them by its end."""

    def begin(self, step: Step) -> Operation:
        """See ``conductor.Session``: the operation ends at once, and raises what the network was told to raise."""
        error = self.network.trouble(step)
        if error is not None:
            self.network.steps.append(step)
            raise error
        return self._operation(step)

    def _operation(self, step: Step) -> Operation:
        yield from ()
        return self.network.reply(step, self)

    def close(self) -> None:
        """See ``conductor.Session``."""
        self.connections.clear()

    def failed(self, failure: Failure, handle: int | None = None, data: bytes = b"", detail: str = "") -> Failed:
        """Return the failure of a step; the connection that failed is closed by it."""
        if handle is not None:
            del self.connections[handle]
        network = self.network
        return Failed(
            at=network.now, elapsed_ms=8.0, failure=failure, packets=(network.packet,), data=data, detail=detail
        )


@dataclass
class FakeNetwork:
    """A network as data; see the module."""

    now: float = 1000.0
    """UNIX seconds at which the next reply is dated."""
    step_seconds: float = 1.0
    """What each step of a plan moves ``now`` on by."""
    cut: dict[str, Failure] = field(default_factory=dict)
    """How a connection fails after a ClientHello, handshake or request that shows this name, or at this address."""
    box: Callable[[tuple[bytes, ...]], Failure | None] = lambda _segments: None
    """How a connection fails after the segments of a ClientHello, whatever name it shows; ``None`` where it passes."""
    untrusted: set[str] = field(default_factory=set)
    """Names whose chain does not verify."""
    old_tls: set[str] = field(default_factory=set)
    """Names whose server speaks TLS 1.0 alone."""
    no_tls: set[str] = field(default_factory=set)
    """Names whose server speaks no version that anybody offers."""
    dns: dict[tuple[str, str], tuple[DnsAnswer, ...]] = field(default_factory=dict)
    """Answers by name and server; the server is empty for the provider's resolver. No answers: silence."""
    set_aside: dict[str, tuple[DnsAnswer, ...]] = field(default_factory=dict)
    """Answers that say nothing of a name (``Queried.set_aside``), instead of any other."""
    unchecked: tuple[DnsAnswer, ...] = ()
    """Answers to a question with DNSSEC's checks disabled."""
    resolver: bool = True
    """Whether this machine knows a resolver to ask."""
    resolvers: tuple[str, ...] = ()
    """The resolvers that the network handed to this machine, as far as it tells; the first one answers."""
    udp: dict[tuple[str, int], Callable[[bytes], tuple[bytes, ...]]] = field(default_factory=dict)
    """What comes back to a datagram, by address and port: for protocols that this module knows nothing of."""
    tcp: dict[tuple[str, int], Callable[[], Callable[[bytes], bytes | None]]] = field(default_factory=dict)
    """The same on connections: what each is answered from its first byte on; ``None``: the server hangs up, and empty
    where nothing comes any more."""
    pages: dict[str, bytes] = field(default_factory=dict)
    """Whole HTTP responses by the name in ``Host``; ``PAGE`` where none is set."""
    rates: dict[str, float] = field(default_factory=dict)
    """Kilobits a second of transfers behind a handshake with this name; 5,000 where none is set, 0: it stops."""
    stops: dict[str, int] = field(default_factory=dict)
    """Bytes after which such a transfer freezes."""
    holds: int = 1_000_000
    """Bytes that every server has to give."""
    source_ports: bool = False
    """Whether connections tell their source port: the one that was asked for, or another each."""
    gateway: bool | None = True
    """Whether the default gateway answers; ``None`` without one."""
    packet: Packet = _RESET
    """What every capture holds."""
    trouble: Callable[[Step], Exception | None] = lambda _step: None
    """Our own failure at some steps: raised instead of a reply."""
    steps: list[Step] = field(default_factory=list)
    """Every step that was begun, in order."""
    notes: list[Note] = field(default_factory=list)
    """What the last plan under ``play`` noted."""
    _refused: dict[tuple[str, int, Transport], Failure] = field(default_factory=dict)
    _data: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _handlers: dict[type[Step], Callable[[Any, FakeSession], Reply]] = field(default_factory=dict)
    _handles: int = 0

    def __post_init__(self) -> None:
        """Answer every step of the vocabulary."""
        self._handlers |= {
            AskGateway: self._ask_gateway,
            Close: self._close,
            Connect: self._connect,
            Datagram: self.converse,
            Exchange: self._exchange,
            Handshake: self._handshake,
            Inject: self._inject,
            Query: self.resolve,
            Receive: self._receive,
            Rest: self._rest,
            Send: self._send,
            Transfer: self._transfer,
        }

    # --- what a test says -----------------------------------------------------------------------------------------

    def refuse(
        self,
        address: str,
        port: int = ANY_PORT,
        failure: Failure = Failure.GENERIC_TIMEOUT,
        transport: Transport = Transport.TCP,
    ) -> None:
        """Let an endpoint not be reached: by silence, an RST (``connection_refused``) or an ICMP message.

        Args:
            address: of the endpoint; empty for the provider's resolver.
            port: ``ANY_PORT`` for all of the address.
            failure: what its clients see.
            transport: the other transports to the same address and port are left alone.
        """
        self._refused[address, port, transport] = failure

    def heal(self) -> None:
        """Let every endpoint be reached again, and no connection be cut."""
        self._refused.clear()
        self.cut.clear()

    def say(self, address: str, port: int, data: bytes) -> None:
        """Let a server answer whatever it is sent with these bytes: for protocols that this module knows nothing of."""
        self._data[address, port] = data

    def fail(self, error: Exception | None) -> None:
        """Let every step end by our own failure from now on; ``None``: by its reply again."""
        self.trouble = lambda _step: error

    def on(self, kind: type[S], answer: Callable[[S, FakeSession], Reply]) -> None:
        """Answer every step of a kind by a function of the step and its plan's session."""
        self._handlers[kind] = answer

    # --- what a test asks -----------------------------------------------------------------------------------------

    @overload
    def play(self, plan: Plan) -> tuple[Observation, ...]: ...
    @overload
    def play(self, plan: Plan, kind: type[T]) -> tuple[T, ...]: ...

    def play(self, plan: Plan, kind: type[Trial] = Trial) -> tuple[Trial, ...]:
        """Carry one plan out at once and return what it observed; ``notes`` are this plan's alone.

        Args:
            plan: as an experiment returns it.
            kind: of every observation.

        Raises:
            AssertionError: it left a connection open that had not failed, or observed something of another kind.
            Exception: what ``trouble`` said, as our own failure; the plan is closed.
        """
        session, reply = self.session(), None
        self.notes.clear()
        try:
            while True:
                step = plan.send(reply) if reply is not None else next(plan)
                reply = self._noted(step) if isinstance(step, Note) else self._at_once(session.begin(step))
        except StopIteration as stop:
            if session.connections:
                raise AssertionError(f"left open: {session.connections}") from None
            observations: tuple[Observation, ...] = stop.value
            if not all(isinstance(observation, kind) for observation in observations):
                raise AssertionError(f"not all of kind {kind.__name__}: {observations}") from None
            return observations
        finally:
            plan.close()

    def noted(self) -> tuple[Observation, ...]:
        """Return what a failure of ours at the end of the plan under ``play`` would leave of it."""
        kept: list[Observation] = []
        for note in self.notes:
            kept = [*(kept[:-1] if note.instead else kept), note.observation]
        return tuple(kept)

    def asked(self, kind: type[S]) -> list[S]:
        """Return the steps of one kind that were begun, in order."""
        return [step for step in self.steps if isinstance(step, kind)]

    def names(self) -> list[str]:
        """Return the names of the ClientHellos that were sent as bytes, in order; empty where one shows none."""
        streams: dict[int, bytes] = {}
        for step in self.asked(Send):
            if step.handle in streams or _is_hello(step.data):
                streams[step.handle] = streams.get(step.handle, b"") + step.data
        return [server_name(stream) or "" for stream in streams.values()]

    # --- conductor.Network ----------------------------------------------------------------------------------------

    def session(self) -> FakeSession:
        """See ``conductor.Network``."""
        return FakeSession(self)

    def reply(self, step: Step, session: FakeSession) -> Reply:
        """Return what comes of a step.

        Raises:
            TypeError: nobody said what comes of a step of this kind.
        """
        self.steps.append(step)
        self.now += self.step_seconds
        handler = self._handlers.get(type(step))
        if handler is None:
            raise TypeError(f"no answer to a {type(step).__name__}; say it with FakeNetwork.on")
        return handler(step, session)

    # --- the answers ----------------------------------------------------------------------------------------------

    def resolve(self, step: Query, _session: FakeSession) -> Queried:
        """Return the answers to a question, as the fields of this network say."""
        server = step.server or next(iter(self.resolvers), "")
        return msgspec.structs.replace(self._answered(step), server=server, known=self.resolvers)

    def _answered(self, step: Query) -> Queried:
        """Return the answers, without a word on who gave them."""
        if not self.resolver:
            return Queried(at=self.now, elapsed_ms=0.1, questions=0, failure=Failure.NETWORK_UNREACHABLE)
        refused = self._refusal(step.server, 53, Transport.UDP)
        if refused is not None:
            told = None if refused is Failure.GENERIC_TIMEOUT else refused
            return Queried(at=self.now, elapsed_ms=2000.0, failure=told)
        if step.unchecked:
            return Queried(at=self.now, elapsed_ms=20.0, answers=self.unchecked)
        if step.name in self.set_aside:
            return Queried(at=self.now, elapsed_ms=20.0, set_aside=self.set_aside[step.name])
        usual = (DnsAnswer(rtt_ms=12.0, ttl=60, ra=True, addresses=(ADDRESS,)),)
        answers = self.dns.get((step.name, step.server), () if step.resolver is Resolver.SILENT else usual)
        return Queried(at=self.now, elapsed_ms=2000.0, answers=answers)

    def converse(self, step: Datagram, _session: FakeSession) -> DatagramsExchanged:
        """Return what comes back to datagrams: what ``udp`` says, or else a datagram as long as a server's word."""
        refused = self._refusal(step.address, step.port, Transport.UDP)
        answers: list[DatagramAnswer] = []
        sent: list[float | None] = []
        for one in step.datagrams:
            leaves = one.unless_heard is None or not any(a.at_ms >= one.unless_heard * 1000.0 for a in answers)
            sent.append(one.after * 1000.0 if leaves else None)
            if leaves and refused is None:
                back = self.udp.get((step.address, step.port), _usual)(one.data)
                answers += [DatagramAnswer(at_ms=one.after * 1000.0 + 20.0, data=data, ttl=55) for data in back]
        failure = None if refused is Failure.GENERIC_TIMEOUT else refused
        return DatagramsExchanged(
            at=self.now, elapsed_ms=step.window * 1000.0, sent_ms=tuple(sent), answers=tuple(answers), failure=failure,
            source=step.source or 62_000,
        )  # fmt: skip

    def _noted(self, step: Note) -> Noted:
        self.notes.append(step)
        return Noted(at=self.now, elapsed_ms=0.0)

    @staticmethod
    def _at_once(operation: Operation) -> Reply:
        try:
            next(operation)
        except StopIteration as stop:
            reply: Reply = stop.value
            return reply
        raise AssertionError("an operation of a network made of data waits for nothing")

    def _refusal(self, address: str, port: int, transport: Transport) -> Failure | None:
        exact = self._refused.get((address, port, transport))
        return exact or self._refused.get((address, ANY_PORT, transport))

    def _ask_gateway(self, _step: AskGateway, _session: FakeSession) -> GatewayAsked:
        return GatewayAsked(at=self.now, elapsed_ms=1.0, ok=self.gateway, rtt_ms=0.5 if self.gateway else None)

    def _rest(self, step: Rest, _session: FakeSession) -> Rested:
        began = self.now
        self.now += step.seconds
        return Rested(at=began, elapsed_ms=step.seconds * 1000.0)

    def _exchange(self, step: Exchange, _session: FakeSession) -> Exchanged:
        answers = []
        for number, probe in enumerate(step.packets):
            port = probe.port if isinstance(probe, SynProbe) else ANY_PORT
            refused = self._refusal(probe.address, port, Transport.TCP)
            kind = AnswerKind.ECHO if not isinstance(probe, SynProbe) and refused is None else _KINDS.get(refused)
            if kind is not None:
                icmp = "3/13" if kind is AnswerKind.ICMP else ""
                packet = Packet(t_us=1, direction=Direction.IN, icmp=icmp)
                answers.append(Answer(probe=number, kind=kind, rtt_ms=20.0 + number, packet=packet))
        return Exchanged(at=self.now, elapsed_ms=25.0, answers=tuple(answers))

    def _connect(self, step: Connect, session: FakeSession) -> Reply:
        refused = self._refusal(step.address, step.port, Transport.TCP)
        if refused is not None:
            return session.failed(refused)
        self._handles += 1
        spoken = self.tcp.get((step.address, step.port))
        answer = None if spoken is None else spoken()
        session.connections[self._handles] = FakeConnection(step.address, step.port, answer=answer)
        port = (step.source_port or 62_000 + self._handles) if self.source_ports else 0
        return Connected(at=self.now, elapsed_ms=40.0, handle=self._handles, source_port=port)

    def _send(self, step: Send, session: FakeSession) -> Sent:
        connection = session.connections[step.handle]
        if connection.answer is not None:
            said = connection.answer(step.data)
            connection.data += said or b""
            connection.cut = Failure.EOF if said is None else None if connection.data else Failure.GENERIC_TIMEOUT
            return Sent(at=self.now, elapsed_ms=0.1)
        connection.said = (*connection.said, step.data) if connection.said or _is_hello(step.data) else ()
        if connection.said:
            stream = b"".join(connection.said)
            name, connection.data = server_name(stream) or "", SERVER_HELLO if hello_message(stream) else b""
        elif b"\r\nHost: " in step.data:
            name = step.data.split(b"\r\nHost: ", 1)[1].split(b"\r\n", 1)[0].decode()
            connection.data = self.pages.get(name, PAGE)
        else:
            name, connection.data = "", self._data.get((connection.address, connection.port), b"")
        connection.cut = self.cut.get(name, self.cut.get(connection.address))
        if connection.said and connection.cut is None:
            connection.cut = self.box(connection.said)
        return Sent(at=self.now, elapsed_ms=0.1)

    def _receive(self, step: Receive, session: FakeSession) -> Reply:
        connection = session.connections[step.handle]
        if connection.cut is Failure.EOF:
            return Received(at=self.now, elapsed_ms=30.0, data=b"", eof=True)
        if connection.cut is not None:
            return session.failed(connection.cut, step.handle)
        data = connection.data
        ends = [data.index(mark) + len(mark) for mark in (step.until, step.or_until) if mark and mark in data]
        end = min([*ends, len(data), step.most])
        connection.data = data[end:]
        first, body = (20.0, 10.0) if end else (None, None)
        eof = end < step.most and end not in ends
        return Received(at=self.now, elapsed_ms=30.0, data=data[:end], eof=eof, first_byte_ms=first, body_ms=body)

    def _handshake(self, step: Handshake, session: FakeSession) -> Reply:
        name, address = step.sni or "", session.connections[step.handle].address
        failure = self.cut.get(name, self.cut.get(address))
        if failure is not None:
            return session.failed(failure, step.handle)
        if name in self.no_tls or (name in self.old_tls and not step.old):
            return session.failed(Failure.TLS_ALERT, step.handle, ALERT_PROTOCOL_VERSION, "alert 70")
        session.connections[step.handle].name = name
        verify = Failure.SSL_UNKNOWN_AUTHORITY if name in self.untrusted else None
        version = "TLSv1" if step.old else "TLSv1.3"
        return Secured(at=self.now, elapsed_ms=60.0, version=version, verify_failure=verify, bytes_received=3000)

    def _transfer(self, step: Transfer, session: FakeSession) -> Reply:
        """Let bytes move at the pace of the connection's name, a segment at a time."""
        connection = session.connections[step.handle]
        rate = self.rates.get(connection.name, 5_000.0) / 8.0  # bytes a millisecond
        end = min(self.holds, self.stops.get(connection.name, self.holds))
        end = len(step.data) if step.up else min(end, connection.moved + step.most)
        arrivals, at = list[tuple[float, int]](), 20.0 if step.data else 0.0
        while connection.moved < end and rate and at <= step.seconds * 1000.0:
            size = min(_SEGMENT, end - connection.moved)
            at += size / rate
            connection.moved += size
            arrivals.append((at, size))
        whole = connection.moved >= self.holds
        still = connection.moved < end or not (arrivals or whole)
        frozen = not whole and connection.moved >= self.stops.get(connection.name, self.holds + 1)
        quiet = frozen or (still and not rate)
        elapsed = step.quiet * 1000.0 if quiet else min(at, step.seconds * 1000.0)
        return Transferred(
            at=self.now, elapsed_ms=elapsed, arrivals=tuple(arrivals), head=PAGE, eof=whole, quiet=quiet,
            counted=Counted(segments=max(1, len(arrivals)), lost=0, rtt_ms=40.0),
        )  # fmt: skip

    def _inject(self, _step: Inject, _session: FakeSession) -> Injected:
        return Injected(at=self.now, elapsed_ms=25.0, packets=(self.packet,))

    def _close(self, step: Close, session: FakeSession) -> Closed:
        del session.connections[step.handle]
        return Closed(at=self.now, elapsed_ms=0.0, packets=(self.packet,))


_KINDS: Final = {
    None: AnswerKind.SYNACK,
    Failure.CONNECTION_REFUSED: AnswerKind.RST,
    Failure.ICMP_ADMIN_PROHIBITED: AnswerKind.ICMP,
}
"""How a SYN is answered; any other failure is silence."""


def _usual(data: bytes) -> tuple[bytes, ...]:
    """Return what a server answers that speaks QUIC and STUN."""
    return binding_answer(data) or _negotiation(data)


def binding_answer(data: bytes) -> tuple[bytes, ...]:
    """Return what a server of STUN answers to a request of a header alone: whom it saw (RFC 8489 7.3.1, 14.2)."""
    if len(data) != 20 or not data.startswith(b"\0\1\0\0"):
        return ()
    return (b"\1\1\0\x0c" + data[4:] + b"\0\x20\0\x08\0\1\xa1\x47\xe1\x12\xa6\x43",)


def _negotiation(data: bytes) -> tuple[bytes, ...]:
    """Return what a server of QUIC answers where it does not speak the version of a long header (RFC 9000 17.2.1)."""
    if data[0] & 0xC0 != 0xC0:
        return ()
    server, rest = data[6 : 6 + data[5]], data[6 + data[5] :]
    client = rest[1 : 1 + rest[0]]
    return (b"\x80\0\0\0\0" + bytes([len(client)]) + client + bytes([len(server)]) + server + b"\0\0\0\1",)


def hello_message(stream: bytes) -> bytes | None:
    """Return the handshake message in the records of a client's first bytes (RFC 8446 5.1); ``None``: not whole."""
    message, left = b"", stream
    while len(left) >= 5 and len(left) >= 5 + int.from_bytes(left[3:5]):
        size = int.from_bytes(left[3:5])
        message, left = message + left[5 : 5 + size], left[5 + size :]
    return message if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4]) else None


def server_name(stream: bytes) -> str | None:
    """Return the name in a ClientHello (RFC 8446 4.1.2, RFC 6066 3); a reader that shares nothing with our writer."""
    body = (hello_message(stream) or b"")[4 + 2 + 32 :]  # handshake header, version, random
    if not body:
        return None
    body = body[1 + body[0] :]  # session id
    body = body[2 + int.from_bytes(body[:2]) :]  # cipher suites
    body = body[1 + body[0] :][2:]  # compression methods, length of extensions
    while body:
        kind, size = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        if kind == 0:
            return body[9 : 4 + size].decode()
        body = body[4 + size :]
    return None


def _is_hello(data: bytes) -> bool:
    return data.startswith(b"\x16")


class OpenGate:
    """A gate that lets everything pass at once and counts it: for networks that are wholly a test's own."""

    def __init__(self) -> None:
        self.bytes_out = 0
        self.bytes_in = 0
        self.bytes_beyond = 0

    def allow(self, address: str, port: int, size: int, *, local: bool = False) -> None:  # noqa: ARG002 - as in Gate
        """Let it pass."""
        self.bytes_out += size

    def pause(self, address: str, connections: int) -> float:  # noqa: ARG002 - as in Gate
        """Never wait."""
        return 0.0

    def received(self, size: int) -> None:
        """Count it."""
        self.bytes_in += size

    def left(self, size: int) -> None:
        """Count it."""
        self.bytes_out += size

    def exceeded(self, size: int) -> None:
        """Count it apart."""
        self.bytes_beyond += size


def hurried(plan: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Return a plan without its rests, in which nothing is sent.

    Where what it meets remembers no flow that has ended, or nothing but bytes is looked at, rests change nothing.
    """
    step = next(plan)
    while True:
        reply = Rested(at=0.0, elapsed_ms=0.0) if isinstance(step, Rest) else (yield step)
        try:
            step = plan.send(reply)
        except StopIteration as stop:
            return stop.value
