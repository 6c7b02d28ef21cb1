"""One TLS greeting over kernel TCP: connect, send a hello, wait for any byte, listen a little longer.

Lives here: what ``tls`` and ``clienthello`` do alike, and what the first bytes back are. Must not live here: the bytes
of the hello (codec/clienthello.py), which of them is sent when (the plans), or what a failure means.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Receive,
    Received,
    Reply,
    Send,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, expect
from balise_wire.evidence import Direction, Packet
from balise_wire.failures import Failure

LINGER: Final = 0.3
"""Seconds of listening after the outcome: a forged RST can lose the race and still be evidence."""
WINDOW: Final = 1_460
"""Bytes that the server may send before it is read: one segment of its flight, which as a whole is 3 to 6 KB. The same
for every arm."""
FIRST_BYTES: Final = 7
"""Enough for a record header and the handshake type or the alert, and never more than a whole alert record."""


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a hello on a connection that stood."""

    at: float
    connect_ms: float
    elapsed_ms: float
    failure: Failure | None
    """None as soon as TLS bytes came back, whatever followed them."""
    data: bytes
    """The first bytes back, at most ``FIRST_BYTES``."""
    late: bytes
    """What came behind them while it was listened to."""
    record: str
    """As ``first_record`` names it."""
    packets: tuple[Packet, ...]
    flood: int
    arrived: int | None


def greet(task: Task, at: Endpoint, pieces: Sequence[bytes]) -> Generator[Step, Reply, Greeting | Failed]:
    """Return what came of a hello, or the ``Failed`` of a connection that never stood.

    The wait is the task's answer time-out in full: it must hold two retransmissions of the hello, or ordinary loss
    reads like a drop.

    Args:
        task: time-outs.
        at: where.
        pieces: of the hello; each leaves in a segment of its own.
    """
    connected = yield Connect(address=at.host, port=at.port, timeout=task.timeouts.connect, window=WINDOW)
    if isinstance(connected, Failed):
        return connected
    handle = expect(Connected, connected).handle
    elapsed_ms = connected.elapsed_ms
    answer: Reply = connected
    for piece in pieces:
        answer = yield Send(handle=handle, data=piece)
        elapsed_ms += answer.elapsed_ms
        if isinstance(answer, Failed):
            break
    if not isinstance(answer, Failed):
        answer = yield Receive(handle=handle, most=FIRST_BYTES, timeout=task.timeouts.answer)
        elapsed_ms += answer.elapsed_ms
    ended: Closed | Failed
    if isinstance(answer, Failed):
        data, failure, ended = answer.data, answer.failure, answer
    else:
        received = expect(Received, answer)
        data, failure = received.data, Failure.EOF if received.eof else Failure.GENERIC_TIMEOUT
        closed = yield Close(handle=handle, linger=LINGER)
        ended = closed if isinstance(closed, Failed) else expect(Closed, closed)
    record = first_record(data)
    return Greeting(
        at=connected.at,
        connect_ms=connected.elapsed_ms,
        elapsed_ms=elapsed_ms,
        failure=outcome(data, record, failure),
        data=data,
        late=b"" if isinstance(ended, Failed) else ended.data,
        record=record,
        packets=ended.packets,
        flood=ended.flood,
        arrived=ended.arrived,
    )


def segments(packets: Iterable[Packet]) -> int:
    """Return in how many segments of ours the first data left, sent again or not: by their sequence numbers."""
    return len({one.seq for one in packets if one.direction is Direction.OUT and one.length})


def outcome(data: bytes, record: str, failure: Failure) -> Failure | None:
    """Return a greeting's failure: none as soon as TLS bytes came back, whatever followed them."""
    if not data:
        return failure
    return Failure.TLS_MALFORMED if record == "other" else None


def first_record(data: bytes) -> str:
    """Name the first TLS record: ``server_hello``, ``alert:<n>`` (RFC 8446 B.1, B.2), ``other``, or empty."""
    if not data:
        return ""
    is_tls = len(data) < 2 or data[1] == 3
    if is_tls and data[0] == 0x16 and (len(data) < 6 or data[5] == 2):
        return "server_hello"
    if is_tls and data[0] == 0x15:
        return f"alert:{data[6]}" if len(data) >= FIRST_BYTES else "alert:"
    return "other"
