"""The step Query as a stub resolver of today comes to its end: copies, the next resolver, without EDNS, over TCP.

Lives here: when the agent's net layer sends which copy (written down anew, not shared with it), what it keeps and sets
aside, and the packets. Must not live here: who answers (lookups.py).
"""

import math
from typing import Final, NamedTuple

import msgspec

from balise_agent.experiments.steps import Queried, Query
from balise_agent.experiments.steps import Reply as Result
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Steps, Wait
from balise_lab.field.network import lookups
from balise_lab.field.network.capture import first_ten, icmp
from balise_lab.field.network.draws import number
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.lookups import Question, Reply
from balise_lab.field.network.tcp_steps import of_icmp
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.failures import Failure
from balise_wire.words import Resolver, Way

Operation = Steps[Result]


class Sending(NamedTuple):
    """One copy of the question."""

    share: float
    """When it leaves, as a share of the time-out."""
    server: int
    plain: bool = False


_SENDINGS: Final = {
    1: (Sending(0.0, 0), Sending(0.25, 0), Sending(0.5, 0, True)),
    2: (Sending(0.0, 0), Sending(0.2, 0), Sending(0.4, 0, True), Sending(0.55, 1), Sending(0.75, 1, True)),
    3: (
        *(Sending(0.0, 0), Sending(0.2, 0), Sending(0.35, 0, True)),
        *(Sending(0.45, 1), Sending(0.6, 1, True), Sending(0.7, 2), Sending(0.85, 2, True)),
    ),
}
_HABIT: Final = 3_600.0
"""Seconds for which a server is remembered to refuse EDNS."""
_HEADERS: Final = 28
_MOST_ANSWERS: Final = 10
_FORM: Final = frozenset({lookups.FORMERR, lookups.NOTIMP, 16})


class Heard(NamedTuple):
    """One answer, by the second of the step in which it was heard."""

    at: float
    server: int
    reply: Reply


class _Asking:
    """One question on its way through the copies of it."""

    def __init__(self, home: HomeNetwork, step: Query) -> None:
        self.home = home
        self.step = step
        self.silent = step.resolver is Resolver.SILENT
        self.servers = lookups.servers(home, step.server, _role(step))[:3]
        self.heard: list[Heard] = []
        self.packets: list[Packet] = []
        self.copies = 0
        self.given_up: set[int] = set()
        self.asked: dict[int, float] = {}
        self.plainly: set[int] = set()
        self.failure: Failure | None = None
        self.tcp_server = -1
        """Place of the server that was asked over TCP."""
        self.ids: dict[tuple[int, bool], str] = {}

    # --- the copies -----------------------------------------------------------------------------------------------

    def run(self) -> float:
        """Send what is to be sent until something usable came; return the second at which the listening ends."""
        cursor, timeout = 0.0, self.step.timeout
        sendings = _SENDINGS.get(1 if self.silent else len(self.servers), ())
        for place, sending in enumerate(sendings):
            if sending.server in self.given_up:
                continue
            plain = (sending.plain and not self.silent) or self._knows_no_edns(sending.server)
            if not self._send(sending.server, cursor, plain=plain):
                continue
            later = [one.share for one in sendings[place + 1 :] if one.server not in self.given_up]
            until = min(later, default=1.0) * timeout
            usable = self._answer_forms(cursor, until)
            if usable <= until:
                return usable
            refused = [one.at for one in self.heard if one.reply.refused and one.server == sending.server]
            if refused and min(refused) <= until:
                self.given_up.add(sending.server)
                cursor = max(cursor, min(refused))
            else:
                cursor = until
        return cursor

    def _send(self, server: int, at: float, *, plain: bool) -> bool:
        """Send one copy; whether it left."""
        asked, home = self.servers[server], self.home
        way = Way.PLAIN if plain else Way.EDNS
        if plain:
            self.plainly.add(server)
        size = self._size(plain=plain)
        home.gate.allow(asked.address, lookups.PORT, size + _HEADERS, local=asked.role == "provider")
        found = lookups.replies(home, asked, Question(self.step.name, self.step.qtype, way, self.step.unchecked))
        if found and found[0].refused == "no_route":
            self.failure = self.failure or Failure.NETWORK_UNREACHABLE
            self.given_up.add(server)
            return False
        self.copies += 1
        self.asked.setdefault(server, at)
        chance = home.chance
        sha256 = self.ids.setdefault((server, plain), f"{chance.getrandbits(64):016x}")
        self.packets.append(
            Packet(
                t_us=int(at * 1e6),
                direction=Direction.OUT,
                protocol="udp",
                ttl=64,
                ip_id=chance.getrandbits(16),
                df=True,
                length=size,
                sha256=sha256,
            )
        )
        lost = home.lost()
        self.heard += [
            Heard(at + one.after, server, one)
            for one in found
            if (one.answer is not None or one.refused) and not lost and one.after < math.inf
        ]
        return True

    def _size(self, *, plain: bool) -> int:
        return 12 + len(self.step.name) + 2 + 4 + (0 if plain else 11)

    def _knows_no_edns(self, server: int) -> bool:
        return self.home.no_edns.get(self.servers[server].address, 0.0) > self.home.time

    def _answer_forms(self, cursor: float, until: float) -> float:
        """Answer refusals of EDNS with the plain question; return when the first usable answer came."""
        for one in list(self.heard):
            answer = one.reply.answer
            asks_anew = answer is not None and _refuses_form(answer) and one.server not in self.plainly
            if asks_anew and one.at <= until:
                self._send(one.server, max(cursor, one.at), plain=True)
        return min((one.at for one in self.heard if _is_usable(one)), default=math.inf)

    # --- over TCP, and what is told -------------------------------------------------------------------------------

    def over_tcp(self) -> tuple[Reply | None, float, Failure | None]:
        """Ask again over TCP what UDP did not carry whole; return answer, seconds and failure."""
        told = [one for one in self.heard if one.reply.answer is not None]
        short = [one for one in told if one.reply.answer is not None and (one.reply.answer.tc or one.reply.answer.cut)]
        if self.silent or not short or any(_is_whole(one) for one in told):
            return None, 0.0, None
        return self._by_tcp(short[0].server)

    def by_tcp_alone(self) -> tuple[Reply | None, float, Failure | None]:
        """Ask one server after the other until one answers, by no other way."""
        answer, seconds, failure = None, 0.0, None
        for server in range(len(self.servers)):
            answer, took, failure = self._by_tcp(server)
            seconds += took
            if answer is not None:
                break
        return answer, seconds, failure

    def _by_tcp(self, server: int) -> tuple[Reply | None, float, Failure | None]:
        question = Question(self.step.name, self.step.qtype, Way.TCP, self.step.unchecked)
        found = lookups.replies(self.home, self.servers[server], question)
        self.asked.setdefault(server, 0.0)
        self.tcp_server = server
        self.copies += 1
        answer = next((one for one in found if one.answer is not None), None)
        if answer is not None:
            return answer, 2 * answer.after, None
        refused = next((one for one in found if one.refused), None)
        if refused is not None:
            return None, refused.after, Failure.CONNECTION_REFUSED
        return None, self.step.timeout, Failure.GENERIC_TIMEOUT

    def note_habits(self, ends: float) -> None:
        """Remember who does without EDNS."""
        for server, asked in enumerate(self.servers):
            mine = [one.reply.answer for one in self.heard if one.server == server and one.at <= ends]
            answers = [answer for answer in mine if answer is not None]
            plainly = any(answer.way is Way.PLAIN for answer in answers)
            if plainly and all(answer.way is Way.PLAIN or _refuses_form(answer) for answer in answers):
                self.home.no_edns[asked.address] = self.home.time + _HABIT


def query(home: HomeNetwork, step: Query) -> Operation:
    """Carry out a Query."""
    if home.now.line.eagain:
        raise LinkUnusable("the kernel's sending queue stays full")
    at = home.clock.now()
    asking = _Asking(home, step)
    if not asking.servers:
        yield from ()
        return Queried(at=at, elapsed_ms=0.1, questions=0, failure=Failure.UNKNOWN)
    ends = 0.0 if step.tcp else asking.run()
    if any(one.at <= ends for one in asking.heard):
        ends += step.linger
    asking.heard = sorted((one for one in asking.heard if one.at <= ends), key=lambda one: one.at)[:_MOST_ANSWERS]
    asking.note_habits(ends)
    tcp, seconds, failure = asking.by_tcp_alone() if step.tcp else asking.over_tcp()
    yield Wait(within=ends + seconds)
    return _told(asking, at, ends + seconds, tcp, failure)


def _told(asking: _Asking, at: float, seconds: float, tcp: Reply | None, failure: Failure | None) -> Queried:
    """Return the reply: what says something of the name, what does not, and the packets of both."""
    kept: list[DnsAnswer] = []
    aside: list[DnsAnswer] = []
    refused: Failure | None = None
    for one in asking.heard:
        asking.packets.append(_packet(one, asking.step.name))
        answer = one.reply.answer
        if answer is None:
            refused = refused or of_icmp(one.reply.refused)
            continue
        first = asking.asked[one.server]
        timed = _timed(answer, (one.at - first) * 1000.0, one.server)
        useless = (answer.tc and tcp is not None) or _refuses_form(answer) or _says_nothing(answer)
        (aside if useless else kept).append(timed)
    if tcp is not None and tcp.answer is not None:
        kept.append(_timed(tcp.answer, tcp.after * 2000.0, asking.tcp_server))
    answered = {one.server for one in asking.heard if one.reply.answer is not None}
    tried = len(asking.given_up | set(asking.asked))
    asking.packets.sort(key=lambda packet: packet.t_us)
    home = asking.home
    home.gate.received(sum(packet.length + _HEADERS for packet in asking.packets if packet.direction is Direction.IN))
    return Queried(
        at=at,
        elapsed_ms=seconds * 1000.0,
        answers=tuple(kept),
        set_aside=tuple(aside),
        silent_resolvers=tried - len(answered) if kept or aside else 0,
        questions=asking.copies,
        packets=first_ten(asking.packets),
        failure=None if kept else failure or refused or asking.failure,
        server=_who(asking, kept or aside),
        known=tuple(one.address for one in lookups.handed(home)),
    )


def _who(asking: _Asking, answers: list[DnsAnswer]) -> str:
    """Return who answered first, or else who was asked first."""
    place = answers[0].server if answers else 0
    return asking.servers[place].address if place < len(asking.servers) else ""


def _timed(answer: DnsAnswer, rtt_ms: float, server: int) -> DnsAnswer:
    return msgspec.structs.replace(answer, rtt_ms=rtt_ms, server=server)


def _packet(one: Heard, name: str) -> Packet:
    answer = one.reply.answer
    if answer is None:
        return icmp(one.at, one.reply.refused, one.reply.hop, 60)
    size = 12 + len(name) + 6 + sum(28 if ":" in each else 16 for each in answer.addresses) + (11 if answer.edns else 0)
    # A digest of what differs from answer to answer.
    drawn = number(answer.addresses, answer.rcode, answer.ip_id, answer.ttl)
    return Packet(
        t_us=int(one.at * 1e6), direction=Direction.IN, protocol="udp", ttl=answer.ttl, ip_id=answer.ip_id,
        df=not answer.cut, length=size, sha256="" if answer.cut else f"{drawn:016x}",
    )  # fmt: skip


def _role(step: Query) -> str:
    return {Resolver.PUBLIC: "public", Resolver.SILENT: "silent"}.get(step.resolver, "provider")


def _refuses_form(answer: DnsAnswer) -> bool:
    """RFC 6891 6.2.2 and 7: a refusal of EDNS says nothing of the name."""
    return answer.way is Way.EDNS and (answer.rcode in _FORM or (answer.rcode == lookups.SERVFAIL and not answer.edns))


def _says_nothing(answer: DnsAnswer) -> bool:
    return answer.cut or (answer.tc and not answer.addresses)


def _is_usable(one: Heard) -> bool:
    return one.reply.answer is not None and not _refuses_form(one.reply.answer)


def _is_whole(one: Heard) -> bool:
    answer = one.reply.answer
    return answer is not None and not (answer.tc or answer.cut or _refuses_form(answer))
