"""Homes, faults and blocks as single trials: what a fleet would measure, drawn at random, without any detector.

Lives here: the world (noise, evenings, Wi-Fi, lossy hours, faults of one subject alone, resolvers, power, liars, bad
evenings that homes share, blocks) and the probe's way through it (sentinel, anomaly, rest of 180 s, paired series). It
shares no code with the detector or with the fitting of its thresholds. Must not live here: detectors (rivals.py), what
is counted (bench_detection.py). Time is seconds from the beginning of a play, which is a midnight.
"""

from __future__ import annotations

import csv
import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SLOT: Final = 300.0
REST: Final = 180.0
"""Seconds after a failure before the same endpoint is asked again (residual blocking)."""
DEAD: Final = 12.0
"""Seconds that a trial without an answer takes."""
LAYERS: Final = ("dns", "tcp", "tls", "http")
ROLES: Final = ("web", "api", "media-image", "text")
CELLS: Final = tuple((role, layer) for role in ROLES for layer in LAYERS)
"""Sixteen cells a provider."""
DURATIONS: Final = (20, 30, 40, 50, 60, 70, 90, 100, 120, 135, 150, 180, 195, 250, 280, 330, 410, 480, 650)
"""Minutes: every twentieth of 1,571 outages that IODA investigated (SIGCOMM 2023), those below twenty left out."""
RECORDED: Final = Path(__file__).parents[3] / "shared" / "data" / "outages" / "ioda_investigated_outages.csv"


class Outcome(NamedTuple):
    """What one run of one probe in one cell came to."""

    at: float
    since: float
    """Beginning of the first failing trial in its evidence."""
    kind: str
    """``ok``, ``anomaly`` (a sentinel alone failed), ``blocked``, ``partial``, ``void`` (a control failed)."""
    proof: bool = False


@dataclass(frozen=True, kw_only=True)
class World:
    """How bad life is. Rates are per home where nothing else is said."""

    noise: float = 0.02
    """Share of trials that fail for no reason at all."""
    evening: float = 2.0
    """By which noise is multiplied from 18 to 23 h."""
    wifi_minutes: float = 20.0
    """Minutes a day without Wi-Fi: nothing is measured, and nothing heard."""
    lossy_every: float = 3 * DAY
    lossy_noise: float = 0.15
    """Of an hour."""
    alone_every: float = 30 * DAY
    """Faults of one service alone, of 20 minutes to 3 hours, on a home's side of the line."""
    alone_whole: float = 0.4
    """Share of these that hit the whole service; else one layer (half of them) or one cell."""
    resolver_every: float = 14 * DAY
    """A resolver that loses two answers of five for three hours."""
    power_every: float = 30 * DAY
    """Power cuts of half an hour to four hours, of one home."""
    districts: bool = False
    """Every third cut is the district's, with a third of a provider's homes: no statistic of silence tells it from an
    outage; what incidents/ knows of boots and districts does."""
    shared_every: float = 7 * DAY
    """Bad evenings of a provider: two hours of noise in all of its homes."""
    shared_noise: float = 0.10
    liar_hours: float = 0.0
    """Hours a day for which one probe of the fleet says that everything is blocked."""


HARSH: Final = World(shared_noise=0.2, lossy_every=DAY, liar_hours=6.0)
USUAL: Final = World(liar_hours=6.0)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts."""

    start: float
    end: float
    size: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Block:
    """One provider's block of a service."""

    start: float
    end: float
    share: float = 1.0
    """Of flows that the box acts on."""
    proof: float = 0.0
    """Share of its verdicts that carry a packet no server sends."""
    on: float = 0.0
    """Minutes on, then as many off; 0: all the time."""

    def acts(self, at: float) -> bool:
        """Whether the box is switched on."""
        return self.start <= at < self.end and (not self.on or int((at - self.start) / (self.on * MINUTE)) % 2 == 0)


@dataclass(slots=True)
class Home:
    """One probe and its line."""

    name: str
    asn: int
    noisy: list[Span] = field(default_factory=list)
    """Of all trials alike, ``size`` of them."""
    dark: list[Span] = field(default_factory=list)
    alone: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    """Where only the subject fails."""
    resolver: list[Span] = field(default_factory=list)


def durations() -> Sequence[float]:
    """Return the minutes that real outages lasted: the recorded list where it is at hand, else its quantiles."""
    if not RECORDED.exists():
        return DURATIONS
    found = []
    with RECORDED.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            moments = [_moment(row["Begin time"]), _moment(row["End time"])]
            if moments[0] is not None and moments[1] is not None:
                found.append((moments[1] - moments[0]) / MINUTE)
    return sorted(minutes for minutes in found if minutes >= DURATIONS[0]) or DURATIONS


def _moment(text: str) -> float | None:
    try:
        return datetime.strptime(text.strip() + " +0000", "%A, %B %d, %Y, %I:%M:%S %p %z").timestamp()
    except ValueError:
        return None


# ---------------------------------------------------------------- homes


def _spans(chance: random.Random, until: float, every: float, low: float, high: float, size: float = 1.0) -> list[Span]:
    """Return spans at random moments, of uniform length."""
    found: list[Span] = []
    at = chance.expovariate(1.0 / every) if every else math.inf
    while at < until:
        length = chance.uniform(low, high)
        found.append(Span(at, at + length, size))
        at += length + chance.expovariate(1.0 / every)
    return found


def homes(world: World, providers: int, probes: int, until: float, chance: random.Random) -> list[Home]:
    """Return a country's homes with all their ordinary troubles up to ``until`` (seconds)."""
    fleet: list[Home] = []
    for provider in range(providers):
        shared = _spans(chance, until, world.shared_every, 2 * HOUR, 2 * HOUR, world.shared_noise)
        district = _spans(chance, until, 3 * world.power_every, 0.5 * HOUR, 4 * HOUR)
        for number in range(probes):
            home = Home(f"p{provider:02}{number:03}", 64500 + provider)
            home.noisy = [*_spans(chance, until, world.lossy_every, HOUR, HOUR, world.lossy_noise), *shared]
            home.dark = _spans(chance, until, 1.5 * world.power_every, 0.5 * HOUR, 4 * HOUR)
            home.dark += [one for one in district if world.districts and chance.random() < 1 / 3]
            if world.wifi_minutes:
                home.dark += _spans(chance, until, DAY, world.wifi_minutes * MINUTE, world.wifi_minutes * MINUTE)
            home.resolver = _spans(chance, until, world.resolver_every, 3 * HOUR, 3 * HOUR, 0.4)
            home.alone = _alone(world, until, chance)
            fleet.append(home)
    if world.liar_hours:
        length = world.liar_hours * HOUR
        days = [Span(at, at + length) for at in (d * DAY + chance.uniform(0, DAY - length) for d in _days(until))]
        liar = chance.choice(fleet)
        for cell in CELLS:
            liar.alone.setdefault(cell, []).extend(days)
    return fleet


def _days(until: float) -> range:
    return range(math.ceil(until / DAY))


def _alone(world: World, until: float, chance: random.Random) -> dict[tuple[str, str], list[Span]]:
    """Return when a service alone fails on one home's side, by cell."""
    found: dict[tuple[str, str], list[Span]] = {}
    for span in _spans(chance, until, world.alone_every, 20 * MINUTE, 3 * HOUR):
        one = chance.choice(CELLS)
        whole, layer = chance.random() < world.alone_whole, chance.random() < 0.5
        for cell in CELLS:
            if whole or cell == one or (layer and cell[1] == one[1]):
                found.setdefault(cell, []).append(span)
    return found


# ---------------------------------------------------------------- one probe in one cell


class Line:
    """What a trial at a moment meets: the levels are laid out once, and looked up."""

    def __init__(self, world: World, home: Home, cell: tuple[str, str], until: float, block: Block | None) -> None:
        self.block = block
        self._alone = home.alone.get(cell, [])
        noisy = home.noisy + (home.resolver if cell[1] == "dns" else [])
        edges = {0.0, until}
        edges.update(hour * HOUR + day * DAY for day in _days(until) for hour in (18, 23))
        for span in (*noisy, *home.dark, *self._alone):
            edges.update((span.start, span.end))
        if block is not None:
            edges.update((block.start, block.end))
        self.edges = sorted(edge for edge in edges if 0.0 <= edge <= until)
        noise = [world.noise * (world.evening if 18 * HOUR <= edge % DAY < 23 * HOUR else 1.0) for edge in self.edges]
        self.fails = self._raised(noise, noisy)
        self.dark = self._raised([0.0] * len(self.edges), home.dark)
        self.subject = self._raised([0.0] * len(self.edges), self._alone)

    def _raised(self, levels: list[float], spans: list[Span]) -> list[float]:
        """Return levels that are at least as high as the spans in force."""
        for span in spans:
            first = bisect_right(self.edges, span.start) - 1
            for place in range(max(0, first), len(self.edges)):
                if self.edges[place] >= span.end:
                    break
                if self.edges[place] >= span.start:
                    levels[place] = max(levels[place], span.size)
        return levels

    def place(self, at: float) -> int:
        """Return where a moment lies in the levels."""
        return bisect_right(self.edges, at) - 1

    def quiet(self, place: int) -> bool:
        """Whether nothing but noise acts from an edge to the next."""
        block = self.block
        blocked = block is not None and block.start < self.edges[place] + 1.0 and block.end > self.edges[place]
        return not self.subject[place] and not blocked

    def neutral_fails(self, at: float, chance: random.Random) -> bool:
        """Whether a control's trial fails."""
        return chance.random() < self.fails[self.place(at)]

    def subject_fails(self, at: float, chance: random.Random) -> bool:
        """Whether a trial with the subject's name fails."""
        place = self.place(at)
        if chance.random() < max(self.fails[place], self.subject[place]):
            return True
        return self.block is not None and self.block.acts(at) and chance.random() < self.block.share

    def is_dark(self, at: float) -> bool:
        """Whether the probe is cut off."""
        return self.dark[self.place(at)] > 0.0


def outcomes(
    line: Line,
    until: float,
    chance: random.Random,
    every: float = SLOT,
    *,
    ordinary: bool = False,
    passing: bool = True,
) -> Iterator[Outcome]:
    """Yield what is not an ordinary ok, in order of time, and the ok that ends an anomaly.

    Between two of them lie ordinary sentinels, all ok, one each ``every`` seconds where the line is not dark; with
    ``ordinary`` these are yielded as well. Without ``passing``, anomalies that pass at the first paired series are not
    drawn (nineteen of twenty: they say nothing), only the others, as often as they are.
    """
    at = chance.uniform(0.0, every)
    while at < until:
        place = line.place(at)
        end = line.edges[place + 1] if place + 1 < len(line.edges) else until
        if not line.dark[place] and end - at >= every and line.quiet(place):
            # Memoryless: the next failing sentinel of a stretch of equal noise is drawn at once.
            level = line.fails[place]
            if not passing:
                level *= 1.0 - (1.0 - level) ** 2
            gap = math.log(1.0 - chance.random()) / math.log1p(-level) if level else math.inf
            whole = int((end - at) / every)
            if ordinary:
                yield from (Outcome(at + n * every, at + n * every, "ok") for n in range(int(min(gap, whole))))
            if gap >= whole:
                at += max(1, whole) * every
                continue
            at += int(gap) * every
            lasting = 0.0 if passing else line.fails[place]
            yield from (found := list(_anomaly(line, at, chance, every, until, lasting)))
            at = _next(at, found, every)
            continue
        if not line.is_dark(at) and line.subject_fails(at, chance):
            yield from (found := list(_anomaly(line, at, chance, every, until)))
            at = _next(at, found, every)
        else:
            if ordinary and not line.is_dark(at):
                yield Outcome(at, at, "ok")
            at += every


def _next(began: float, found: Sequence[Outcome], every: float) -> float:
    """Return the first slot of a schedule after the last run of an anomaly."""
    last = found[-1].at if found else began
    return began + (int((last - began) / every) + 1) * every


def _anomaly(
    line: Line, began: float, chance: random.Random, every: float, until: float, lasting: float = 0.0
) -> Iterator[Outcome]:
    """Yield a failing sentinel and the paired series after it, until one passes.

    Where ``lasting`` is not 0, the first series does not pass: that was drawn before, with such a level of noise.
    """
    yield Outcome(began, began, "anomaly")
    cause, at, slot = began, began + DEAD + REST, began
    while at < until:
        if line.is_dark(at):
            at += every
            continue
        control = line.neutral_fails(at, chance) or line.neutral_fails(at + 1, chance)
        first = at + 2.0 + (2 * DEAD if control else 0.0)
        one = chance.random() * (2.0 - lasting) < 1.0 if lasting else line.subject_fails(first, chance)
        second = first + (DEAD if one else 1.0)
        dead = [one, not one or chance.random() < lasting if lasting else line.subject_fails(second, chance)]
        lasting = 0.0
        last = second + (DEAD if dead[1] else 1.0)
        if not any(dead):
            yield Outcome(first, first, "ok")
            return
        kind = "void" if control else "blocked" if all(dead) else "partial"
        proof = kind == "blocked" and line.block is not None and line.block.acts(at)
        yield Outcome(second, cause, kind, proof and chance.random() < line.block.proof if line.block else False)
        cause = second if dead[1] else first
        slot += every
        at = max(slot, last + REST)
        slot += int((at - slot) / every) * every
