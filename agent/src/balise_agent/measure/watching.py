"""Watch windows: when a target is looked at before its own next time, since something is expected. Pure.

A window makes no look of its own kind: it brings the next sentinel forward, again and again, until it is over. What
fails is looked at as everywhere, and what costs most (page fetches, transfers) keeps its timetable. Must not live here:
the day's bytes, which stand above every window (agenda.py asks day.py).
"""

import math
from collections.abc import Callable, Iterable
from typing import Final

from balise_wire.assignment import Target, Watch
from balise_wire.experiments import REGISTRY
from balise_wire.profiles import DAY
from balise_wire.words import Experiment

LATE: Final = 0.8
"""Only what rests from a larger share of the day's bytes on is brought forward."""
_PACE: Final = 0.75
_AHEAD: Final = 0.1
"""Shares of the day's bytes: a window brings looks forward while no more is spent than ``_PACE`` of what the day has
come to and ``_AHEAD``. Else a long one would use up the day's bytes in its first hours, and the probe would rest and be
missed: a day under a window on lines that are paid by the byte was told as an outage (virtual field)."""


def allows(spent: int, allowed: int, now: float) -> bool:
    """Tell whether the day's bytes have room for looks that a window brings forward.

    Args:
        spent: bytes of the UTC day.
        allowed: bytes of a day.
        now: UNIX seconds on the probe's clock.
    """
    return spent < allowed * (_PACE * (now % DAY) / DAY + _AHEAD)


def watched(word: Experiment) -> bool:
    """Tell whether an experiment is cheap enough to be brought forward."""
    traits = REGISTRY[word]
    return traits.of_target and not traits.exclusive and traits.rests_from > LATE


def wanted_at(
    watches: Iterable[Watch], target: Target, word: Experiment, now: float, part: Callable[[int], float]
) -> float:
    """Return when the windows want a target looked at next; infinity where none does.

    Each target has its own moment in every interval of a window, as in the slots of the timetable: looks that once
    waited for the same thing would else stay together, and many servers take few connections at a time of one address.

    Args:
        watches: of the assignment.
        target: which.
        word: by what.
        now: UNIX seconds on the probe's clock.
        part: the target's own moment in the n-th interval, from 0 to 1: a fixed one would be a beacon.
    """
    if not watched(word):
        return math.inf
    soonest = math.inf
    for one in watches:
        if target.service in one.services:
            here = max(0, math.floor((now - one.since) / one.interval))
            moments = (one.since + (number + part(number)) * one.interval for number in (here, here + 1))
            at = next(moment for moment in (*moments, math.inf) if moment > now)
            soonest = min(soonest, at) if at < one.until else soonest
    return soonest


def looks_per_day(watches: Iterable[Watch], target: Target, word: Experiment, day: float) -> int:
    """Return how many looks at a target the windows bring at most in a day of so many seconds: for the manifest."""
    if not watched(word):
        return 0
    own = [one for one in watches if target.service in one.services]
    return sum(math.ceil(min(day, one.until - one.since) / one.interval) for one in own)
