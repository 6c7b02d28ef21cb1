"""How much of a host's line a probe's task may use: the timetable is thinned until the day fits the profile. Pure.

The bytes are those that docs/experiments/ states for a sentinel of each experiment; the shares are the three profiles
of docs/attribution.md section 4; delivering the results is paid from the same day (balise_wire.delivery). What is
thinned first is what costs most and is missed least: page fetches, then hellos, which take turns; names and connections
keep their five minutes the longest. Must not live here: the probe's own limits, which hold whatever is assigned.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from balise_wire import delivery
from balise_wire.assignment import Assignment, Budget, Target, Timetable
from balise_wire.words import Experiment, Profile

DAY: Final = 86_400
SHARES: Final = {
    Profile.STANDARD: Budget(bytes_per_day=20_000_000, bytes_per_incident=2_000_000),
    Profile.LEAN: Budget(bytes_per_day=6_000_000, bytes_per_incident=1_000_000),
    Profile.METERED: Budget(bytes_per_day=1_000_000, bytes_per_incident=200_000),
}
"""What a profile may use at most (docs/attribution.md sections 3 and 4)."""
PLANNED: Final = 0.9
"""Share of a day's bytes that schedule and delivery may fill together; the rest is for anomalies."""
QUESTION: Final = 300
"""A DNS question and its answer (docs/experiments/dns.md)."""
HANDSHAKE: Final = 7_000
"""The look at an address that an answer holds and nobody assigned (docs/experiments/dns.md)."""
SYNS: Final = 300
"""The SYNs of a TCP sentinel (docs/experiments/tcp.md)."""
HELLO: Final = 5_000
"""A TLS sentinel (docs/experiments/tls.md)."""
HEAD: Final = 1_500
"""An HTTP sentinel without its body (docs/experiments/http.md)."""
OVER_TLS: Final = 6_000
"""What HTTP over TLS costs more (docs/experiments/http.md)."""
LINE: Final = 500
"""A line check without its controls (docs/experiments/line.md)."""
LINE_CONTROL: Final = 300
"""One control of a line check (docs/experiments/line.md)."""


class Rung(msgspec.Struct, frozen=True):
    """One step down the ladder: each value is a least one, in intervals of the operator's timetable."""

    stretch: int
    """The interval becomes this many times as long."""
    hello_every: int
    http_every: int
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
    share = SHARES[profile]
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
            hello_every=max(base.hello_every, rung.hello_every),
            http_every=max(base.http_every, rung.http_every),
            line=max(base.line, rung.line),
            health=max(base.health, 3600) if profile is Profile.METERED else base.health,
        )


def bytes_per_day(assignment: Assignment) -> int:
    """Return what the scheduled day costs while nothing fails, both directions, on the generous side."""
    slots = DAY / assignment.timetable.interval
    runs = [
        (slots / _every(assignment.timetable, experiment), cost(target, experiment))
        for target in assignment.targets
        for experiment in dict.fromkeys(target.experiments)
    ]
    # A line check goes before what is measured, and serves everything within its time.
    checks = min(DAY / assignment.timetable.line, sum(times for times, _ in runs))
    line = checks * (LINE + LINE_CONTROL * len(assignment.controls))
    return round(sum(times * each for times, each in runs) + line)


def results_per_day(assignment: Assignment) -> float:
    """Return the scheduled measurements of a day; line checks are reported with them or on their own."""
    timetable = assignment.timetable
    runs = sum(
        DAY / timetable.interval / _every(timetable, experiment)
        for target in assignment.targets
        for experiment in dict.fromkeys(target.experiments)
    )
    return runs + min(DAY / timetable.line, runs)


def delivered_per_day(assignment: Assignment, profile: Profile) -> int:
    """Return what it costs to deliver the scheduled day, both directions."""
    return delivery.bytes_per_day(profile, results_per_day(assignment), assignment.timetable.health)


def _every(timetable: Timetable, experiment: Experiment) -> int:
    return {Experiment.TLS: timetable.hello_every, Experiment.HTTP: timetable.http_every}.get(experiment, 1)


def cost(target: Target, experiment: Experiment) -> int:
    """Return the bytes of one sentinel of an experiment on a target."""
    match experiment:
        case Experiment.DNS:
            six = any(":" in address for address in target.addresses)
            return QUESTION * (2 if six else 1) + (0 if target.addresses or target.port != 443 else HANDSHAKE)
        case Experiment.TCP:
            return SYNS
        case Experiment.TLS:
            return HELLO
        case Experiment.HTTP:
            return HEAD + target.fetch_bytes + (OVER_TLS if target.http_port == 443 else 0)
        case _:
            return 0
