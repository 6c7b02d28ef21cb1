"""The plan of ``throughput``: the subject's name and a control's move bytes in turn, over the same path.

Must not live here: what a rate is (rate.py), what a ratio means (collector), the bytes of a request (codec.py).
"""

from collections.abc import Generator
from typing import Final, NamedTuple

import msgspec

from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.scramble import scrambled
from balise_agent.experiments.secure import shake_hands
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Counted,
    Failed,
    Plan,
    Reply,
    Secured,
    Step,
    Transfer,
    Transferred,
)
from balise_agent.experiments.task import HELPER_PORT, Endpoint, Task, carried, expect, noting
from balise_agent.experiments.throughput.codec import requests, status_of, upload
from balise_agent.experiments.throughput.rate import LEAST_WINDOW, binned, is_steady, rate_of, train_rate_of
from balise_wire.experiments.throughput import (
    PAIRS,
    SENTINEL_BYTES,
    SLOWEST_MS,
    UPLOAD_BYTES,
    WATCHED_BYTES,
    ThroughputObservation,
    ThroughputParameters,
    ratio,
)
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, TransferDirection, TransferEnd

LINGER: Final = 0.3
SECONDS: Final = SLOWEST_MS / 1000.0
"""Most that one transfer lasts: 62 KB at 50 kb/s."""
_SLICE: Final = 16_384
"""Bytes after which the rate is looked at."""
SUSPICIOUS: Final = 0.6
"""A subject below so much of its control's rate is looked at again; half is what a verdict asks."""
_WINDOWS: Final = 4
"""Windows of a rate that tell it: slow start is seen to be over in three, and the last one is cut off."""
_LOST: Final = 1
"""Pairs of which one side may move nothing: a policer loses handshakes, too."""
_ORDERS: Final = ((0, 1), (1, 0), (0, 1), (1, 0))
"""Control and subject of each pair: ABBA ABBA."""

Trial = Generator[Step, Reply, ThroughputObservation]


class Side(NamedTuple):
    """One of the two that are compared."""

    arm: Arm
    name: str
    """In the hello."""
    host: str
    """In the request."""
    path: str
    address: str
    port: int
    direction: TransferDirection
    most: int


class ThroughputPlan(ExperimentPlan):
    """The name in the hello, and real bytes behind it."""

    def sentinel(self, task: Task) -> Plan:
        """Return one pair, control first; once more, the other way round, where the subject is newly slow."""
        found: list[Observation] = []
        known = task.cause is not None
        for sides in _comparisons(task, WATCHED_BYTES if _is_told_by_few(task.cause) else SENTINEL_BYTES):
            pair = yield from _pair(task, sides, (0, 1))
            found += pair
            if _slow(pair) and not known:
                found += yield from _pair(task, sides, (1, 0))
        return tuple(found)

    def paired(self, task: Task) -> Plan:
        """Return four pairs in the order ABBA ABBA, of each direction that can be compared."""
        found: list[Observation] = list(carried(task.cause))
        most = task.parameters(ThroughputParameters).sample_bytes
        for sides in _comparisons(task, most):
            dead = 0
            for order in _ORDERS[:PAIRS]:
                pair = yield from _pair(task, sides, order)
                found += pair
                dead += any(one.failure is not None and not one.moved_bytes for one in pair)
                if dead > _LOST or any(one.connect_ms is None for one in pair):
                    break  # Nothing to compare: the layers below tell.
        return tuple(found)

    def load(self, task: Task) -> Load:
        """Return the one endpoint, and the helper's."""
        port = task.parameters(ThroughputParameters).port
        helper = task.helper_endpoint()
        pairs = 2 if task.design is Design.SENTINEL else PAIRS
        return Load(
            endpoints=(Endpoint(task.address, port), *((helper,) if helper else ())),
            connections=2 * pairs,
            controls=1 if helper else 0,
        )


PLAN: Final = ThroughputPlan()


def _comparisons(task: Task, most: int) -> list[tuple[Side, Side]]:
    """Return (control, subject) of each direction: downloads at the target, uploads at the operator's own server.

    A server that takes uploads of strangers is nobody's but ours.
    """
    asked = task.parameters(ThroughputParameters)
    host, seed = task.target.host, task.seed
    down, up = TransferDirection.DOWN, TransferDirection.UP
    most = min(most, asked.sample_bytes)
    subject = Side(Arm.SUBJECT, host, host, asked.path, task.address, asked.port, down, most)
    if task.target.neighbour and asked.control_path:
        beside = task.target.neighbour
        control = subject._replace(arm=Arm.NEIGHBOUR, name=beside, host=beside, path=asked.control_path)
    else:
        control = subject._replace(arm=Arm.SCRAMBLED, name=scrambled(host, seed))
    found = [(control, subject)]
    _, other = task.other_name()
    if task.helper and other:
        own = Side(Arm.NEUTRAL, host, host, "/", task.helper, HELPER_PORT, up, UPLOAD_BYTES)
        found.append((own._replace(arm=Arm.NEUTRAL_CONTROL, name=other, host=other), own))
    return found


def _pair(task: Task, sides: tuple[Side, Side], order: tuple[int, int]) -> Generator[
    Step, Reply, list[ThroughputObservation]
]:  # fmt: skip
    """Return the trials of one pair, in their order of time."""
    first = yield from transfer_trial(task, sides[order[0]])
    return [first, (yield from transfer_trial(task, sides[order[1]]))]


def _is_told_by_few(cause: Observation | None) -> bool:
    """Tell whether the rate at which the target is known to be held is told by ``WATCHED_BYTES``, too.

    It is where they last for some windows of that rate; otherwise they are over in slow start, and all looks well.
    """
    if not isinstance(cause, ThroughputObservation):
        return False
    kbps = cause.told_kbps or 0.0
    return kbps * _WINDOWS * max(LEAST_WINDOW, cause.connect_ms or 0.0) <= WATCHED_BYTES * 8


def _slow(pair: list[ThroughputObservation]) -> bool:
    """Tell whether a pair looks like one that is slowed, or froze."""
    return bool(ratios(pair)) and min(ratios(pair)) < SUSPICIOUS


def ratios(trials: list[ThroughputObservation]) -> list[float]:
    """Return subject over control of each pair of own trials that both tell a rate, in either direction."""
    found = []
    for first, second in zip(trials[::2], trials[1::2], strict=False):
        subject, control = (first, second) if first.arm in {Arm.SUBJECT, Arm.NEUTRAL} else (second, first)
        if (one := ratio(control, subject)) is not None:
            found.append(one)
    return found


@noting
def transfer_trial(task: Task, side: Side) -> Trial:
    """Connect, shake hands, ask, and count until the rate is known or the bytes are used up."""
    result = ThroughputObservation(
        arm=side.arm, at=0.0, address=side.address, port=side.port, name=side.name, host=side.host, path=side.path,
        direction=side.direction, asked_bytes=side.most, line_kbps=task.line_kbps, end=TransferEnd.FAILED,
    )  # fmt: skip
    connected, secured = yield from shake_hands(task, side.port, side.name, side.address)
    if isinstance(connected, Failed):
        return _ended(result, connected, 0.0)
    result = msgspec.structs.replace(result, at=connected.at, connect_ms=connected.elapsed_ms)
    if isinstance(secured, Failed):
        return _ended(result, secured, connected.elapsed_ms)
    spent = connected.elapsed_ms + expect(Secured, secured).elapsed_ms
    moved = yield from _moved(task, side, connected.handle, connected.elapsed_ms)
    failed = moved.failed
    if failed is None:
        closed = yield Close(handle=connected.handle, linger=LINGER)
        last = closed if isinstance(closed, Failed) else expect(Closed, closed)
        packets, flood = last.packets, last.flood
    else:
        packets, flood = failed.packets, failed.flood
    rtt_ms = connected.elapsed_ms
    found = rate_of(moved.arrivals, rtt_ms)
    width, bins = binned(moved.arrivals)
    return msgspec.structs.replace(
        result,
        elapsed_ms=spent + moved.elapsed_ms,
        failure=Failure.GENERIC_TIMEOUT if moved.end is TransferEnd.FROZEN else getattr(failed, "failure", None),
        packets=packets,
        flood_bytes=flood,
        status=status_of(moved.head),
        moved_bytes=sum(size for _, size in moved.arrivals),
        transfer_ms=moved.arrivals[-1][0] - moved.arrivals[0][0] if moved.arrivals else None,
        goodput_kbps=None if found is None else found.kbps,
        settled=None if found is None else found.settled,
        train_kbps=None if side.direction is TransferDirection.UP else train_rate_of(moved.arrivals, rtt_ms),
        bin_ms=width,
        bins=bins,
        end=moved.end,
        segments=None if moved.counted is None else moved.counted.segments,
        lost=None if moved.counted is None else moved.counted.lost,
        rtt_ms=None if moved.counted is None else moved.counted.rtt_ms,
    )


class _Moved(NamedTuple):
    """What a transfer brought."""

    arrivals: tuple[tuple[float, int], ...]
    head: bytes
    end: TransferEnd
    elapsed_ms: float
    failed: Failed | None
    counted: Counted | None


def _moved(task: Task, side: Side, handle: int, rtt_ms: float) -> Generator[Step, Reply, _Moved]:
    """Move bytes until the rate is known, the bytes or the time are used up, or nothing moves any more."""
    up = side.direction is TransferDirection.UP
    data = upload(side.host, side.most) if up else requests(side.path, side.host, side.most, _times(task, side))
    arrivals: list[tuple[float, int]] = []
    head, spent, counted = b"", 0.0, None
    while True:
        count = sum(size for _, size in arrivals)
        left = SECONDS - spent / 1000.0
        reply = yield Transfer(
            handle=handle,
            data=data,
            most=min(_SLICE, side.most - count),
            seconds=left,
            quiet=min(left, task.timeouts.answer),
            up=up,
        )
        if isinstance(reply, Failed):
            return _Moved(tuple(arrivals), head, TransferEnd.FAILED, spent + reply.elapsed_ms, reply, counted)
        got = expect(Transferred, reply)
        arrivals += [(spent + at, size) for at, size in got.arrivals]
        head, data, counted = head or got.head, b"", got.counted or counted
        spent += got.elapsed_ms
        end = _end(got, side.most, arrivals, spent, rtt_ms, up=up)
        if end is not None:
            return _Moved(tuple(arrivals), head, end, spent, None, counted)


def _times(task: Task, side: Side) -> int:
    """Return how often a page is asked for: a neighbour's is chosen to be long enough."""
    return 1 if side.arm is Arm.NEIGHBOUR else task.parameters(ThroughputParameters).repeat


def _end(
    got: Transferred, most: int, arrivals: list[tuple[float, int]], spent: float, rtt_ms: float, *, up: bool
) -> TransferEnd | None:
    """Return why a transfer ends here; ``None`` where it goes on."""
    if sum(size for _, size in arrivals) >= most:
        return TransferEnd.ENOUGH
    if got.eof:
        return TransferEnd.WHOLE
    if got.quiet:
        return TransferEnd.FROZEN
    if up or spent >= SECONDS * 1000.0:
        return TransferEnd.TIME
    return TransferEnd.STEADY if is_steady(arrivals, rtt_ms) else None


def _ended(result: ThroughputObservation, reply: Failed, spent: float) -> ThroughputObservation:
    """Return the observation of a trial in which nothing was to be moved."""
    return msgspec.structs.replace(
        result,
        at=result.at or reply.at,
        failure=reply.failure,
        elapsed_ms=spent + reply.elapsed_ms,
        packets=reply.packets,
        flood_bytes=reply.flood,
    )
