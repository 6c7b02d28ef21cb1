"""How much of a host's line a probe's task may use: the timetable is thinned until the day fits the profile. Pure.

The bytes are those that a sentinel of each experiment usually costs (balise_wire.experiments.usual); the shares are
the profiles of docs/attribution.md section 4; delivering the results is paid from the same day (balise_wire.profiles).
What is thinned first is what costs most and is missed least: page fetches, then hellos, which take turns; names and
connections keep their five minutes the longest. Must not live here: the probe's own limits, which hold whatever is
assigned.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from balise_wire.assignment import Assignment, Target, Timetable
from balise_wire.experiments import MEASURED, REGISTRY, usual
from balise_wire.experiments.traits import RunShape
from balise_wire.profiles import DAY, delivery_bytes, share_of
from balise_wire.words import Design, Experiment, Profile

RESTING: Final = 0.8
"""An experiment that rests from a smaller share of the day's bytes on is thinned first."""
PLANNED: Final = 0.85
"""Share of a day's bytes that schedule and delivery may fill together; the rest is for anomalies, whose own sentinels
take the place of what was planned of them."""


class Rung(msgspec.Struct, frozen=True):
    """One step down the ladder: each value is a least one, in intervals of the operator's timetable."""

    stretch: int
    """The interval becomes this many times as long."""
    lasting: int
    """In which n-th interval those have a turn that rest late (TLS hellos)."""
    resting: int
    """The same of those that rest first (page fetches)."""
    line: int
    """Seconds."""
    chain: int
    """Seconds."""


RAREST: Final = 2 * DAY
"""Seconds between two looks at a rate on the poorest timetable: rarer ones say little."""
_RATES_AT_LEAST: Final = 7_200
"""Seconds between two looks at a rate that fetches give way for."""
_METERED: Final = 8
"""Times as rare on a line that is paid by the byte."""
_TWENTY_MINUTES: Final = 1_200
"""With a first failure, its repetition and the detector's bin behind it, interception is told within half an hour."""
_HALF_HOUR: Final = 1_800
LADDER: Final = (
    Rung(1, 1, 1, 60, _TWENTY_MINUTES),
    Rung(1, 1, 4, 60, _TWENTY_MINUTES),
    Rung(1, 1, 12, 60, _TWENTY_MINUTES),
    Rung(1, 1, 12, 300, _TWENTY_MINUTES),
    Rung(1, 2, 12, 300, _TWENTY_MINUTES),
    Rung(1, 2, 24, 300, _TWENTY_MINUTES),
    Rung(1, 3, 48, 300, _TWENTY_MINUTES),
    Rung(2, 2, 24, 300, _TWENTY_MINUTES),
    Rung(2, 2, 48, 600, _TWENTY_MINUTES),
    Rung(2, 3, 48, 600, _TWENTY_MINUTES),
    Rung(2, 3, 96, 600, _TWENTY_MINUTES),
    Rung(3, 2, 96, 600, _TWENTY_MINUTES),
    Rung(3, 3, 96, 900, _TWENTY_MINUTES),
    Rung(4, 2, 144, 900, _HALF_HOUR),
    Rung(4, 3, 288, 900, _HALF_HOUR),
    Rung(5, 3, 288, 1_200, _HALF_HOUR),
    Rung(6, 3, 288, 1_800, _HALF_HOUR),
    Rung(8, 3, 288, 1_800, _HALF_HOUR),
    Rung(10, 3, 288, 1_800, _HALF_HOUR),
    Rung(12, 3, 144, 3_600, 3_600),
    Rung(16, 3, 144, 3_600, 3_600),
    Rung(16, 4, 144, 3_600, 7_200),
    Rung(24, 3, 96, 7_200, 14_400),
    Rung(24, 4, 96, 7_200, 21_600),
    Rung(36, 4, 64, 10_800, 43_200),
    Rung(48, 4, 48, 14_400, DAY),
    Rung(72, 4, 32, 21_600, DAY),
    Rung(144, 4, 16, 43_200, DAY),
    Rung(288, 4, 16, DAY, DAY),
    Rung(288, 8, 32, DAY, DAY),
    Rung(288, 28, 90, DAY, DAY),
)
"""From rich to poor. Endpoints of a service take turns, so that of a service with n of them a hello comes every
``stretch * lasting / n`` intervals, and names and connections of the service as well, in n-ths of ``stretch``."""


def fitted(assignment: Assignment, profile: Profile, *, laboratory: bool = False) -> Assignment:
    """Return an assignment whose scheduled day fits the profile, thinned no further than that needs.

    Args:
        assignment: with the operator's timetable and budget, which stay the upper bound.
        profile: of the probe.
        laboratory: nobody pays for the line there: the standard profile is left as it is.
    """
    if profile is Profile.UNKNOWN:
        return fitted(assignment, Profile.METERED)
    share = share_of(profile)
    if laboratory and profile is Profile.STANDARD:
        return assignment
    budget = msgspec.structs.replace(
        assignment.budget,
        bytes_per_day=min(assignment.budget.bytes_per_day, share.bytes_per_day),
        bytes_per_incident=min(assignment.budget.bytes_per_incident, share.bytes_per_incident),
    )
    thinned = assignment
    for timetable in _timetables(assignment.timetable, profile):
        thinned = msgspec.structs.replace(assignment, timetable=timetable, budget=budget)
        if bytes_per_day(thinned) + delivered_per_day(thinned, profile) <= PLANNED * budget.bytes_per_day:
            break
    return thinned


def _timetables(base: Timetable, profile: Profile) -> Iterator[Timetable]:
    """Yield timetables from rich to poor; what measures rates makes room before the next rung is tried.

    What the operator says of rates is so many of his own intervals, and is no more of longer ones: with a stretch of
    five, one in twelve came every five hours where an hour was meant and the day had room for more.
    """
    for rung in LADDER:
        interval = min(base.interval * rung.stretch, DAY)
        turns = _turns(base, rung)
        rarest = RAREST * (_METERED if profile is Profile.METERED else 1)
        # On the rich rungs fetches give way before rates do: those have every hour, or two.
        rarest = min(rarest, max(_RATES_AT_LEAST, rung.resting * interval))
        for rarely in _rarely(max(1, rarest // interval)):
            yield msgspec.structs.replace(
                base,
                interval=interval,
                line=max(base.line, rung.line),
                chain=min(base.chain, rung.chain),
                health=max(base.health, 3600) if profile is Profile.METERED else base.health,
                **turns,
                **{figure: max(-(-getattr(base, figure) // rung.stretch), rarely) for figure in _RATES},
            )


def _rarely(most: int) -> Iterator[int]:
    """Yield in which n-th intervals rates are measured, each twice as rare as the one before, and at last the rarest.

    Args:
        most: intervals between two looks.
    """
    often = 1
    while often < most:
        yield often
        often *= 2
    yield most


_RATES: Final = frozenset(traits.cadence for traits in REGISTRY.values() if traits.exclusive and traits.cadence)
"""The figures of what runs alone, and costs most."""


def _turns(base: Timetable, rung: Rung) -> dict[str, int]:
    """Return the figures of the timetable that say in which intervals an experiment has a turn; others have all."""
    turns: dict[str, int] = {}
    for traits in REGISTRY.values():
        if (figure := traits.cadence) and figure not in _RATES:
            least = rung.resting if traits.rests_from < RESTING else rung.lasting
            least *= 1 if rung is LADDER[0] else traits.rarer
            often = -(-getattr(base, figure) // rung.stretch) if traits.steady else getattr(base, figure)
            turns[figure] = max(turns.get(figure, often), least)
    return turns


def bytes_per_day(assignment: Assignment) -> int:
    """Return what the scheduled day usually costs while nothing fails, both directions."""
    slots = DAY / assignment.timetable.interval
    runs = [
        (
            slots / assignment.timetable.every(experiment) * _addresses(assignment, target, experiment),
            sentinel_bytes(target, experiment, helped=bool(assignment.helpers)),
        )
        for target in assignment.targets
        for experiment in dict.fromkeys(target.experiments)
    ]
    # A line check goes before what is measured, and serves everything within its time.
    checks = min(DAY / assignment.timetable.line, sum(times for times, _ in runs))
    check = _check_bytes(assignment) if checks else 0
    return round(sum(times * each for times, each in runs) + checks * check + _more_bytes(assignment))


def _addresses(assignment: Assignment, target: Target, word: Experiment) -> int:
    """Return how many of a target's addresses are asked in one turn: one, but for references up to a few."""
    several = assignment.timetable.all_addresses and word in REGISTRY and REGISTRY[word].needs_address
    return min(max(1, len(target.addresses)), 3) if several else 1


def _more_bytes(assignment: Assignment) -> float:
    """Return what sentinels cost in a day that look at more: chains of endpoints, and unassigned addresses."""
    total = 0.0
    for word, traits in REGISTRY.items():
        asked = [target for target in assignment.targets if word in target.experiments]
        each = max((_full_bytes(target, word) - sentinel_bytes(target, word) for target in asked), default=0)
        if traits.daily:
            services = {target.service for target in asked}
            turns = DAY / assignment.timetable.interval / assignment.timetable.every(word)
            total += each * max(len(asked) * min(1.0, turns), len(services) * DAY / assignment.timetable.chain)
        total += each * min(traits.looks, DAY / assignment.timetable.interval) * sum(not t.addresses for t in asked)
    return total


def _full_bytes(target: Target, experiment: Experiment) -> int:
    """Return the bytes of a sentinel that looks at more."""
    return usual(experiment, RunShape(target=target, design=Design.SENTINEL, full=True))


def _check_bytes(assignment: Assignment) -> int:
    """Return the bytes of one look at the line; of which target it is asked changes nothing."""
    shape = RunShape(target=assignment.targets[0], design=Design.SENTINEL, controls=len(assignment.controls))
    return sum(usual(word, shape) for word in MEASURED if not REGISTRY[word].of_target)


def results_per_day(assignment: Assignment) -> float:
    """Return the scheduled measurements of a day; line checks are reported with them or on their own."""
    timetable = assignment.timetable
    runs = sum(
        DAY / timetable.interval / timetable.every(experiment)
        for target in assignment.targets
        for experiment in dict.fromkeys(target.experiments)
    )
    return runs + min(DAY / timetable.line, runs)


def delivered_per_day(assignment: Assignment, profile: Profile) -> int:
    """Return what it costs to deliver the scheduled day, both directions."""
    return delivery_bytes(profile, results_per_day(assignment), assignment.timetable.health)


def sentinel_bytes(target: Target, experiment: Experiment, *, helped: bool = False) -> int:
    """Return the bytes of one sentinel of an experiment on a target; ``helped``: the operator has a helper."""
    family = 6 if any(":" in address for address in target.addresses) else 4
    beside = int(helped and experiment in REGISTRY and REGISTRY[experiment].at_helper)
    return usual(experiment, RunShape(target=target, design=Design.SENTINEL, family=family, controls=beside))
