"""The rate of a transfer from when its bytes moved. Pure.

Slow start is over once a round trip brings no more than the one before; what counts is the rate behind it, and behind
the first bytes that a token bucket lets through at once. Must not live here: the transfer (plan.py), comparisons
(collector).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from balise_wire.experiments.throughput import LEAST_BYTES, TRAIN_MS

LEAST_WINDOW: Final = 100.0
"""Milliseconds over which growth is looked at; a round trip where that is longer (detectors.md 2.8)."""
_GROWTH: Final = 1.25
"""Slow start doubles each round trip (RFC 5681 3.1); a path that is full does not."""
_SKIPPED: Final = 0.4
"""Share of the bytes that is left out at the beginning at least: a bucket's burst."""
_MOST_BINS: Final = 128
_LONG_MS: Final = 5_000.0
"""Behind so much no server starts slowly any more, however few bytes came."""
_ALIKE: Final = 0.15
_STEADY_MS: Final = 1_000.0
_STEADY_BYTES: Final = 24_000
_SEGMENT: Final = 1_448
_PAUSE_MS: Final = 20.0
"""Least that a server waits for acknowledgements between two flights; a quarter of a round trip where that is more."""

_SLOW_START_MS: Final = 100.0
"""Behind two round trips and so much no server waits for acknowledgements any more: its timer ran out, since what it
had sent last was lost (RFC 6298: a second at least by the letter, 200 ms in kernels)."""

Arrivals = Sequence[tuple[float, int]]
"""(milliseconds, bytes), in order."""


class Rate(NamedTuple):
    """How fast a transfer was."""

    kbps: float
    settled: bool
    """Whether slow start was over: otherwise the path may be faster."""


def rate_of(arrivals: Arrivals, rtt_ms: float) -> Rate | None:
    """Return the rate in kilobits a second; ``None`` where too few bytes, or no time, passed.

    Args:
        arrivals: of payload.
        rtt_ms: the handshake's round trip.
    """
    total = sum(size for _, size in arrivals)
    if len(arrivals) < 2 or arrivals[-1][0] <= arrivals[0][0]:
        return None
    if arrivals[-1][0] - arrivals[0][0] >= _LONG_MS:
        return Rate(_between(arrivals, _skipped_at(arrivals, total)), settled=True)
    if total < LEAST_BYTES:
        return None
    after = _settled_at(arrivals, max(LEAST_WINDOW, rtt_ms))
    if after is None:
        return Rate(_between(arrivals, arrivals[0][0]), settled=False)
    return Rate(_between(arrivals, max(after, _skipped_at(arrivals, total))), settled=True)


def train_rate_of(arrivals: Arrivals, rtt_ms: float) -> float | None:
    """Return the rate within flights, kilobits a second: the pauses between them are the round trip's, not the link's.

    Of each flight, and of the whole, the first 40 % are left out: what a bucket had gathered meanwhile. ``None`` where
    fewer than 12,000 bytes are left. What takes less than 20 ms is told as taking as long. Of a pause that is longer
    than slow start's, what is longer counts: a bucket's burst passes at once, and what is behind it waits for the
    server's timer.

    Args:
        arrivals: of payload.
        rtt_ms: the handshake's round trip.
    """
    moved, lasted, before = 0, 0.0, int(_SKIPPED * sum(size for _, size in arrivals))
    trains = _trains(arrivals, max(_PAUSE_MS, rtt_ms / 4))
    for one, other in pairwise(trains):
        lasted += max(0.0, other[0][0] - one[-1][0] - 2 * rtt_ms - _SLOW_START_MS)
    for train in trains:
        size = sum(part for _, part in train)
        skipped = max(_SEGMENT, int(_SKIPPED * size), before)
        before = max(0, before - size)
        counted, took = _behind(train, skipped)
        moved, lasted = moved + counted, lasted + took
    return moved * 8 / max(TRAIN_MS, lasted) if moved >= LEAST_BYTES else None


def is_steady(arrivals: Arrivals, rtt_ms: float) -> bool:
    """Tell whether more bytes would say no more: two halves behind slow start agree."""
    after = _settled_at(arrivals, max(LEAST_WINDOW, rtt_ms))
    if after is None:
        return False
    after = max(after, _skipped_at(arrivals, sum(size for _, size in arrivals)))
    moved = sum(size for at, size in arrivals if at > after)
    last = arrivals[-1][0]
    if last - after < max(_STEADY_MS, 4 * rtt_ms) or moved < _STEADY_BYTES:
        return False
    middle = (after + last) / 2
    first = sum(size for at, size in arrivals if after < at <= middle)
    return abs(2 * first - moved) <= _ALIKE * moved


def binned(arrivals: Arrivals) -> tuple[float, tuple[int, ...]]:
    """Return the bytes in bins of 100 ms from the first byte on, wider ones where those would be too many."""
    if not arrivals:
        return 100.0, ()
    began, width = arrivals[0][0], 100.0
    while (arrivals[-1][0] - began) / width >= _MOST_BINS:
        width *= 2
    bins = [0] * (int((arrivals[-1][0] - began) / width) + 1)
    for at, size in arrivals:
        bins[int((at - began) / width)] += size
    return width, tuple(bins)


def _trains(arrivals: Arrivals, pause: float) -> list[list[tuple[float, int]]]:
    """Return arrivals parted where nothing came for so many milliseconds."""
    found: list[list[tuple[float, int]]] = []
    for one in arrivals:
        if not found or one[0] - found[-1][-1][0] > pause:
            found.append([])
        found[-1].append(one)
    return found


def _behind(train: Arrivals, skipped: int) -> tuple[int, float]:
    """Return the bytes that came behind so many of a flight, and the milliseconds that they took."""
    passed, last = 0, train[0][0]
    for at, size in train:
        passed += size
        if passed > skipped:
            # A read brings what came since the one before; a flight's first read came at once, as far as is known.
            begun = at - (at - last) * (passed - skipped) / size
            return sum(part for _, part in train) - skipped, train[-1][0] - begun
        last = at
    return 0, 0.0


def _settled_at(arrivals: Arrivals, window: float) -> float | None:
    """Return when the first round trip began behind which none brought more; ``None`` where growth went on."""
    if not arrivals:
        return None
    began = arrivals[0][0]
    counts = [0] * (int((arrivals[-1][0] - began) / window) + 1)
    for at, size in arrivals:
        counts[int((at - began) / window)] += size
    # The last one is cut off where the transfer ended.
    for place in range(len(counts) - 3):
        if counts[place + 1] + counts[place + 2] <= 2 * _GROWTH * counts[place]:
            return began + (place + 1) * window
    return None


def _skipped_at(arrivals: Arrivals, total: int) -> float:
    """Return when the first bytes had passed that never count."""
    passed = 0
    for at, size in arrivals:
        passed += size
        if passed >= _SKIPPED * total:
            return at
    return arrivals[-1][0]


def _between(arrivals: Arrivals, after: float) -> float:
    """Return the rate from the last arrival up to a time on to the last of all, kilobits a second."""
    start = max((at for at, _ in arrivals if at <= after), default=arrivals[0][0])
    moved = sum(size for at, size in arrivals if at > start)
    seconds = (arrivals[-1][0] - start) / 1000.0
    return moved * 8 / 1000.0 / seconds if seconds > 0.0 else 0.0
