"""One DNS question, and every answer to it, as a stub resolver of today would come to it.

Lives here: carrying out ``Query``. The question leaves from a fresh port of a connected kernel socket for each server;
answers are taken from the tap, which knows their TTL, IP-ID and arrival, and from the socket only what no single packet
shows: a datagram that came in fragments. Resolvers that know no EDNS are asked without, truncated and cut answers are
asked for over TCP (net/dns_tcp.py), and a resolver that is dead is followed by the network's next. Must not live here:
the messages (codec/dns.py), which resolvers there are (net/resolvers.py).
"""

import contextlib
import socket
from collections.abc import Generator
from typing import Final, NamedTuple

import msgspec

from balise_agent.codec import dns
from balise_agent.codec.dissect import Captured, dissect, evidence, is_first_fragment
from balise_agent.codec.packets import UDP
from balise_agent.experiments.steps import Queried, Query
from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext, Stopwatch, ask, packed, settle
from balise_agent.net.dns_tcp import TcpAnswer, ask_over_tcp
from balise_agent.net.kernel import bound_socket
from balise_agent.net.operation import Operation
from balise_agent.net.routes import sockaddr
from balise_agent.net.share import DATAGRAMS, Share
from balise_agent.system.reactor import READ
from balise_agent.system.task import Signal, Wait
from balise_wire.evidence import PROHIBITED
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.failures import Failure
from balise_wire.words import Resolver, Way

_HEADERS: Final = 28
_MOST_ANSWERS: Final = 10
_MOST_AT_ONCE: Final = 64
"""Datagrams taken from a socket in one turn; the first ten are kept."""
_MOST_SERVERS: Final = 3
"""resolv.conf(5), MAXNS."""


class Sending(NamedTuple):
    """One copy of the question."""

    share: float
    """When it leaves, as a share of the time-out."""
    server: int
    way: Way


_E, _P = Way.EDNS, Way.PLAIN
_SENDINGS: Final = {
    1: (Sending(0.0, 0, _E), Sending(0.25, 0, _E), Sending(0.5, 0, _P)),
    2: (Sending(0.0, 0, _E), Sending(0.2, 0, _E), Sending(0.4, 0, _P), Sending(0.55, 1, _E), Sending(0.75, 1, _P)),
    3: (
        *(Sending(0.0, 0, _E), Sending(0.2, 0, _E), Sending(0.35, 0, _P)),
        *(Sending(0.45, 1, _E), Sending(0.6, 1, _P), Sending(0.7, 2, _E), Sending(0.85, 2, _P)),
    ),
}
"""By the number of servers: what is sent as long as nothing at all comes back.

At 5 % loss each way one datagram in ten comes to nothing; three in a row, one in a thousand. RFC 1123 6.1.3.3 asks for
retransmission; the last copy goes without EDNS, because some resolvers and home routers drop every question that has
it (RFC 6891 6.2.2). Answers are timed from a server's first copy, so a late one never looks early."""
_SILENT: Final = tuple(sending._replace(way=_E) for sending in _SENDINGS[1])
"""An address that answers nobody is asked in one way alone, like the control."""


class _Asked:
    """One server and what it was heard to say; its socket and port are ours until ``close``."""

    def __init__(self, context: NetworkContext, step: Query, server: str, signal: Signal, *, local: bool) -> None:
        """Open and connect the socket.

        Raises:
            LinkUnusable: no socket, or no port.
            OSError: there is no way to this server, or its zone is no interface of ours.
        """
        self.context = context
        self.step = step
        self.server = server
        self.local = local
        self.signal = signal
        self.sent: set[Way] = set()
        self.copies = 0
        self.refused: Failure | None = None
        self._identifiers: dict[int, Way] = {}
        self._heard: list[Captured] = []
        self._read: list[tuple[float, bytes]] = []
        self._began = 0.0
        self.sock, self._port = bound_socket(context, server, socket.SOCK_DGRAM)
        self.flow = context.tap.open(UDP, self._port, packed(server), 53, self._hear, Share(DATAGRAMS))
        try:
            self.sock.connect(sockaddr(server, 53))
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

    def send(self, way: Way) -> None:
        """Send one copy (OSError; an error about an earlier copy is told here and is not this one's)."""
        identifier = next((known for known, asked in self._identifiers.items() if asked is way), None)
        if identifier is None:
            identifier = self.context.packet_ids.below(1 << 16)
            self._identifiers[identifier] = way
        message = dns.query(
            identifier, self.step.name, self.step.qtype, edns=way is Way.EDNS, unchecked=self.step.unchecked
        )
        ask(self.context, self.flow.share, self.server, 53, _HEADERS + len(message), local=self.local)
        if not self.copies:
            self._began = self.context.clock.monotonic()
        self.copies += 1
        self.sent.add(way)
        try:
            self.sock.send(message)
        except ConnectionRefusedError:
            self.sock.send(message)

    def read(self) -> None:
        """Take what the kernel has put together."""
        with contextlib.suppress(OSError):
            for _ in range(_MOST_AT_ONCE):
                data = self.sock.recv(65535)
                if len(self._read) < _MOST_ANSWERS:
                    self._read.append((self.context.clock.monotonic(), data))

    def answers(self) -> list[tuple[int, DnsAnswer]]:
        """Read every answer with the kernel's time of it, in the order in which it was heard."""
        found: list[tuple[int, DnsAnswer]] = []
        whole = [(at, data) for at, data in self._read if self._way(data) is not None]
        began = self.flow.first_out_ns
        for packet in sorted(self._heard, key=lambda heard: heard.t_ns):
            read = dissect(packet.data)
            if read is None:
                continue
            payload = read.payload
            cut = read.cut > 0 or is_first_fragment(packet.data)
            match = next(((at, data) for at, data in whole if data[: len(payload)] == payload), None)
            if match is not None:
                whole.remove(match)
                payload, cut = match[1], False
            rtt_ms = (packet.t_ns - (packet.t_ns if began is None else began)) / 1e6
            found.append((packet.t_ns, self._answer(payload, rtt_ms, ttl=read.ttl, ip_id=read.ip_id, cut=cut)))
        for at, data in whole:  # in fragments of which the tap hears none (IPv6), or the tap had no room
            rtt_ms = (at - self._began) * 1000.0
            found.append(((began or 0) + int(rtt_ms * 1e6), self._answer(data, rtt_ms)))
        return sorted(found, key=lambda one: one[0])

    def _answer(self, payload: bytes, rtt_ms: float, *, ttl: int = 0, ip_id: int = 0, cut: bool = False) -> DnsAnswer:
        return dns.read_answer(
            payload,
            self.step.name,
            self.step.qtype,
            rtt_ms=rtt_ms,
            ttl=ttl,
            ip_id=ip_id,
            way=self._way(payload) or Way.EDNS,
            cut=cut,
        )

    def _way(self, message: bytes) -> Way | None:
        """Return how we asked what a message answers; ``None`` where it claims to answer nothing of ours."""
        return next((way for known, way in self._identifiers.items() if dns.answers_to(known, message)), None)

    def _hear(self, packet: Captured) -> None:
        """Take one packet of the flow: an answer, an ICMP error about the question, or nothing of interest."""
        if packet.out:
            return
        if self.flow.share.full:
            self.signal.fire()
        found = dissect(packet.data)
        if found is None:
            return
        if found.icmp is not None:
            self.refused = self.refused or icmp_failure(found.icmp)
            self.signal.fire()
        elif self._way(found.payload) is not None and len(self._heard) < _MOST_ANSWERS:
            self._heard.append(packet)
            self.signal.fire()


class _Asking:
    """One question to one or several servers."""

    def __init__(self, context: NetworkContext, step: Query) -> None:
        self._context = context
        self._step = step
        self._watch = Stopwatch(context.clock)
        self._servers = whom(context, step)
        self._asked: dict[int, _Asked] = {}
        self._given_up: set[int] = set()
        """Servers that cannot be asked, or whose machine refuses."""
        self._failure: Failure | None = None if self._servers else Failure.UNKNOWN
        self._tcp: TcpAnswer | None = None
        self._tcp_server = -1
        """Place of the server that was asked over TCP."""
        self._signal = Signal()

    def close(self) -> None:
        """Give everything back."""
        for asked in self._asked.values():
            asked.close()

    def run(self) -> Operation:
        """Ask until something came that can be used, then listen on for the time of a race."""
        if self._step.tcp:
            yield from self._ask_by_tcp_alone()
            return self._told()
        sendings = self._sendings()
        for number, sending in enumerate(sendings):
            if not self._send(sending.server, sending.way):
                continue
            later = [other.share for other in sendings[number + 1 :] if other.server not in self._given_up]
            yield from self._listen(self._watch.began + min(later, default=1.0) * self._step.timeout, sending.server)
            if self._is_over():
                break
            if self._asked[sending.server].refused is not None:
                self._given_up.add(sending.server)
        yield from self._listen_on()
        yield from self._ask_over_tcp()
        return self._told()

    def _sendings(self) -> tuple[Sending, ...]:
        """Return what to send when, by what is known of the servers."""
        if self._step.resolver is Resolver.SILENT:
            return _SILENT
        return tuple(
            sending._replace(way=Way.PLAIN) if self._refuses_edns(self._servers[sending.server][0]) else sending
            for sending in _SENDINGS.get(len(self._servers), ())
        )

    def _refuses_edns(self, server: str) -> bool:
        return self._context.resolvers.habits.refuses_edns(server, self._context.clock.monotonic())

    def _send(self, server: int, way: Way) -> bool:
        """Send one copy; whether it left."""
        if server in self._given_up:
            return False
        try:
            if server not in self._asked:
                address, local = self._servers[server]
                self._asked[server] = _Asked(self._context, self._step, address, self._signal, local=local)
            self._asked[server].send(way)
        except OSError as error:
            self._failure = self._failure or failure_of(error)
            self._given_up.add(server)
            return False
        return True

    def _listen(self, until: float, server: int) -> Generator[Wait, bool, None]:
        """Wait until something usable came; a refusal of EDNS is answered with the plain question."""
        asked = self._asked[server]
        while (yield Wait(until, file=asked.sock, events=READ, signal=self._signal)):
            self._read()
            if self._is_over() or asked.refused is not None:
                return
            for number, other in list(self._asked.items()):
                if Way.PLAIN not in other.sent and any(dns.refuses_form(answer) for _, answer in other.answers()):
                    self._send(number, Way.PLAIN)
        self._read()

    def _listen_on(self) -> Generator[Wait, bool, None]:
        """Hear what comes after the first answer, and learn who does without EDNS."""
        if any(asked.refused is not None or asked.answers() for asked in self._asked.values()):
            until = self._context.clock.monotonic() + self._step.linger
            last = self._asked[max(self._asked)]
            while not self._floods() and (yield Wait(until, file=last.sock, events=READ, signal=self._signal)):
                self._read()
        self._read()
        for asked in self._asked.values():
            answers = [answer for _, answer in asked.answers()]
            plainly = any(answer.way is Way.PLAIN and not answer.malformed for answer in answers)
            if Way.EDNS in asked.sent and plainly and all(a.way is Way.PLAIN or dns.refuses_form(a) for a in answers):
                self._context.resolvers.habits.note_no_edns(asked.server, self._context.clock.monotonic())

    def _ask_over_tcp(self) -> Generator[Wait, bool, None]:
        """Ask for what UDP did not carry whole."""
        if self._step.resolver is Resolver.SILENT:
            return
        for number, asked in self._asked.items():
            answers = [answer for _, answer in asked.answers()]
            if any(answer.tc or answer.cut for answer in answers) and not any(map(dns.is_whole, answers)):
                edns = Way.PLAIN not in asked.sent
                self._tcp_server = number
                self._tcp = yield from ask_over_tcp(
                    self._context, self._step, asked.server, local=asked.local, edns=edns
                )
                return

    def _ask_by_tcp_alone(self) -> Generator[Wait, bool, None]:
        """Ask one server after the other until one answers, by no other way."""
        for number, (address, local) in enumerate(self._servers):
            self._tcp = yield from ask_over_tcp(self._context, self._step, address, local=local, edns=True)
            self._tcp_server = number
            if self._tcp.answer is not None:
                return

    def _read(self) -> None:
        self._context.tap.drain()
        for asked in self._asked.values():
            asked.read()

    def _floods(self) -> bool:
        """Whether a server sends so much more than was asked for that nobody listens to it any longer."""
        return any(asked.flow.share.full for asked in self._asked.values())

    def _is_over(self) -> bool:
        """Whether the question need not be sent again."""
        return self._floods() or self._is_answered()

    def _is_answered(self) -> bool:
        """Whether anything came that ends the asking: all but a refusal of the question's form."""
        return any(not dns.refuses_form(answer) for asked in self._asked.values() for _, answer in asked.answers())

    def _told(self) -> Queried:
        """Return the reply."""
        elapsed_ms = self._watch.elapsed_ms()
        asked = list(self._asked.values())
        found = sorted(
            (
                (at, msgspec.structs.replace(answer, server=number))
                for number, each in self._asked.items()
                for at, answer in each.answers()
            ),
            key=lambda one: one[0],
        )
        over_tcp = self._tcp.answer if self._tcp is not None else None
        if over_tcp is not None:
            over_tcp = msgspec.structs.replace(over_tcp, server=self._tcp_server)
        kept: list[DnsAnswer] = []
        aside: list[DnsAnswer] = []
        for _, answer in found:
            superseded = answer.tc and over_tcp is not None
            useless = superseded or dns.refuses_form(answer) or dns.says_nothing(answer)
            (aside if useless else kept).append(answer)
        kept += [over_tcp] if over_tcp is not None else []
        failure = None
        if not kept:
            refused = next((each.refused for each in asked if each.refused is not None), None)
            failure = (self._tcp.failure if self._tcp is not None else None) or refused or self._failure
        captured = [packet for each in asked for packet in each.flow.captured]
        tried = len(self._given_up | set(self._asked))
        return Queried(
            at=self._watch.at,
            elapsed_ms=elapsed_ms,
            answers=tuple(kept),
            set_aside=tuple(aside),
            silent_resolvers=tried - sum(1 for each in asked if each.answers()) if found else 0,
            questions=sum(each.copies for each in asked) + (self._tcp is not None),
            packets=evidence([*captured, *(self._tcp.captured if self._tcp is not None else ())]),
            failure=failure,
            server=self._who(kept or aside),
            known=self._context.resolvers.addresses(),
            flood=sum(each.flow.share.flood for each in asked) + (self._tcp.flood if self._tcp is not None else 0),
        )

    def _who(self, answers: list[DnsAnswer]) -> str:
        """Return the address of who answered first, or else of who was asked first."""
        place = answers[0].server if answers else 0
        return self._servers[place][0] if place < len(self._servers) else ""


def query(context: NetworkContext, step: Query) -> Operation:
    """Carry out a Query; without any server to ask it is a reply of no question."""
    asking = _Asking(context, step)
    try:
        return (yield from asking.run())
    finally:
        asking.close()


def whom(context: NetworkContext, step: Query) -> tuple[tuple[str, bool], ...]:
    """Return whom to ask in turn, and whether the network itself handed us the address (it may then be on the LAN)."""
    known = context.resolvers.addresses()
    if step.server:
        handed = step.resolver in {Resolver.PROVIDER, Resolver.UPSTREAM} and step.server in known
        return ((step.server, handed),)
    return tuple((server, True) for server in known[:_MOST_SERVERS])


def icmp_failure(icmp: tuple[int, int]) -> Failure:
    """Name an ICMP error about a UDP packet; 3/3 and 1/4 are port unreachable (RFC 792, RFC 4443 3.1)."""
    if icmp in {(3, 3), (1, 4), (3, 2)}:
        return Failure.CONNECTION_REFUSED
    if f"{icmp[0]}/{icmp[1]}" in PROHIBITED:
        return Failure.ICMP_ADMIN_PROHIBITED
    if icmp in {(3, 0), (1, 0)}:
        return Failure.NETWORK_UNREACHABLE
    return Failure.HOST_UNREACHABLE
