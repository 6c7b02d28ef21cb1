"""How much of a host's line a probe's task may use: the timetable is thinned until the day fits the profile. Pure.

The bytes are those that each experiment states of a sentinel (balise_wire.experiments); the shares are the profiles
of docs/attribution.md section 4; delivering the results is paid from the same day (balise_wire.profiles). What is
thinned first is what costs most and is missed least: page fetches, then hellos, which take turns; names and connections
keep their five minutes the longest. Must not live here: the probe's own limits, which hold whatever is assigned.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from balise_wire.assignment import Assignment, Target, Timetable
from balise_wire.experiments import MEASURED, REGISTRY, cost
from balise_wire.experiments.traits import RunShape
from balise_wire.profiles import DAY, delivery_bytes, share_of
from balise_wire.words import Design, Experiment, Profile

RESTING: Final = 0.8
"""An experiment that rests from a smaller share of the day's bytes on is thinned first."""
PLANNED: Final = 0.9
"""Share of a day's bytes that schedule and delivery may fill together; the rest is for anomalies."""


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


LADDER: Final = (
    Rung(1, 1, 1, 60),
    Rung(1, 1, 4, 60),
    Rung(1, 1, 12, 60),
    Rung(1, 2, 12, 120),
    Rung(1, 3, 12, 120),
    Rung(1, 3, 12, 300),
    Rung(1, 3, 24, 300),
    Rung(1, 3, 36, 300),
    Rung(1, 3, 72, 300),
    Rung(1, 6, 72, 300),
    Rung(1, 12, 288, 300),
    Rung(1, 24, 288, 300),
    Rung(1, 48, 288, 300),
    Rung(1, 144, 288, 300),
    Rung(1, 288, 288, 300),
    Rung(2, 12, 72, 600),
    Rung(2, 36, 72, 600),
    Rung(2, 144, 144, 600),
    Rung(3, 96, 96, 900),
    Rung(6, 48, 48, 1800),
    Rung(12, 24, 24, 3600),
    Rung(24, 12, 12, 7200),
    Rung(72, 4, 4, 21_600),
    Rung(144, 4, 8, 43_200),
    Rung(288, 4, 8, 86_400),
    Rung(288, 7, 30, 86_400),
    Rung(288, 28, 90, 86_400),
)
"""From rich to poor. Up to ``Rung(1, 288, ...)`` a blocked name or address shows within minutes."""
_FIRST: Final = {Profile.STANDARD: 0, Profile.LEAN: 10, Profile.METERED: 10}
"""Where a profile begins: a lean line never has more than a hello an hour of each target."""


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
    for rung in LADDER[_FIRST[profile] :]:
        yield msgspec.structs.replace(
            base,
            interval=min(base.interval * rung.stretch, DAY),
            line=max(base.line, rung.line),
            health=max(base.health, 3600) if profile is Profile.METERED else base.health,
            **_turns(base, rung),
        )


def _turns(base: Timetable, rung: Rung) -> dict[str, int]:
    """Return the figures of the timetable that say in which intervals an experiment has a turn; others have all."""
    turns: dict[str, int] = {}
    for traits in REGISTRY.values():
        if figure := traits.cadence:
            least = rung.resting if traits.rests_from < RESTING else rung.lasting
            turns[figure] = max(turns.get(figure, getattr(base, figure)), least)
    return turns


def bytes_per_day(assignment: Assignment) -> int:
    """Return what the scheduled day costs while nothing fails, both directions, on the generous side."""
    slots = DAY / assignment.timetable.interval
    runs = [
        (slots / assignment.timetable.every(experiment), sentinel_bytes(target, experiment))
        for target in assignment.targets
        for experiment in dict.fromkeys(target.experiments)
    ]
    # A line check goes before what is measured, and serves everything within its time.
    checks = min(DAY / assignment.timetable.line, sum(times for times, _ in runs))
    check = _check_bytes(assignment) if checks else 0
    return round(sum(times * each for times, each in runs) + checks * check)


def _check_bytes(assignment: Assignment) -> int:
    """Return the bytes of one look at the line; of which target it is asked changes nothing."""
    shape = RunShape(target=assignment.targets[0], design=Design.SENTINEL, controls=len(assignment.controls))
    return sum(cost(word, shape) for word in MEASURED if not REGISTRY[word].of_target)


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


def sentinel_bytes(target: Target, experiment: Experiment) -> int:
    """Return the bytes of one sentinel of an experiment on a target."""
    family = 6 if any(":" in address for address in target.addresses) else 4
    return cost(experiment, RunShape(target=target, design=Design.SENTINEL, family=family))
