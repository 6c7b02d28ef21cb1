"""Two detectors to compare with, on the same outcomes: what most people would write, and one in OONI's manner.

Must not live here: ours, the world (trials.py), or what is counted.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tests.bench.trials import HOUR, Outcome

Series = Mapping[str, Sequence[Outcome]]
"""Outcomes of one cell by probe, in order of time."""
Alarm = tuple[float, float]
"""When it was told, and when its end was; infinity where it never ended."""
_ROW: Final = 3
_DRIFT: Final = 0.5
_BOUND: Final = 3.0
"""Hours of complete failure that open are _BOUND / (1 - _DRIFT): six, as in the published runs of such detectors."""


def three_in_a_row(series: Series) -> list[Alarm]:
    """Return the alarms of "three blocked verdicts in a row at two probes"; one ends when fewer than two are left."""
    moments = sorted((one.at, probe, one.kind) for probe, held in series.items() for one in held)
    row: dict[str, int] = defaultdict(int)
    down: set[str] = set()
    alarms: list[Alarm] = []
    opened: float | None = None
    for at, probe, kind in moments:
        if kind == "blocked":
            row[probe] += 1
            if row[probe] >= _ROW:
                down.add(probe)
        elif kind == "ok":
            row[probe] = 0
            down.discard(probe)
        if opened is None and len(down) >= 2:
            opened = at
        elif opened is not None and len(down) < 2:
            alarms.append((opened, at))
            opened = None
    return [*alarms, *([(opened, float("inf"))] if opened is not None else [])]


def hourly_median(series: Series) -> list[Alarm]:
    """Return the alarms of a sum of each hour's median share of failing runs over the probes (OONI's manner)."""
    failing: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for probe, held in series.items():
        for one in held:
            if one.kind == "blocked":
                failing[int(one.at // HOUR)][probe] += 1
    total, alarms, opened, last = 0.0, list[Alarm](), None, -1
    for hour in sorted(failing):
        total = max(0.0, total - _DRIFT * (hour - last - 1))
        if opened is not None and not total:
            alarms.append((opened, (last + 1) * HOUR))
            opened = None
        shares = sorted(min(1.0, n / 11) for n in failing[hour].values())
        median = statistics.median([0.0] * (len(series) - len(shares)) + shares)
        total, last = max(0.0, total + median - _DRIFT), hour
        if opened is None and total >= _BOUND:
            opened = (hour + 1) * HOUR
    return [*alarms, *([(opened, (last + 1) * HOUR)] if opened is not None else [])]


def joined(alarms: Iterable[Alarm], gap: float = 2 * HOUR) -> list[Alarm]:
    """Join the alarms of a service's cells that overlap or follow within ``gap`` seconds: one event."""
    found: list[Alarm] = []
    for start, end in sorted(alarms):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
