"""What a stretch without InfluxDB did: points that are missing, and the ingest before, meanwhile and after.

Pure. Lives here: the comparison of what ought to be in InfluxDB with what is, and of the ingest in three windows of the
same length. Must not live here: reading either (points), or killing anything (runner).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from balise_lab.compare.expect import Row

_RATE_WITHIN: Final = 0.2
"""Share by which the ingest's rate may differ from that before and after: probes' slots do not end with a window."""
_DELAY_WITHIN: Final = 30.0
"""Virtual seconds by which the median way from probe to journal may be longer meanwhile: half a real one at scale 60,
and an hour of backlog is thousands."""


@dataclass(frozen=True, slots=True)
class Outage:
    """InfluxDB is killed at one moment of the scenario and started again at another."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """One batch in the journal."""

    sent: float
    """UNIX seconds at which the probe sealed it."""
    received: float
    """UNIX seconds at which the journal took it."""
    measurements: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of point: how many there ought to be, and how many of these there are."""

    measurement: str
    wanted: int
    held: int
    missing: int
    """Wanted and not in InfluxDB."""
    more: int
    """In InfluxDB and not wanted; what was concluded while it was being asked may be here."""


@dataclass(frozen=True, slots=True)
class Ingest:
    """The ingest within a window."""

    window: str
    measurements: int
    per_minute: float
    """Measurements journalled in a virtual minute."""
    delay: float | None
    """Median of the virtual seconds from a probe's seal to the journal; ``None`` where nothing came."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found out about InfluxDB in a run."""

    kept: tuple[Kept, ...]
    ingest: tuple[Ingest, ...] = ()
    """Before, while it was away, and after; empty where it was never away."""
    said: tuple[str, ...] = ()
    """What the collector's log says of it."""


def compare(wanted: Mapping[str, Counter[str]], held: Mapping[str, Counter[str]]) -> tuple[Kept, ...]:
    """Compare the keys of the points there ought to be with those there are, by kind."""
    return tuple(
        Kept(
            measurement=name,
            wanted=keys.total(),
            held=held.get(name, Counter()).total(),
            missing=(keys - held.get(name, Counter())).total(),
            more=(held.get(name, Counter()) - keys).total(),
        )
        for name, keys in wanted.items()
    )


def ingest_around(away: Outage, starts: float, arrivals: Sequence[Arrival]) -> tuple[Ingest, ...]:
    """Return the ingest of the stretch, and of the windows of its length before and after.

    Args:
        away: the stretch, in seconds of the scenario.
        starts: UNIX seconds of the scenario's start.
        arrivals: every batch of the journal.
    """
    length = away.ends - away.begins
    begins = starts + away.begins
    windows = {"before": begins - length, "away": begins, "after": begins + length}
    return tuple(_window(name, since, length, arrivals) for name, since in windows.items())


def _window(name: str, since: float, length: float, arrivals: Sequence[Arrival]) -> Ingest:
    """Return the ingest of one window."""
    inside = [one for one in arrivals if since <= one.received < since + length]
    total = sum(one.measurements for one in inside)
    delay = median(one.received - one.sent for one in inside) if inside else None
    return Ingest(name, total, 60.0 * total / length, delay)


def rows(stored: Stored) -> tuple[Row, ...]:
    """Return what must be so, as rows of the run's table."""
    counts = [
        f"{one.measurement.removeprefix('balise_')} {one.wanted - one.missing}/{one.wanted}" for one in stored.kept
    ]
    complete = not any(one.missing or (_always(one) and not one.wanted) for one in stored.kept)
    found = [Row("InfluxDB: points", "all there", ", ".join(counts), ok=bool(counts) and complete)]
    if stored.ingest:
        expected, said = "as before and after", told(stored.ingest)
        found.append(Row("InfluxDB: ingest without it", expected, said, ok=steady(stored.ingest)))
    return tuple(found)


def _always(kept: Kept) -> bool:
    """Whether every run has points of this kind: an empty comparison must not pass for a good one."""
    return kept.measurement in {"balise_verdict", "balise_line", "balise_rollup 5m", "balise_rollup 1h"}


def told(ingest: Sequence[Ingest]) -> str:
    """Return the figures in one line."""
    return "; ".join(f"{one.window} {one.per_minute:.1f} a minute, {_age(one.delay)}" for one in ingest)


def _age(delay: float | None) -> str:
    return "nothing came" if delay is None else f"{delay:.1f} s old"


def steady(ingest: Sequence[Ingest]) -> bool:
    """Whether the ingest was no slower, and measurements no older, while InfluxDB was away."""
    before, away, after = ingest
    if before.delay is None or away.delay is None or after.delay is None:
        return False
    usual = (before.per_minute + after.per_minute) / 2.0
    return (
        abs(away.per_minute - usual) <= _RATE_WITHIN * usual
        and away.delay <= max(before.delay, after.delay) + _DELAY_WITHIN
    )
