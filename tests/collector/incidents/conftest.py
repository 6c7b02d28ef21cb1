"""The detector's play, with a book behind it: verdicts in, revisions of incidents out.

Must not live here: expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from balise_collector.incidents import Incident, IncidentBook, IncidentChange
from balise_collector.judge import Verdict
from tests.collector.detect.conftest import ABROAD, Play


@dataclass(frozen=True)
class Known:
    """A fleet view: the providers of a country."""

    asns: frozenset[int] = frozenset({64501, 64502, 64503, 64504})
    regions: Mapping[str, str] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    boots: Mapping[str, bool] = field(default_factory=dict)

    def known_asns(self, country: str) -> frozenset[int]:
        """Return the same for every country."""
        del country
        return self.asns

    def references(self) -> dict[str, str]:
        """Return those of the play."""
        return {seat.probe: seat.country for seat in ABROAD}

    def region(self, probe: str) -> str:
        """Return where a probe stands."""
        return self.regions.get(probe, "")

    def versions(self, probe: str) -> tuple[str, str]:
        """Return what a probe measures with."""
        return self.software.get(probe, ""), ""

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Return whether a board ran on."""
        del since
        return self.boots.get(probe)


@dataclass
class Story:
    """A play and its book."""

    play: Play
    book: IncidentBook = field(default_factory=IncidentBook)
    fleet: Known = field(default_factory=Known)
    changes: list[IncidentChange] = field(default_factory=list)

    def tell(self, verdicts: Iterable[Verdict], until: float | None = None) -> list[IncidentChange]:
        """Observe in order of time, advance and apply at each slot's end; returns the new changes."""
        waiting = sorted(verdicts, key=lambda v: v.at)
        now = min((v.at for v in waiting), default=self.play.at(0)) // 300 * 300
        last = max((v.at for v in waiting), default=now) if until is None else until
        before = len(self.changes)
        while now <= last + 300:
            now += 300
            while waiting and waiting[0].at < now:
                self.play.detector.observe(waiting.pop(0))
            self.step(now)
        return self.changes[before:]

    def step(self, now: float) -> None:
        """Advance and apply once."""
        self.changes.extend(self.book.apply(self.play.detector.advance(now), self.play.detector, self.fleet, now))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What stands now."""
        return self.book.incidents


@pytest.fixture
def story() -> Story:
    """Return a story with a fresh detector and book."""
    return Story(Play())
