"""What moves on a connection, read by read: carrying out ``Transfer``.

Lives here: the count of what arrives, or of what the peer's kernel acknowledges, in time; and what this kernel counts
of the connection (tcp_info). The socket is read as it fills, so that the times are the line's and not TLS records'.
Must not live here: what a rate is (experiments/throughput/rate.py), other steps (net/tcp.py).
"""

import errno
import fcntl
import os
import socket
import ssl
import struct
from typing import Final

from balise_agent.experiments.steps import Counted, Transfer, Transferred
from balise_agent.net.connection import Connection
from balise_agent.net.context import Stopwatch, ask
from balise_agent.net.operation import Operation
from balise_agent.net.tcp import failed, gone
from balise_agent.system.reactor import READ, WRITE
from balise_agent.system.task import Wait
from balise_wire.failures import Failure

_HEAD: Final = 4_096
_CHUNK: Final = 16_384
_TICK: Final = 0.05
"""Seconds between two looks at what the peer has acknowledged."""
_SIOCOUTQ: Final = 0x5411
_INFO: Final = 232
"""Bytes of tcp_info that are asked for (include/uapi/linux/tcp.h, 5.4 and later)."""
_RTT, _RCV_RTT, _RETRANS, _SEGMENTS_IN, _SEGMENTS_OUT, _OUT_OF_ORDER = 68, 92, 100, 152, 156, 224
"""Offsets of u32 fields: tcpi_rtt, tcpi_rcv_rtt (microseconds), tcpi_total_retrans, tcpi_data_segs_in, _out,
tcpi_rcv_ooopack."""


def transfer(connection: Connection, step: Transfer) -> Operation:
    """Carry out a Transfer."""
    context = connection.context
    watch = Stopwatch(context.clock)
    if not connection.is_open:
        return gone(connection, watch)
    try:
        data = _through_tls(connection, step.data)
        if data:
            ask(context, connection.flow.share, connection.address, connection.remote_port, len(data))
        if step.up:
            return (yield from _upload(connection, step, data, watch))
        return (yield from _download(connection, step, data, watch))
    except (OSError, ssl.SSLError) as error:
        return (yield from failed(connection, watch, error))


def _through_tls(connection: Connection, data: bytes) -> bytes:
    """Return bytes as they leave."""
    if connection.tls is None or not data:
        return data
    view = memoryview(data)
    while view:
        view = view[connection.tls.write(view[:_CHUNK]) :]
    return connection.outgoing.read()


def _download(connection: Connection, step: Transfer, data: bytes, watch: Stopwatch) -> Operation:
    """Send a request and count what comes."""
    clock = connection.context.clock
    arrivals: list[tuple[float, int]] = []
    head, moved, eof = bytearray(), 0, False
    deadline = watch.began + step.seconds
    last = watch.began
    rest = memoryview(data)
    connection.flow.share.expected += step.most
    while not eof and moved < step.most:
        if rest:
            rest = rest[connection.write_some(rest) :]
        if connection.overrun:
            error = OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            return (yield from failed(connection, watch, error, bytes(head), Failure.TOO_LARGE))
        more = connection.read_some(_CHUNK)
        if more is None:
            until = min(deadline, last + step.quiet)
            if clock.monotonic() >= until or not (yield Wait(until, connection.sock, READ | WRITE if rest else READ)):
                break
            continue
        last = clock.monotonic()
        eof = not more
        if more:
            moved += len(more)
            arrivals.append(((last - watch.began) * 1000.0, len(more)))
            eof = _take(connection, more, head)
    return Transferred(
        at=watch.at,
        elapsed_ms=watch.elapsed_ms(),
        arrivals=tuple(arrivals),
        head=bytes(head),
        eof=eof,
        quiet=not eof and moved < step.most and clock.monotonic() - last >= step.quiet,
        counted=_counted(connection.sock, up=False),
    )


def _take(connection: Connection, more: bytes, head: bytearray) -> bool:
    """Keep the beginning of what came, out of its TLS records; tell whether the stream ended in them (SSLError)."""
    if connection.tls is None:
        head += more[: _HEAD - len(head)]
        return False
    connection.incoming.write(more)
    while True:
        try:
            plain = connection.tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return True
        if not plain:
            return True
        head += plain[: _HEAD - len(head)]


def _upload(connection: Connection, step: Transfer, data: bytes, watch: Stopwatch) -> Operation:
    """Send all bytes and count what the peer's kernel has acknowledged of them."""
    clock = connection.context.clock
    deadline = watch.began + step.seconds
    arrivals: list[tuple[float, int]] = []
    rest, moved, last = memoryview(data), 0, watch.began
    while moved < len(data) and clock.monotonic() < deadline:
        if rest:
            rest = rest[connection.write_some(rest) :]
        yield Wait(min(deadline, clock.monotonic() + _TICK))
        acknowledged = max(moved, len(data) - len(rest) - _unacknowledged(connection.sock))
        now = clock.monotonic()
        if acknowledged > moved:
            arrivals.append(((now - watch.began) * 1000.0, acknowledged - moved))
            moved, last = acknowledged, now
        elif now - last >= step.quiet:
            break
        problem = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
    return Transferred(
        at=watch.at,
        elapsed_ms=watch.elapsed_ms(),
        arrivals=tuple(arrivals),
        quiet=moved < len(data) and clock.monotonic() - last >= step.quiet,
        counted=_counted(connection.sock, up=True),
    )


def _unacknowledged(sock: socket.socket) -> int:
    """Return the bytes in the send queue that no acknowledgement covers."""
    held: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), _SIOCOUTQ, bytes(4)))[0]
    return held


def _counted(sock: socket.socket, *, up: bool) -> Counted | None:
    """Return what the kernel counts; ``None`` where its record is shorter than ours."""
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
    except OSError:
        return None
    if len(raw) < _OUT_OF_ORDER + 4:
        return None
    segments = _u32(raw, _SEGMENTS_OUT if up else _SEGMENTS_IN)
    lost = _u32(raw, _RETRANS if up else _OUT_OF_ORDER)
    rtt = _u32(raw, _RTT if up else _RCV_RTT)
    return Counted(segments=segments, lost=min(lost, segments), rtt_ms=rtt / 1000.0 if rtt else None)


def _u32(raw: bytes, offset: int) -> int:
    found: int = struct.unpack_from("=I", raw, offset)[0]
    return found
