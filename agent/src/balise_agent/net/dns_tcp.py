"""A DNS question over TCP (RFC 7766): what follows on an answer that UDP did not carry whole.

Lives here: one connection, one question, one answer, with the capture of both. Must not live here: when to ask so
(net/udp.py), the messages (codec/dns.py).
"""

import errno
import os
import socket
from collections.abc import Generator
from typing import Final, NamedTuple

from balise_agent.codec import dns
from balise_agent.codec.dissect import Captured, dissect
from balise_agent.codec.packets import TCP
from balise_agent.experiments.steps import Query
from balise_agent.net.classify import failure_of
from balise_agent.net.context import NetworkContext, packed, settle
from balise_agent.net.kernel import bound_socket
from balise_agent.net.routes import sockaddr
from balise_agent.net.share import CONNECTION, WINDOW, Share
from balise_agent.system.reactor import READ, WRITE
from balise_agent.system.task import Wait
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.failures import Failure
from balise_wire.words import Way

_COST: Final = 400
"""Headers of a short connection, both ways."""
_LENGTH: Final = 2
_MOST: Final = 65_535
"""Bytes of one message: its length has two bytes (RFC 1035 4.2.2)."""


class TcpAnswer(NamedTuple):
    """What came of it: an answer or a failure, and the packets."""

    answer: DnsAnswer | None
    failure: Failure | None
    captured: tuple[Captured, ...]
    flood: int = 0


def ask_over_tcp(
    context: NetworkContext, step: Query, server: str, *, local: bool, edns: bool
) -> Generator[Wait, bool, TcpAnswer]:
    """Ask one server; the whole has the step's time-out once more (LinkUnusable for a failure of this machine's)."""
    identifier = context.packet_ids.below(1 << 16)
    message = dns.query(identifier, step.name, step.qtype, edns=edns, unchecked=step.unchecked)
    context.gate.allow(server, 53, len(message) + _COST, local=local)
    sock, port = bound_socket(context, server, socket.SOCK_STREAM)
    flow = context.tap.open(TCP, port, packed(server), 53, share=Share(CONNECTION + _MOST, WINDOW))
    flow.share.paid += len(message) + _COST
    began = context.clock.monotonic()
    data, failure = b"", None
    try:
        data = yield from _talk(sock, server, message, began + step.timeout)
    except OSError as error:
        failure = failure_of(error)
    else:
        failure = None if dns.answers_to(identifier, data) else Failure.EOF
    finally:
        elapsed_ms = (context.clock.monotonic() - began) * 1000.0
        context.tap.drain()
        settle(context, flow.share)
        context.tap.forget(flow)
        sock.close()
        context.kernel_ports.give(port)
    if failure is not None:
        return TcpAnswer(None, failure, tuple(flow.captured), flow.share.flood)
    rtt_ms, ttl, ip_id = _marks(flow.captured, elapsed_ms)
    answer = dns.read_answer(data, step.name, step.qtype, rtt_ms=rtt_ms, ttl=ttl, ip_id=ip_id, way=Way.TCP)
    return TcpAnswer(answer, None, tuple(flow.captured), flow.share.flood)


def _talk(sock: socket.socket, server: str, message: bytes, deadline: float) -> Generator[Wait, bool, bytes]:
    """Return the one message that comes back, or what came of it before the end of the stream (OSError)."""
    code = sock.connect_ex(sockaddr(server, 53))
    if code == errno.EINPROGRESS:
        ready = yield Wait(deadline, sock, WRITE)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else errno.ETIMEDOUT
    if code:
        raise OSError(code, os.strerror(code))
    sock.send(len(message).to_bytes(_LENGTH, "big") + message)
    data = b""
    while len(data) < _LENGTH or len(data) < _LENGTH + int.from_bytes(data[:_LENGTH], "big"):
        try:
            more = sock.recv(_MOST)
        except BlockingIOError:
            if not (yield Wait(deadline, sock, READ)):
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            continue
        if not more:
            break
        data += more
    return data[_LENGTH : _LENGTH + int.from_bytes(data[:_LENGTH], "big")]


def _marks(captured: list[Captured], elapsed_ms: float) -> tuple[float, int, int]:
    """Return round-trip time, TTL and IP-ID of the first packet that brought data; the clock's time where none is."""
    first_out = next((packet.t_ns for packet in captured if packet.out), None)
    for packet in captured:
        read = None if packet.out else dissect(packet.data)
        if read is not None and read.payload and first_out is not None:
            return (packet.t_ns - first_out) / 1e6, read.ttl, read.ip_id
    return elapsed_ms, 0, 0
