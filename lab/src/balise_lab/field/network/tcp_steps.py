"""The steps over TCP: connect, send, receive, handshake, inject and close, as they end in the model.

Lives here: from a step to its reply and the time it takes. Must not live here: segments (connections.py), who answers
(answering.py).
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Handshake,
    Inject,
    Injected,
    Receive,
    Received,
    Reply,
    Secured,
    Send,
    Sent,
)
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.task import Steps, Wait
from balise_lab.field.network import answering, handshakes, proxying
from balise_lab.field.network.capture import Capture
from balise_lab.field.network.certificates import Chain
from balise_lab.field.network.connections import DATA, RESET, Connection
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.passing import Fate
from balise_lab.field.network.reading import Shown, is_hello, is_whole, shown
from balise_wire.experiments.vpn import TCP_PORTS
from balise_wire.failures import Failure

Operation = Steps[Reply]
LATE: Final = 0.3
"""Seconds for which the agent listens on after a failure (net/tcp.py); a time-out has listened long enough."""
_HEADERS: Final = 400
_HELLO: Final = 517
_FINISHED: Final = 80
_CRYPTO: Final = 0.006
_SENDINGS: Final = (0.0, 1.0, 3.0, 7.0, 15.0)
"""When a kernel sends its SYN (Linux: RTO 1 s, doubled)."""
_LATE_BYTES: Final = 16_384
_TLS_RECORD: Final = b"\x16\x03"
_ALERT: Final = b"\x15\x03"


def connect(home: HomeNetwork, step: Connect, keep: Callable[[Connection], int]) -> Operation:
    """Carry out a Connect."""
    while (pause := home.gate.pause(step.address, 1)) > 0.0:
        yield Wait(within=pause)
    home.gate.allow(step.address, step.port, _HEADERS)
    if home.now.line.eagain:
        raise LinkUnusable("the kernel's sending queue stays full")
    at, address = home.clock.now(), step.address
    there = home.way(address)
    near = home.syn_way(step.port, there)
    capture = Capture(home.chance, near.ttl, v6=":" in address)
    for sending in _SENDINGS:
        if sending >= step.timeout:
            break
        fate = home.fate(address, step.port, there)
        if fate is not None and fate.word == "no_route":
            yield Wait(within=LATE)
            return Failed(at=at, elapsed_ms=0.1, failure=Failure.NETWORK_UNREACHABLE)
        capture.sent(sending, "S", window=step.window or (64_800 if ":" in address else 64_240))
        if fate is None and not home.lost() and sending + near.seconds < step.timeout:
            server = home.end_of(address, step.port)
            if server is None:
                break
            connection = Connection(home, address, step.port, server, there, window=step.window)
            connection.capture = capture
            took = sending + near.seconds
            capture.heard(took, "SA", 0, 1, window=65_160)
            capture.sent(took, "A", 1, 1)
            handle = keep(connection)
            yield Wait(within=took)
            return Connected(at=at, elapsed_ms=took * 1000.0, handle=handle)
        if fate is not None and fate.after and sending + fate.after < step.timeout:
            took = sending + fate.after
            word = _refused(capture, fate, took)
            yield Wait(within=took + LATE)
            detail = f"icmp {fate.code}" if fate.code else ""
            packets = capture.until(took + LATE)
            return Failed(at=at, elapsed_ms=took * 1000.0, failure=word, packets=packets, detail=detail)
    yield Wait(within=step.timeout)
    packets = capture.until(step.timeout)
    return Failed(at=at, elapsed_ms=step.timeout * 1000.0, failure=Failure.GENERIC_TIMEOUT, packets=packets)


def _refused(capture: Capture, fate: Fate, seconds: float) -> Failure:
    """Record an answer to a SYN that is no SYN-ACK and name it."""
    if fate.word == "icmp":
        capture.error(seconds, fate.code, fate.hop, fate.ttl)
        return of_icmp(fate.code)
    if fate.look is not None:
        for copy in range(fate.look.copies):
            capture.forged(seconds + 5e-5 * copy, fate.look, "RA", 0, 1)
    else:
        capture.heard(seconds, "RA", 0, 1)
    return Failure.CONNECTION_REFUSED


def of_icmp(code: str) -> Failure:
    """Name what a kernel's caller hears of an ICMP error."""
    if code in {"3/9", "3/10", "3/13", "1/1"}:
        return Failure.ICMP_ADMIN_PROHIBITED
    if code in {"3/0", "1/0"}:
        return Failure.NETWORK_UNREACHABLE
    return Failure.CONNECTION_REFUSED if code in {"3/2", "3/3", "1/4"} else Failure.HOST_UNREACHABLE


def _passes(connection: Connection) -> bool:
    """Whether the line still carries the packets of a connection that stands."""
    home = connection.home
    return home.fate(connection.address, connection.port, connection.way, stands=True) is None


def answer_of(connection: Connection, said: Shown, *, old: bool = False) -> answering.Answer:
    """Return what comes back to what is said on a connection that stands."""
    if not _passes(connection):
        return answering.SILENCE
    if connection.tls:
        return answering.page(connection.home, connection.server, connection.way, said)
    connection.name = said.name
    home, server, onward = connection.home, connection.server, connection.onward
    beyond = None if onward is None else partial(proxying.behind, onward, connection.way, said)
    return answering.answer(home, server, connection.port, connection.way, said, old=old, beyond=beyond)


def _of_proxy(connection: Connection, data: bytes) -> answering.Answer:
    """Return what a proxy answers to who asks it for a connection."""
    if not _passes(connection):
        return answering.SILENCE
    told, connection.onward = proxying.asked(connection.home, connection.server, connection.way, data)
    return told


def _of_relay(connection: Connection, data: bytes, to: tuple[str, int]) -> answering.Answer:
    """Return what comes back from behind a relay, to which nothing is said but what its server is to read."""
    onward = proxying.handed_on(connection.home, connection.server, to)
    if onward is None or not _passes(connection):
        return answering.SILENCE
    if not is_hello(data):
        return proxying.chat(onward, connection.way, data)
    connection.onward = onward
    return _of_bytes(connection, data)


def _of_bytes(connection: Connection, data: bytes) -> answering.Answer:
    """Return what comes back to bytes: nothing to a part of a hello, whoever reads it."""
    if not connection.hello and (connection.tls or not is_hello(data)):
        return answer_of(connection, shown(data))
    connection.hello = (*connection.hello, data)
    whole = b"".join(connection.hello)
    if not is_whole(whole):
        return answering.Answer() if _passes(connection) else answering.SILENCE
    said = shown(whole)._replace(segments=len(connection.hello))
    connection.hello = ()
    return answer_of(connection, said)


def _told(connection: Connection, data: bytes) -> answering.Answer:
    """Return what comes back to bytes in clear, or to what only a server can read."""
    host = connection.server.host
    if host.proxy and connection.onward is None and connection.port in host.relays:
        return _of_relay(connection, data, host.relays[connection.port])
    if host.proxy and connection.onward is None:
        return _of_proxy(connection, data)
    if connection.server.echo is not None and connection.port in TCP_PORTS:
        return handshakes.answer(connection, data) if _passes(connection) else answering.SILENCE
    return _of_bytes(connection, data)


def send(connection: Connection, step: Send) -> Operation:
    """Carry out a Send."""
    yield from ()
    home = connection.home
    home.gate.allow(connection.address, connection.port, len(step.data))
    digest = hashlib.sha256(step.data).hexdigest()[:16]
    connection.sends(len(step.data), digest, _told(connection, step.data))
    return Sent(at=home.clock.now(), elapsed_ms=0.1)


def receive(connection: Connection, step: Receive) -> Operation:
    """Carry out a Receive."""
    at, began = connection.home.clock.now(), connection.elapsed
    deadline = began + step.timeout
    data = bytearray()
    first: float | None = None
    last = began
    queue = connection.queue
    marks = [mark for mark in (step.until, step.or_until) if mark]
    while queue and queue[0].at <= deadline:
        one = queue[0]
        moment = max(began, one.at)
        if step.patience:
            deadline = min(max(deadline, moment + step.timeout), began + step.patience)
        if one.what == RESET:
            yield Wait(within=max(0.0, moment - connection.elapsed) + LATE)
            return failure(connection, at, moment - began, Failure.CONNECTION_RESET, bytes(data))
        if one.what != DATA:
            queue.popleft()
            yield Wait(within=moment - began)
            return _received(at, began, moment, bytes(data), first, last, eof=True)
        queue.popleft()
        first, last = moment if first is None else first, moment
        before = len(data)
        data += one.data
        end = _wanted(data, before, step.most, marks)
        connection.takes((len(data) if end is None else end) - before, moment)
        if end is not None:
            rest = bytes(data[end:])
            del data[end:]
            if rest:
                queue.appendleft(one._replace(at=moment, data=rest))
            connection.unread = any(left.what == DATA for left in queue)
            yield Wait(within=moment - began)
            return _received(at, began, moment, bytes(data), first, last)
    yield Wait(within=deadline - began)
    return failure(connection, at, deadline - began, Failure.GENERIC_TIMEOUT, bytes(data))


def _wanted(data: bytearray, before: int, most: int, marks: list[bytes]) -> int | None:
    """Return where a read ends, or ``None`` where it goes on."""
    ends = []
    for mark in marks:
        found = data.find(mark, max(0, before - len(mark)))
        if found >= 0:
            ends.append(found + len(mark))
    if ends:
        return min(*ends, most)
    return most if len(data) >= most else None


def _received(
    at: float, began: float, moment: float, data: bytes, first: float | None, last: float, *, eof: bool = False
) -> Received:
    return Received(
        at=at,
        elapsed_ms=(moment - began) * 1000.0,
        data=data,
        eof=eof,
        first_byte_ms=None if first is None else (first - began) * 1000.0,
        body_ms=None if first is None else (last - first) * 1000.0,
    )


def failure(
    connection: Connection, at: float, seconds: float, word: Failure, data: bytes = b"", detail: str = ""
) -> Failed:
    """Return a failure; the connection is closed by it."""
    connection.hang_up()
    late = 0.0 if word is Failure.GENERIC_TIMEOUT else LATE
    idle_ms = connection.idle_ms
    return Failed(
        at=at,
        elapsed_ms=seconds * 1000.0,
        failure=word,
        data=data,
        packets=connection.capture.until(connection.elapsed),
        detail=detail,
        arrived=connection.read,
        idle_ms=None if idle_ms is None else max(0.0, idle_ms - late * 1000.0),
    )


def handshake(connection: Connection, step: Handshake) -> Operation:
    """Carry out a Handshake."""
    home, began = connection.home, connection.elapsed
    at = home.clock.now()
    home.gate.allow(connection.address, connection.port, _HELLO)
    answer = answer_of(connection, Shown("tls", step.sni), old=step.old)
    connection.sends(_HELLO, f"{home.chance.getrandbits(64):016x}", answer)
    heard = bytearray()
    moment, deadline = began, began + step.timeout
    while connection.queue and connection.queue[0].at <= deadline:
        one = connection.queue.popleft()
        moment = max(moment, one.at)
        if one.what != DATA:
            word = Failure.CONNECTION_RESET if one.what == RESET else Failure.EOF
            yield Wait(within=moment - began + LATE)
            return failure(connection, at, moment - began, word, bytes(heard[:4096]))
        heard += one.data
        connection.takes(len(one.data), moment)
        if answer.chain is not None and len(heard) >= _size(answer):
            took = moment - began + _CRYPTO
            _finish(connection, began + took, answer.chain)
            yield Wait(within=took)
            return Secured(
                at=at,
                elapsed_ms=took * 1000.0,
                version="TLSv1" if connection.server.host.tls == "old" else "TLSv1.3",
                alpn=step.alpn[0] if step.alpn else "",
                chain=answer.chain.certificates,
                verify_failure=answer.chain.convinces(step.sni, home.clock.now(), step.authorities),
                bytes_received=len(heard),
            )
        if not heard.startswith(_TLS_RECORD):
            word, detail = _complaint(bytes(heard))
            yield Wait(within=moment - began + LATE)
            return failure(connection, at, moment - began, word, bytes(heard[:4096]), detail)
    yield Wait(within=step.timeout)
    return failure(connection, at, step.timeout, Failure.GENERIC_TIMEOUT, bytes(heard[:4096]))


def _finish(connection: Connection, at: float, chain: Chain) -> None:
    """Send our Finished: from here on nobody reads what is said."""
    connection.capture.sent(at, "PA", connection.out, connection.expected, length=_FINISHED)
    connection.out += _FINISHED
    connection.tls, connection.chain = True, chain
    connection.queue.clear()
    connection.unread = True


def _size(answer: answering.Answer) -> int:
    return sum(len(one.data) for one in answer.arrivals if one.look is None)


def _complaint(heard: bytes) -> tuple[Failure, str]:
    if heard.startswith(_ALERT) and len(heard) > 6:
        return Failure.TLS_ALERT, f"alert {heard[6]}"
    return Failure.TLS_MALFORMED, "wrong_version_number"


def inject(connection: Connection, step: Inject) -> Operation:
    """Carry out an Inject: the copy dies at its hop, whose router says so; boxes before it have read it."""
    at, began = connection.home.clock.now(), connection.elapsed
    dies = step.ttl < connection.way.hops
    before = len(connection.capture.packets)
    connection.capture.sent(began, "PA", connection.out, connection.expected, length=len(step.payload))
    if dies:
        hop = connection.home.hop(step.ttl, v6=connection.capture.v6)
        seconds = connection.way.seconds * step.ttl / connection.way.hops
        connection.capture.error(began + seconds, "3/0" if connection.capture.v6 else "11/0", hop, 255 - step.ttl)
    yield Wait(within=step.window)
    packets = tuple(connection.capture.packets[before:])
    return Injected(at=at, elapsed_ms=step.window * 1000.0, packets=packets)


def close(connection: Connection, step: Close) -> Operation:
    """Carry out a Close."""
    at, idle_ms = connection.home.clock.now(), connection.idle_ms
    data = b""
    if step.linger > 0.0:
        yield Wait(within=step.linger)
        data = b"" if connection.gone else connection.read_on(_LATE_BYTES)
    connection.hang_up()
    return Closed(
        at=at,
        elapsed_ms=step.linger * 1000.0,
        packets=connection.capture.until(connection.elapsed),
        arrived=connection.read,
        idle_ms=idle_ms,
        data=data,
    )


def gone(home: HomeNetwork) -> Operation:
    """Answer a step on a connection that already failed."""
    yield from ()
    return Failed(
        at=home.clock.now(),
        elapsed_ms=0.0,
        failure=Failure.CONNECTION_ABORTED,
        detail="closed by an earlier failure",
    )
