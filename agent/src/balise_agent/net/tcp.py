"""Kernel TCP, non-blocking, with the capture on its 4-tuple from before the SYN.

Lives here: carrying out Connect, Send, Receive and Close on a connection, in clear or through its TLS layer. Every
failure becomes a reply with what had arrived and the capture. Must not live here: sockets' details
(net/connection.py), names for failures (net/classify.py), the TLS handshake (net/tls.py).
"""

import errno
import os
import socket
import ssl
from collections.abc import Callable, Generator
from typing import Final

import msgspec

from balise_agent.codec.packets import TCP
from balise_agent.experiments.steps import Close, Closed, Connect, Connected, Failed, Receive, Received, Send, Sent
from balise_agent.net.classify import SOFT, detail_of, failure_of, tls_failure
from balise_agent.net.connection import Connection
from balise_agent.net.context import NetworkContext, Stopwatch, ask, packed, take_turn
from balise_agent.net.kernel import bound_socket
from balise_agent.net.operation import Operation
from balise_agent.net.share import CONNECTION, WINDOW, Share
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.reactor import READ, WRITE
from balise_agent.system.task import Wait
from balise_wire.failures import Failure

LATE: Final = 0.3
"""Real seconds for which a failed connection is still listened to: what the real server had sent when an injected RST
overtook it (detectors.md 2.3) arrives within a round trip."""
_LATE_BYTES: Final = 16_384
"""Most that is read of what nobody asked for: a server's first flight."""
_SEND_PATIENCE: Final = 8.0
_HEADERS: Final = 400
"""Bytes that a connection's headers cost, counted once."""
_LOOKED_THROUGH: Final = 4_096
"""Bytes read at once while an ending is looked for."""
_PORTS_TRIED: Final = 8
_READS_A_TURN: Final = 4
"""Reads of the socket, of 64 KB each, before other plans get their turn."""


def connect(context: NetworkContext, step: Connect, keep: Callable[[Connection], int]) -> Operation:
    """Carry out a Connect; ``keep`` files the connection and returns its handle."""
    yield from take_turn(context, step.address, 1)
    context.gate.allow(step.address, step.port, _HEADERS)
    watch = Stopwatch(context.clock)
    connection, error = _call(context, step)
    connection.flow.share.paid += _HEADERS
    handle = keep(connection)
    if error == errno.EINPROGRESS:
        ready = yield Wait(watch.began + step.timeout, connection.sock, WRITE)
        error = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else errno.ETIMEDOUT
    if error:
        return (yield from failed(connection, watch, OSError(error, os.strerror(error))))
    return Connected(at=watch.at, elapsed_ms=watch.elapsed_ms(), handle=handle, source_port=connection.port)


def _call(context: NetworkContext, step: Connect) -> tuple[Connection, int]:
    """Send the SYN, from another port where the kernel still remembers this very 4-tuple (TIME_WAIT; LinkUnusable)."""
    for _ in range(_PORTS_TRIED - 1):
        connection = _open(context, step)
        error = connection.sock.connect_ex((step.address, step.port))
        if error != errno.EADDRNOTAVAIL:
            return connection, error
        connection.forget()
        step = msgspec.structs.replace(step, source_port=0)
    connection = _open(context, step)
    error = connection.sock.connect_ex((step.address, step.port))
    if error == errno.EADDRNOTAVAIL and ":" not in step.address:  # in IPv6 it means that there is no global address
        connection.forget()
        raise LinkUnusable(f"{_PORTS_TRIED} source ports in a row are still remembered by the kernel")
    return connection, error


def _open(context: NetworkContext, step: Connect) -> Connection:
    """Bind a socket and set the tap on its 4-tuple; nothing has been sent."""
    sock, port = bound_socket(context, step.address, socket.SOCK_STREAM, step.source_port)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if step.window:
        # Before the SYN: a window that was offered cannot be taken back. The clamp alone would reopen with each ACK.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, step.window)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, step.window)
    flow = context.tap.open(TCP, port, packed(step.address), step.port, share=Share(CONNECTION, WINDOW))
    flow.secret = step.secret
    connection = Connection(context, sock, port, flow, step.address, step.port)
    connection.secret = step.secret
    return connection


def send(connection: Connection, step: Send) -> Operation:
    """Carry out a Send."""
    context = connection.context
    watch = Stopwatch(context.clock)
    if not connection.is_open:
        return gone(connection, watch)
    data = step.data
    try:
        if connection.tls is not None:
            connection.tls.write(data)
            data = connection.outgoing.read()
        ask(context, connection.flow.share, connection.address, connection.remote_port, len(data))
        yield from write_all(connection, data, watch.began + _SEND_PATIENCE)
    except (OSError, ssl.SSLError) as error:
        return (yield from failed(connection, watch, error))
    return Sent(at=watch.at, elapsed_ms=watch.elapsed_ms())


def write_all(connection: Connection, data: bytes, deadline: float) -> Generator[Wait, bool, None]:
    """Hand all bytes to the kernel before ``deadline`` (OSError; TimeoutError when the peer takes no more)."""
    view = memoryview(data)
    while True:
        view = view[connection.write_some(view) :]
        if not view:
            return
        if not (yield Wait(deadline, connection.sock, WRITE)):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def receive(connection: Connection, step: Receive) -> Operation:
    """Carry out a Receive."""
    clock = connection.context.clock
    watch = Stopwatch(clock)
    if not connection.is_open:
        return gone(connection, watch)
    data = bytearray()
    fresh = 0
    first = last = 0.0
    eof = False
    deadline = watch.began + step.timeout
    try:
        while not eof and not _complete(data, fresh, step):
            if connection.overrun:
                error = OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
                return (yield from failed(connection, watch, error, bytes(data), Failure.TOO_LARGE))
            # Looking for an ending, little is read at once: what comes behind it is not wanted yet, perhaps never.
            most = step.most - len(data)
            more = _read(connection, min(most, _LOOKED_THROUGH) if step.until else most)
            if more is None:
                # Asked again where data never stops coming: a stream without a byte for us must not outlast the time.
                if step.patience and connection.last_in is not None:
                    # A line that goes on bringing bytes is slow, not silent.
                    deadline = min(max(deadline, connection.last_in + step.timeout), watch.began + step.patience)
                if clock.monotonic() >= deadline or not (yield Wait(deadline, connection.sock, READ)):
                    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
                continue
            last = clock.monotonic()
            first = first or last
            data += more
            fresh = len(more)
            connection.flow.share.expected += fresh
            eof = not more
    except (OSError, ssl.SSLError) as error:
        return (yield from failed(connection, watch, error, bytes(data)))
    return Received(
        at=watch.at,
        elapsed_ms=watch.elapsed_ms(),
        data=bytes(data),
        eof=eof,
        first_byte_ms=(first - watch.began) * 1000.0 if data else None,
        body_ms=(last - first) * 1000.0 if data else None,
    )


def _complete(data: bytearray, fresh: int, step: Receive) -> bool:
    """Tell whether a Receive has what it waits for; only the ``fresh`` last bytes are looked at, with their margin."""
    if len(data) >= step.most:
        return True
    return any(end and data.find(end, max(0, len(data) - fresh - len(end))) >= 0 for end in (step.until, step.or_until))


def _read(connection: Connection, most: int) -> bytes | None:
    """Read in clear or through TLS; ``None`` where nothing is there yet, empty at the end of the stream."""
    if connection.tls is None:
        return connection.read_some(most)
    for _ in range(_READS_A_TURN):
        try:
            data = connection.tls.read(most)
        except ssl.SSLWantReadError:
            more = connection.read_some()
            if more is None:
                return None
            if more:
                connection.incoming.write(more)
            else:
                connection.incoming.write_eof()
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        else:
            if connection.outgoing.pending:  # what TLS itself owes (a key update); a full queue drops it
                connection.write_some(connection.outgoing.read())
            return data
    return None


def close(connection: Connection, step: Close) -> Operation:
    """Carry out a Close: the capture listens ``linger`` seconds more, to the end of the stream and to late packets."""
    context = connection.context
    watch = Stopwatch(context.clock)
    try:
        idle_ms = connection.idle_ms()
        data = b""
        if step.linger > 0.0:
            yield Wait(watch.began + step.linger)
            data = connection.waiting(_LATE_BYTES) if connection.is_open else b""
        connection.hang_up(abort=step.abort)
        packets = connection.evidence()
    finally:
        connection.forget()
    return Closed(
        at=watch.at,
        elapsed_ms=watch.elapsed_ms(),
        packets=packets,
        flood=connection.flow.share.flood,
        arrived=connection.bytes_in + len(data),
        idle_ms=idle_ms,
        data=data,
    )


def failed(
    connection: Connection, watch: Stopwatch, error: OSError, data: bytes = b"", failure: Failure | None = None
) -> Operation:
    """Turn an error into the reply: close, listen for late packets, name the failure with the capture at hand.

    Raises:
        LinkUnusable: the error is this machine's own.
    """
    elapsed_ms, idle_ms = watch.elapsed_ms(), connection.idle_ms()
    connection.hang_up(abort=True)
    timed_out = error.errno == errno.ETIMEDOUT and not isinstance(error, ssl.SSLError)
    if not timed_out:
        yield Wait(connection.context.clock.monotonic() + LATE)
    connection.forget()
    packets = connection.evidence()
    if isinstance(error, ssl.SSLError):
        failure, detail = tls_failure(error)
    else:
        failure = failure or failure_of(error, packets)
        about_us = not connection.injected and (timed_out or error.errno in SOFT)
        detail = detail_of(packets) if about_us else ""
    return Failed(
        at=watch.at,
        elapsed_ms=elapsed_ms,
        failure=failure,
        data=data,
        packets=packets,
        detail=detail,
        flood=connection.flow.share.flood,
        arrived=connection.bytes_in,
        idle_ms=idle_ms,
    )


def gone(connection: Connection, watch: Stopwatch) -> Failed:
    """The reply to a step on a connection that already failed."""
    return Failed(
        at=watch.at,
        elapsed_ms=watch.elapsed_ms(),
        failure=Failure.CONNECTION_ABORTED,
        packets=connection.evidence(),
        detail="closed by an earlier failure",
    )
