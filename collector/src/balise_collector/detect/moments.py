"""When an episode began and ended: the moments that what its probes saw leaves credible. Pure.

Each probe's bracket [last ok, first failure] is not believed blindly: a block lets some successes pass, and a home may
have been in trouble of its own when the block came. Credible is what lies within three nats of the best moment
(attribution.md 2.4). Must not live here: who is affected (membership.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from balise_collector.detect.evalue import SLACK
from balise_collector.detect.interval import Interval
from balise_collector.detect.walk_state import Span
from balise_wire.bins import BIN

_WITHIN: Final = 3.0
_PASSED: Final = 3.2
"""Nats that a success costs a moment before it: log P(ok) / P(ok | block)."""
_FAILED: Final = 8.0
"""Nats that a failure costs a moment after it, at most."""
_DISSENT: Final = 0.8
"""Nats for each bracket that a common moment may cost: a quarter of them just beside it."""
_FAR: Final = 12
"""Successes before a bracket that are told apart."""

Bracket = tuple[int | None, int, float]
"""(last ok or None, first failure, nats of the first failure)."""


class Moment(NamedTuple):
    """A moment, and how well the probes agree on it."""

    interval: Interval
    agreed: bool
    """Some moment contradicts nobody, or one probe at most."""


def begun(spans: Sequence[Span]) -> Moment:
    """Return when what several probes saw began."""
    return _moment([(s.last_ok, s.first_fail, min(_FAILED, max(1.0, s.surprise))) for s in spans])


def ended(spans: Iterable[Span]) -> Moment:
    """Return when it ended; each must have been seen well again."""
    # Time backwards: the last failure is the first one from behind.
    brackets = [(-s.first_ok, -s.last_fail, _FAILED) for s in spans if s.first_ok is not None]
    found, agreed = _moment(brackets)
    earliest = -found.latest
    latest = earliest if found.earliest is None else -found.earliest
    return Moment(Interval(earliest=earliest, latest=latest), agreed)


def hull(joint: Moment, parts: Sequence[Interval]) -> Interval:
    """Return one interval for several providers: theirs together where they agree, else the hull, told as staggered."""
    if joint.agreed or len(parts) < 2:
        return joint.interval
    known = [one.earliest for one in parts if one.earliest is not None]
    return Interval(
        earliest=min(known) if known else None,
        latest=max(one.latest for one in parts),
        staggered=_apart(parts),
    )


def common(brackets: Sequence[tuple[int | None, int]], *, at_any_cost: bool = False) -> Interval | None:
    """Return the moment that most of many brackets tell; ``None`` where too many contradict any, but at any cost."""
    told = {edge for bracket in brackets for edge in bracket if edge is not None}
    # What a success behind a moment costs grows by the bin (as in _moment): of a long stretch the end may agree alone.
    steps = {low - BIN * n for low, _ in brackets if low is not None for n in range(1, _FAR)}
    edges = sorted(told | {step for step in steps if min(told) < step < max(told)}) if told else []
    values = [(_agreement(brackets, (a + b) / 2), a, b) for a, b in pairwise(edges)]
    best = max((value for value, _, _ in values), default=0.0)
    if not values or (best < -max(_PASSED, _DISSENT * len(brackets)) and not at_any_cost):
        return None
    credible = [(a, b) for value, a, b in values if value >= best - _WITHIN]
    return Interval(earliest=float(credible[0][0]), latest=float(credible[-1][1]))


def first_edge(each: Sequence[Interval], rare: Sequence[Interval] = ()) -> float | None:
    """Return the lower edge of the first of several moments, UNIX seconds; ``None`` where none has one.

    What is looked at once an hour (a rate) may have begun with what is looked at every five minutes (a name), and by
    all that is known did: one service, one evening. Its lower edge would make an hour of the minute that is known. That
    holds of what was met no sooner than the other: what was seen to fail first may have been the first by far. Of what
    is looked at in minutes (names, certificates) nothing is left out: it may have begun a roll-out.

    Args:
        each: the moments of what is looked at in minutes.
        rare: those of what is looked at by the hour.
    """
    sharp = [(one.earliest, one.latest) for one in each if one.earliest is not None]
    lows = [low for low, _ in sharp]
    lows += [
        one.earliest for one in rare
        if one.earliest is not None and not any(
            low - one.earliest > BIN and low <= one.latest and high <= one.latest for low, high in sharp
        )
    ]  # fmt: skip
    return min(lows, default=None)


def _agreement(brackets: Sequence[tuple[int | None, int]], at: float) -> float:
    """Return what brackets lose by a moment, in nats: more the farther it lies outside."""
    away = (max((0.0 if low is None else low) - at, at - high, 0.0) for low, high in brackets)
    return -sum(min(_FAILED, _PASSED * (1 + one // BIN)) for one in away if one)


def _apart(parts: Sequence[Interval]) -> bool:
    """Whether some two intervals do not meet."""
    first = min(one.latest for one in parts)
    last = max((one.earliest for one in parts if one.earliest is not None), default=first)
    return last - first > SLACK


def _moment(brackets: Sequence[Bracket]) -> Moment:
    """Return the credible moments of brackets."""
    low, high = min(b[1] for b in brackets), max(b[1] for b in brackets)
    known = [b[0] for b in brackets if b[0] is not None]
    if not known:
        return Moment(Interval(earliest=None, latest=float(low)), agreed=True)
    most = max(known)
    if most <= low:
        return Moment(Interval(earliest=float(most), latest=float(low)), agreed=True)
    if most - low <= SLACK:
        return Moment(Interval(earliest=float(low), latest=float(most)), agreed=True)
    edges = {*known, *(b[1] for b in brackets), *(ok - BIN * n for ok in known for n in range(1, _FAR))}
    steps = sorted(edge for edge in edges if min(known) - BIN <= edge <= high)
    values = [(_support(brackets, (a + b) / 2), a, b) for a, b in pairwise(steps)]
    best = max(value for value, _, _ in values)
    credible = [(a, b) for value, a, b in values if value >= best - _WITHIN]
    interval = Interval(earliest=float(credible[0][0]), latest=float(credible[-1][1]))
    return Moment(interval, agreed=best >= -_FAILED)


def _support(brackets: Sequence[Bracket], at: float) -> float:
    """Return the log likelihood of a moment, in nats; 0 where it contradicts nobody."""
    total = 0.0
    for last_ok, first_fail, nats in brackets:
        if at > first_fail:
            total -= nats
        elif last_ok is not None and at <= last_ok:
            total -= _PASSED * (1 + (last_ok - at) // BIN)
    return total
