"""The step that counts what moves on a connection, as it ends in the model.

Lives here: from a ``Transfer`` to what arrived when, or was acknowledged when, and what the kernel would count of it.
Must not live here: the pace of a connection (connections.py), who answers (answering.py).
"""

import hashlib
import math
from typing import Final

from balise_agent.experiments.steps import Counted, Reply, Transfer, Transferred
from balise_agent.system.task import Steps, Wait
from balise_lab.field.network.answering import Answer
from balise_lab.field.network.connections import DATA, RESET, SEGMENT, Connection
from balise_lab.field.network.reading import shown
from balise_lab.field.network.tcp_steps import LATE, answer_of, failure
from balise_wire.failures import Failure

_HEAD: Final = 4_096
_TICK: Final = 0.05
_QUEUE: Final = 40_000
"""Bytes that wait before a shaper; a policer has no queue, and drops."""
_DROPS: Final = 0.06
"""Share of segments that a policer drops of a flow that keeps to its rate (Flach et al. 2016: most above 2 %)."""


def transfer(connection: Connection, step: Transfer) -> Steps[Reply]:
    """Carry out a Transfer."""
    home, began = connection.home, connection.elapsed
    at = home.clock.now()
    if step.data:
        connection.draw_pace()
        home.gate.allow(connection.address, connection.port, len(step.data))
        if step.up:
            return (yield from _upload(connection, step))
        digest = hashlib.sha256(step.data).hexdigest()[:16]
        found = _repeated(answer_of(connection, shown(step.data)), step.data.count(b"GET "))
        connection.sends(len(step.data), digest, found)
    deadline, last, moved = began + step.seconds, began, 0
    arrivals: list[tuple[float, int]] = []
    head, eof, queue = bytearray(), False, connection.queue
    while moved < step.most and not eof:
        until = min(deadline, last + step.quiet)
        if not queue or queue[0].at > until:
            yield Wait(within=max(0.0, until - connection.elapsed))
            break
        one = queue.popleft()
        moment = max(last, one.at)
        if one.what == RESET:
            yield Wait(within=max(0.0, moment - connection.elapsed) + LATE)
            return failure(connection, at, moment - began, Failure.CONNECTION_RESET, bytes(head))
        eof, last = one.what != DATA, moment
        if not eof:
            moved += len(one.data)
            head += one.data[: _HEAD - len(head)]
            arrivals.append(((moment - began) * 1000.0, len(one.data)))
            connection.takes(len(one.data), moment)
    yield Wait(within=max(0.0, last - connection.elapsed))
    connection.unread = any(left.what == DATA for left in queue)
    return Transferred(
        at=at,
        elapsed_ms=(connection.elapsed - began) * 1000.0,
        arrivals=tuple(arrivals),
        head=bytes(head),
        eof=eof,
        quiet=not eof and moved < step.most and connection.elapsed - last >= step.quiet - 1e-6,
        counted=_counted(connection, connection.received, up=False),
    )


def _repeated(found: Answer, times: int) -> Answer:
    """Return the answers to several requests in a row."""
    if times < 2:
        return found
    return found._replace(arrivals=tuple(one._replace(data=one.data * times) for one in found.arrivals))


def _upload(connection: Connection, step: Transfer) -> Steps[Reply]:
    """Let bytes leave at the pace of the way up."""
    at, began = connection.home.clock.now(), connection.elapsed
    rate, size = connection.pace(up=True), len(step.data)
    digest = hashlib.sha256(step.data).hexdigest()[:16]
    silent = not answer_of(connection, shown(step.data)).heard
    connection.capture.sent(began, "PA", connection.out, connection.expected, length=SEGMENT, sha256=digest)
    connection.out += size
    lasts = min(step.seconds, step.quiet if silent else connection.way.seconds + size / rate)
    moved = 0 if silent else min(size, int(max(0.0, lasts - connection.way.seconds) * rate) + 1)
    arrivals, ticks = [], max(1, math.ceil((lasts - connection.way.seconds) / _TICK)) if moved else 0
    for tick in range(ticks):
        part = moved * (tick + 1) // ticks - moved * tick // ticks
        when = connection.way.seconds + (lasts - connection.way.seconds) * (tick + 1) / ticks
        arrivals.append((when * 1000.0, part))
    yield Wait(within=lasts)
    return Transferred(
        at=at,
        elapsed_ms=lasts * 1000.0,
        arrivals=tuple(arrivals),
        quiet=silent,
        counted=_counted(connection, size, up=True),
    )


def _counted(connection: Connection, moved: int, *, up: bool) -> Counted:
    """Return what a kernel would have counted: drops of a policer and of a lossy line, the queue of a shaper."""
    segments = max(1, moved // SEGMENT)
    kind = connection.slowed_by(up=up)
    lost = connection.home.now.line.loss + (_DROPS if kind == "police" else 0.0)
    rtt = connection.way.seconds + (_QUEUE / connection.pace(up=up) if kind == "shape" else 0.0)
    return Counted(segments=segments, lost=round(segments * min(lost, 0.5)), rtt_ms=rtt * 1000.0)
