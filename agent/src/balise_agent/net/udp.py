"""One DNS question over UDP, and every answer to it.

Lives here: carrying out ``Query``. The question leaves from a fresh port of a connected kernel socket; the answers are
taken from the tap alone, which knows their TTL, IP-ID and arrival, so the socket is never read: it only keeps the port
from answering "unreachable". Must not live here: the messages (codec/dns.py), which resolver is right.
"""

import socket
from typing import Final

from balise_agent.codec import dns
from balise_agent.codec.dissect import Captured, dissect
from balise_agent.codec.packets import UDP
from balise_agent.net.classify import failure_of
from balise_agent.net.errors import LinkUnusable
from balise_agent.net.ground import Ground, Stopwatch, packed
from balise_agent.net.kernel import bound_socket
from balise_agent.net.tap import Flow
from balise_agent.net.wait import Operation, Signal, Wait
from balise_agent.steps import Queried, Query
from balise_wire.failures import Failure
from balise_wire.observations import DnsAnswer
from balise_wire.words import Resolver

_HEADERS: Final = 28
_MOST_ANSWERS: Final = 10
AGAIN: Final = (0.25, 0.5)
"""Shares of the time-out after which an unanswered question is sent again, from the same port with the same id.

At 5 % loss each way one datagram in ten comes to nothing; three in a row, one in a thousand. RFC 1123 6.1.3.3 asks for
retransmission; answers are timed from the first question, so a late one never looks early."""


class _Question:
    """One question on its way: what was heard so far."""

    def __init__(self, ground: Ground, step: Query) -> None:
        self.ground = ground
        self.step = step
        self.identifier = ground.chance.below(1 << 16)
        self.heard: list[Captured] = []
        self.refused: Failure | None = None
        self.signal = Signal()

    def hear(self, packet: Captured) -> None:
        """Take one packet of the flow: an answer, an ICMP error about the question, or nothing of interest."""
        if packet.out:
            return
        self.ground.gate.received(len(packet.data))
        found = dissect(packet.data)
        if found is None:
            return
        if found.icmp is not None:
            self.refused = self.refused or _icmp_failure(found.icmp)
            self.signal.fire()
        elif dns.answers_to(self.identifier, found.payload) and len(self.heard) < _MOST_ANSWERS:
            self.heard.append(packet)
            self.signal.fire()

    def answers(self, flow: Flow) -> tuple[DnsAnswer, ...]:
        """Read every answer, in the order in which the kernel heard them."""
        found: list[DnsAnswer] = []
        for packet in sorted(self.heard, key=lambda heard: heard.t_ns):
            read = dissect(packet.data)
            if read is not None:
                began = packet.t_ns if flow.first_out_ns is None else flow.first_out_ns
                rtt_ms = (packet.t_ns - began) / 1e6
                step = self.step
                answer = dns.read_answer(
                    read.payload, step.name, step.qtype, rtt_ms=rtt_ms, ttl=read.ttl, ip_id=read.ip_id
                )
                found.append(answer)
        return tuple(found)


def query(ground: Ground, step: Query) -> Operation:
    """Carry out a Query (LinkUnusable where no resolver is known)."""
    server, local = whom(ground, step)
    watch = Stopwatch(ground.clock)
    question = _Question(ground, step)
    message = dns.query(question.identifier, step.name, step.qtype)
    ground.gate.allow(server, 53, _HEADERS + len(message), local=local)
    sock, port = bound_socket(ground, server, socket.SOCK_DGRAM)
    flow = ground.tap.open(UDP, port, packed(server), 53, question.hear)
    try:
        failure: Failure | None = None
        asked = 0
        try:
            sock.connect((server, 53))
            for share in (*AGAIN, 1.0):
                if asked:
                    ground.gate.allow(server, 53, _HEADERS + len(message), local=local)
                sock.send(message)
                asked += 1
                yield Wait(watch.began + share * step.timeout, signal=question.signal)
                if question.heard or question.refused:
                    yield Wait(ground.clock.monotonic() + step.linger)
                    break
        except OSError as error:
            failure = failure_of(error)
        elapsed_ms = watch.elapsed_ms()
        ground.tap.drain()
        answers = question.answers(flow)
        if not answers:
            failure = failure or question.refused
        return Queried(
            at=watch.at,
            elapsed_ms=elapsed_ms,
            answers=answers,
            questions=max(asked, 1),
            packets=flow.evidence(),
            failure=failure,
        )
    finally:
        ground.tap.forget(flow)
        sock.close()
        ground.kernel_ports.give(port)


def whom(ground: Ground, step: Query) -> tuple[str, bool]:
    """Return the server to ask, and whether the network itself handed it to us (it may then be on the LAN)."""
    known = ground.resolvers.addresses()
    if step.server:
        return step.server, step.resolver is Resolver.PROVIDER and step.server in known
    if not known:
        raise LinkUnusable("no resolver is known: write nameserver lines to /etc/resolv.conf, or [network] resolvers")
    return known[0], True


def _icmp_failure(icmp: tuple[int, int]) -> Failure:
    """Name an ICMP error about a UDP packet; 3/3 and 1/4 are port unreachable (RFC 792, RFC 4443 3.1)."""
    if icmp in {(3, 3), (1, 4), (3, 2)}:
        return Failure.CONNECTION_REFUSED
    if icmp in {(3, 9), (3, 10), (3, 13), (1, 1)}:
        return Failure.ICMP_ADMIN_PROHIBITED
    if icmp in {(3, 0), (1, 0)}:
        return Failure.NETWORK_UNREACHABLE
    return Failure.HOST_UNREACHABLE
