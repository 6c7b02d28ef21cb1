"""Quiet years: homes lose Wi-Fi, electricity and patience, each for itself or by district, and no provider is at fault.

The years are drawn here, event by event; nothing is shared with what judges them but the silences themselves.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from balise_collector.detect.evidence import SILENT_RULE
from balise_collector.detect.index import CellIndex, KnownProbe
from balise_collector.detect.interval import Interval
from balise_collector.detect.model import INTERNET, AffectedProbe, RuleCount, Sight
from balise_collector.detect.silences import Silences, line_cell
from balise_collector.incidents.hypotheses import posterior
from balise_collector.incidents.hypotheses.claim import PRIORS_OF_LINES, kinds
from balise_collector.incidents.hypotheses.gather import Scene, gather
from balise_collector.incidents.model import IncidentKind
from balise_collector.judge.verdict import VerdictState
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism

DAY: Final = 86_400.0
YEAR: Final = 365 * DAY
START: Final = 1_700_000_000.0 // DAY * DAY
PATIENCE: Final = 900.0
RUNS: Final = 1
STEP: Final = 600.0
PROVIDERS: Final = 3
SILENT: Final = RuleCount(rule=SILENT_RULE, state=VerdictState.DOWN, mechanism=Mechanism.SHUTDOWN_ISP, bins=6)


@dataclass(frozen=True)
class Home:
    """One home: where it stands and how it lives."""

    probe: str
    asn: int
    district: int
    wifi: float
    """Silences a day of its own."""
    nightly: float | None
    """Seconds of the day at which the host pulls the plug."""
    dies: float
    """Days after which its board is dead for good."""
    battery: bool


def fleet(homes: int, chance: random.Random) -> list[Home]:
    """Draw the homes of three providers, in two districts."""
    return [
        Home(
            probe=f"p{asn}-{n}",
            asn=asn,
            district=chance.choice((0, 0, 1)),
            wifi=min(1.5, chance.lognormvariate(-2.0, 1.0)),
            nightly=chance.gauss(23.0, 0.4) * 3600.0 if chance.random() < 0.15 else None,
            dies=chance.expovariate(1 / 500.0),
            battery=chance.random() < 0.1,
        )
        for asn in range(1, PROVIDERS + 1)
        for n in range(homes)
    ]


def quiets(homes: list[Home], chance: random.Random) -> list[tuple[float, float, str]]:
    """Return (begin, end, probe) of every silence of a year, seconds of the year."""
    found: list[tuple[float, float, str]] = []
    for home in homes:
        at = 0.0
        while (at := at + chance.expovariate(home.wifi) * DAY) < YEAR:
            found.append((at, at + chance.choice((600.0, 1200.0, 1200.0, 3600.0, 10_800.0)), home.probe))
        if home.nightly is not None:
            for day in range(365):
                begin = day * DAY + home.nightly + chance.gauss(0.0, 900.0)
                found.append((begin, begin + 8 * 3600.0, home.probe))
        if home.dies * DAY < YEAR:
            found.append((home.dies * DAY, home.dies * DAY + 20 * DAY, home.probe))
    for district in (0, 1):
        # Cuts of electricity take the district's homes, but those with a battery; one month a year it is shed daily.
        cuts = [(chance.random() * YEAR, chance.choice((1800.0, 3600.0, 7200.0))) for _ in range(8)]
        month = chance.randrange(11) * 30
        cuts += [((month + n) * DAY + 3600.0 * (9 + 4 * (n % 3)), 7200.0) for n in range(30)]
        for begin, long in cuts:
            found.extend(
                (begin + chance.random() * 60.0, begin + long + chance.random() * 300.0, home.probe)
                for home in homes
                if home.district == district and not home.battery
            )
    return sorted(found)


@dataclass
class Facts:
    """What the fleet knows of districts and boots."""

    districts: dict[str, str]

    def region(self, probe: str) -> str:
        """Return a district where it was written down."""
        return self.districts.get(probe, "")

    def versions(self, probe: str) -> tuple[str, str]:
        """Return no version."""
        del probe
        return "", ""

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Return that it is not known yet."""
        del probe, since
        return None


class Year:
    """One country for one year."""

    def __init__(self, homes: int, seed: int, *, known: bool) -> None:
        """Draw it; ``known`` is whether the operator wrote districts down."""
        chance = random.Random(seed)
        self.homes = fleet(homes, chance)
        self.quiets = quiets(self.homes, chance)
        self.index = CellIndex()
        self.networks = {h.probe: Network(country="PK", asn=h.asn) for h in self.homes}
        self.facts = Facts({h.probe: f"d{h.district}" for h in self.homes} if known else {})
        for home in self.homes:
            network = self.networks[home.probe]
            self.index.probes[home.probe] = KnownProbe(network)
            self.index.history(home.probe, network, line_cell(network))
        self.silences = Silences(self.index, 300.0)
        self.down: dict[str, list[float]] = {}

    def false_outages(self) -> int:
        """Play the year and return how many outages would have been told; each day of a provider counts once."""
        told: set[tuple[int, int]] = set()
        for now, silent in self._moments():
            self.hear(now, silent)
            if not self._pair(now, silent):
                self.silences.end()
                continue
            filled = {series.probe for series, _ in self.silences.fill(now, {})}
            for asn in {self.networks[p].asn for p in filled}:
                members = [p for p in filled if self.networks[p].asn == asn]
                if len(members) > 1 and self._claimed(members, set(silent)):
                    told.add((asn, int(now // DAY)))
        return len(told)

    def _pair(self, now: float, silent: dict[str, float]) -> bool:
        """Whether two homes of one provider have been silent for long enough."""
        seen: set[int] = set()
        for probe, begun in silent.items():
            if now - begun > PATIENCE:
                asn = self.networks[probe].asn
                if asn in seen:
                    return True
                seen.add(asn)
        return False

    def _moments(self) -> Iterator[tuple[float, dict[str, float]]]:
        """Step through every time at which two homes are silent: (now, since when each is)."""
        ends: list[tuple[float, str]] = []
        since: dict[str, float] = {}
        held: dict[str, int] = {}
        place, at = 0, 0.0
        while place < len(self.quiets) or ends:
            if len(held) < 2:
                upcoming = [self.quiets[place][0]] if place < len(self.quiets) else []
                at = max(at, min([*upcoming, *([ends[0][0]] if ends else [])]))
            at += STEP
            while place < len(self.quiets) and self.quiets[place][0] <= at:
                begin, end, probe = self.quiets[place]
                place += 1
                if not held.get(probe):
                    since[probe] = begin
                held[probe] = held.get(probe, 0) + 1
                heapq.heappush(ends, (end, probe))
            while ends and ends[0][0] <= at:
                _, probe = heapq.heappop(ends)
                held[probe] -= 1
                if not held[probe]:
                    del held[probe], since[probe]
            yield START + at, {p: START + begin for p, begin in since.items()}

    def hear(self, now: float, silent: dict[str, float]) -> None:
        """Let everybody else be heard."""
        for home in self.homes:
            self.index.probes[home.probe].heard = silent.get(home.probe, now)
        for probe, begun in silent.items():
            if now - begun > PATIENCE:
                self.silences.begin(probe, self.networks[probe], begun)

    def _claimed(self, members: list[str], silent: set[str]) -> bool:
        """Whether such a silence would be told as an outage."""
        line: dict[str, Any] = {"country": "PK", "service": INTERNET, "role": "line", "family": 4, "layer": "line"}
        home = tuple(
            Sight(probe=h.probe, asn=h.asn, ok=0 if h.probe in silent else 6, failed=6 * (h.probe in silent), **line)
            for h in self.homes
        )
        onset = Interval(earliest=START, latest=START + 300.0)
        affected = tuple(
            AffectedProbe(
                probe=p, country="PK", asn=self.networks[p].asn, onset=onset, rules=(SILENT,), failing_bins=6,
                observed_bins=6,
            )
            for p in members
        )  # fmt: skip
        scene = Scene(
            service=INTERNET, members=affected, cells=frozenset({("line", 4, "line")}), home=home, abroad=(), signs={},
            proofs=frozenset(), witness=lambda probe: probe, fleet=self.facts,
        )  # fmt: skip
        return kinds(posterior(gather(scene), PRIORS_OF_LINES))[IncidentKind.OUTAGE] >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_quiet_years_tell_of_no_outage() -> None:
    """At most 0.1 false outages a country-year, with two to twenty homes a provider; the table is printed."""
    rows, total, years = [], 0, 0
    for homes in (2, 3, 5, 10, 20):
        for known in (True, False):
            runs = RUNS
            false = sum(Year(homes, 1000 * homes + seed, known=known).false_outages() for seed in range(runs))
            rows.append(f"{homes:3} homes, districts {'known  ' if known else 'unknown'}: {false / runs:.2f} a year")
            total, years = total + false, years + runs
    sys.stdout.write("\n".join(["", *rows, f"all: {total} in {years} country-years", ""]))
    assert total <= 0.1 * years


def test_three_homes_of_a_provider_that_fall_silent_together_are_company() -> None:
    """Three of three within minutes is no coincidence; two of three is, and so is what happens every night."""
    for gone, expected in ((3, True), (2, False)):
        year = Year(3, 7, known=True)
        ours = [h.probe for h in year.homes if h.asn == 1]
        now = START + 40 * DAY
        since = {p: now - 1800.0 + 60 * n for n, p in enumerate(ours[:gone])}
        year.hear(now, since)
        filled = {series.probe for series, _ in year.silences.fill(now, {})}
        assert (set(since) <= filled) is expected
    year = Year(3, 7, known=True)
    ours = [h.probe for h in year.homes if h.asn == 1]
    found: set[str] = set()
    for night in range(20):
        now = START + night * DAY + 83_000.0
        year.hear(now, dict.fromkeys(ours, now - 1800.0))
        found = {series.probe for series, _ in year.silences.fill(now, {})}
        year.hear(now + 8 * 3600.0, {})
        list(year.silences.fill(now + 8 * 3600.0, {}))
    assert not found & set(ours)
