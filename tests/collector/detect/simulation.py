"""A year of a fleet with ordinary faults, and blocks of three and a half hours: what the detector's numbers stand on.

Run it: ``python tests/collector/detect/simulation.py``; it prints the rows of attribution.md 2.3 for the shipped sums
and thresholds, and for others given by hand. It walks the same sums as the detector (a test holds the two together) but
only the bins in which something happens. Every figure depends on the seed and on nothing else.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from balise_collector.detect import cusum, mixture
from balise_collector.detect.cell_walk import CALM, RECENT
from balise_collector.detect.evidence import CAP, code, weight
from balise_collector.detect.thresholds import FIRM, lasting_bins, opens, threshold
from balise_collector.judge.verdict import VerdictState
from balise_wire.mechanisms import Mechanism

DAY = 288
YEAR = 365 * DAY
EVENT = 42
"""Bins of a block: three and a half hours at five minutes."""
FAULT = 4
"""Bins of a local fault: twenty minutes."""


@dataclass(frozen=True)
class World:
    """One cell and what happens in it."""

    probes: int = 3
    affected: int = 3
    noise: float = 0.02
    """Share of quiet bins that fail for no reason at all."""
    faults_a_day: float = 1.0
    """Local faults (Wi-Fi, router) of each probe."""
    missed: float = 0.1
    """Share of local faults that the controls do not notice."""
    seen: float = 0.97
    """Share of a blocked probe's bins that bring a verdict of blocking."""
    learned: bool = True
    """Whether the noise rate is learned, or the hand-set one believed for ever."""
    assumed: float = 0.01


@dataclass
class Figures:
    """What came of it."""

    years: float = 0.0
    events: int = 0
    delays: list[int] = field(default_factory=list)
    """Minutes from the onset to the opening, of the events that opened."""
    false_alarms: int = 0

    @property
    def recall(self) -> float:
        """Share of events that opened."""
        return len(self.delays) / self.events if self.events else float("nan")

    @property
    def median(self) -> float:
        """Median delay in minutes."""
        return statistics.median(self.delays) if self.delays else float("nan")

    @property
    def p90(self) -> float:
        """Delay that nine of ten do not exceed."""
        return sorted(self.delays)[int(0.9 * len(self.delays))] if self.delays else float("nan")

    @property
    def false_a_year(self) -> float:
        """False alarms a cell and year."""
        return self.false_alarms / self.years if self.years else 0.0

    def row(self, name: str) -> str:
        """Return one line of the table."""
        return (
            f"{name:<34} recall {self.recall:4.2f}  delay {self.median:4.0f} / {self.p90:4.0f} min  "
            f"false alarms {self.false_a_year:8.2f} a series-year  ({self.events} events, {self.years:.0f} years)"
        )


def noise_bins(world: World, bins: int, chance: random.Random) -> set[int]:
    """Return the bins in which one probe fails though nothing is blocked, controls notwithstanding."""
    found: set[int] = set()
    at = chance.expovariate(world.noise) if world.noise else float(bins)
    while at < bins:
        found.add(int(at))
        at += max(1.0, chance.expovariate(world.noise))
    rate = world.faults_a_day * world.missed / DAY
    at = chance.expovariate(rate) if rate else float(bins)
    while at < bins:
        found.update(range(int(at), min(bins, int(at) + FAULT)))
        at += FAULT + chance.expovariate(rate)
    return found


def weights(world: World) -> tuple[float, float]:
    """Return (lambda of a failure, lambda of an ok) once a month of quiet bins is known."""
    bins = 28 * DAY * world.probes
    rate = world.noise if world.learned else world.assumed
    failing, passing = code("sni.drop", VerdictState.BLOCKED, Mechanism.SNI_DROP), code("tls.ok", VerdictState.OK, None)
    assert failing is not None
    assert passing is not None
    return weight(failing, rate * bins, bins), weight(passing, rate * bins, bins)


def blocked_bins(world: World, start: int, chance: random.Random) -> list[set[int]]:
    """Return the failing bins of each probe in one event."""
    return [
        {b for b in range(start, start + EVENT) if chance.random() < world.seen} if probe < world.affected else set()
        for probe in range(world.probes)
    ]


Opens = Callable[[int, float, int, int, int], bool]


def openings(world: World, failing: list[set[int]], bins: int, rule: Opens = opens) -> Iterator[int]:
    """Yield the bins in which the cell opens; it closes as the detector does, on success that is observed."""
    up, down = weights(world)
    totals = [0.0] * world.probes
    last_fail = [-(10**9)] * world.probes
    fails = [0] * world.probes
    open_since: int | None = None
    ahead = sorted(set().union(*failing))
    place = bin_ = 0
    while bin_ < bins:
        if open_since is None and not any(totals):
            while place < len(ahead) and ahead[place] < bin_:
                place += 1
            if place == len(ahead):
                return
            bin_ = ahead[place]
        for probe in range(world.probes):
            hit = bin_ in failing[probe]
            totals[probe] = cusum.step(totals[probe], up if hit else down)
            last_fail[probe] = bin_ if hit else last_fail[probe]
            fails[probe] = (fails[probe] + hit) if totals[probe] else 0
        if open_since is not None:
            if all(bin_ - last >= CALM for last in last_fail):
                open_since, totals = None, [0.0] * world.probes
        elif _opens(world, totals, [last > bin_ - RECENT for last in last_fail], fails, rule):
            open_since = bin_
            yield bin_
        bin_ += 1


def _opens(world: World, totals: list[float], lately: list[bool], fails: list[int], rule: Opens) -> bool:
    """Ask the rule about one bin."""
    failing = [p for p in range(world.probes) if lately[p] and totals[p]]
    firm = [p for p in failing if fails[p] >= FIRM]
    lasting = [p for p in failing if totals[p] >= cusum.MOST and fails[p] >= lasting_bins(world.probes)]
    return rule(world.probes, mixture.mixture(totals), len(failing), len(firm), len(lasting))


def quiet(world: World, years: int, seed: int = 1, rule: Opens = opens) -> Figures:
    """Play years in which nothing is blocked."""
    figures, chance = Figures(years=years), random.Random(seed)
    for _ in range(years):
        failing = [noise_bins(world, YEAR, chance) for _ in range(world.probes)]
        figures.false_alarms += sum(1 for _ in openings(world, failing, YEAR, rule))
    return figures


def events(world: World, count: int, seed: int = 2, rule: Opens = opens) -> Figures:
    """Play single blocks, each after two quiet days, with the ordinary faults going on."""
    figures, chance = Figures(), random.Random(seed)
    for _ in range(count):
        start, bins = 2 * DAY, 2 * DAY + EVENT
        failing = [noise_bins(world, bins, chance) for _ in range(world.probes)]
        for probe, blocked in enumerate(blocked_bins(world, start, chance)):
            failing[probe] |= blocked
        figures.events += 1
        opened = [b for b in openings(world, failing, bins, rule) if b >= start]
        if opened:
            figures.delays.append((opened[0] - start + 1) * 5)
    return figures


def both(world: World, years: int, count: int, rule: Opens = opens) -> Figures:
    """Return recall, delays and false alarms of one world."""
    figures, silent = events(world, count, rule=rule), quiet(world, years, rule=rule)
    figures.years, figures.false_alarms = silent.years, silent.false_alarms
    return figures


ROWS: dict[str, World] = {
    "2 probes, 2 affected": World(2, 2),
    "3 probes, 3 affected": World(3, 3),
    "3 probes, 2 affected": World(3, 2),
    "5 probes, 3 affected": World(5, 3),
    "5 probes, 2 affected": World(5, 2),
    "7 probes, 3 affected": World(7, 3),
    "10 probes, 3 affected": World(10, 3),
    "10 probes, 2 affected": World(10, 2),
    "20 probes, 3 affected": World(20, 3),
    "5 of 5, noise 8 %, learned": World(5, 3, noise=0.08),
}
"""The rows of attribution.md 2.3 for the shipped thresholds."""


def main() -> None:
    """Print the table."""
    print(f"cap {CAP}, saturation {cusum.MOST}, phi {mixture.PHI}")  # noqa: T201 - a program that prints its table
    for name, world in ROWS.items():
        print(both(world, max(10, 160 // world.probes), 300).row(f"{name}, h={threshold(world.probes):g}"))  # noqa: T201 - as above
    low = both(World(10, 3), 4, 300, lambda _n, score, failing, _f, _l: failing > 1 and score > 9.0)
    print(low.row("10 probes, 3 affected, h=9"))  # noqa: T201 - as above
    naive = both(
        World(5, 3, noise=0.08, learned=False, assumed=0.03), 4, 300, lambda _n, g, f, _firm, _l: f > 1 and g > 9.0
    )
    print(naive.row("5, noise 8 % assumed 3 %, h=9"))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
