"""The look that is taken every minute at the fleet and at the collector itself.

Lives here: gathering facts from the stores at intervals of the collector's clock. Must not live here: what a probe's
silence means (liveness.py), names of points (points.py).
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_collector.conclude.liveness import standing
from balise_collector.conclude.store import Store
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.incidents.findings import findings
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import Point
from balise_collector.sinks.courses import Course
from balise_collector.sinks.facts import CollectorFacts, ReaderFacts
from balise_collector.sinks.points import collector_points, fleet_point

EVERY: Final = 60.0
"""Clock seconds between two looks."""
SOFTWARE_EVERY: Final = 600.0
"""Clock seconds for which a probe's software is believed: reading it opens a sealed batch."""


class Watch:
    """Takes the looks; it belongs to one thread."""

    def __init__(
        self,
        registry: FleetRegistry,
        state_dir: Path,
        now: Callable[[], float],
        brokers: Callable[[], Mapping[str, bool]],
        silence: float,
    ) -> None:
        """Prepare.

        Args:
            registry: this thread's connection to the fleet's file.
            state_dir: whose disk is looked at.
            now: UNIX seconds.
            brokers: whether each broker's connection stands.
            silence: seconds without a word after which a probe is silent.
        """
        self._registry = registry
        self._state_dir = state_dir
        self._now = now
        self._brokers = brokers
        self._silence = silence
        self._due = 0.0
        self._before: CollectorFacts | None = None
        self._software: dict[str, tuple[str, float]] = {}
        """Each probe's software, and when that was read."""
        self.courses: Sequence[Course] = ()
        """Whose cursors are told of."""

    def look(self, store: Store, journal: SqliteJournal) -> list[Point]:
        """Return the points of a look when one is due; else none."""
        now = self._now()
        if now < self._due:
            return []
        self._due = now // EVERY * EVERY + EVERY
        at = now // EVERY * EVERY
        fleet, alive = self._fleet(store, journal, now, at)
        facts = self._facts(store, journal, alive)
        readers = [ReaderFacts(name="judge", position=journal.cursor("judge"), head=journal.head())]
        readers += [
            ReaderFacts(name=name, position=position, head=head)
            for course in self.courses
            for name, position, head in course.readers(store, journal)
        ]
        self._before = facts
        return [*fleet, *collector_points(facts, readers, at)]

    def _fleet(self, store: Store, journal: SqliteJournal, now: float, at: float) -> tuple[list[Point], int]:
        """Return a point of each member, and how many are alive."""
        presence, health = journal.latest_presence(), journal.latest_health()
        points, alive = [], 0
        fleet = self._registry.fleet()
        for member in fleet.active():
            last, patience = health.get(member.id), fleet.patience(member.id, self._silence)
            measured = store.last_measured(member.id)
            found = standing(presence.get(member.id), measured, last, now, patience, fleet.excuse(member.id))
            alive += found.alive
            points.append(fleet_point(member, found, last, self._software_of(member.id, store, journal, now), at))
        return points, alive

    def _software_of(self, probe: str, store: Store, journal: SqliteJournal, now: float) -> str:
        """Return what the newest measurement of a probe was made with; empty where it has none.

        Read from the journal, so that a collector that was just started knows it too.
        """
        known, read_at = self._software.get(probe, ("", float("-inf")))
        if known and now - read_at < SOFTWARE_EVERY:
            return known
        newest = store.newest_of(probe)
        rows = journal.rows([newest]) if newest is not None else []
        if rows:
            known = rows[0].measurement.software
            self._software[probe] = (known, now)
        return known

    def _facts(self, store: Store, journal: SqliteJournal, alive: int) -> CollectorFacts:
        totals, brokers, before = journal.totals(), self._brokers(), self._before
        cells: dict[str, Any] = msgspec.json.decode(store.memory("cells") or b"{}")
        verdicts, progress = store.last_change(), store.progress()
        lag = None
        if totals.last_received is not None and progress.received:
            lag = max(0.0, totals.last_received - progress.received)
        return CollectorFacts(
            journal_rows=totals.measurements,
            batches=totals.batches,
            events=totals.events,
            verdicts=verdicts,
            quarantined=totals.refused,
            quarantine_dropped=totals.refused_dropped,
            set_aside=totals.set_aside,
            received_rows=max(0, totals.measurements - before.journal_rows) if before else None,
            judged_rows=max(0, verdicts - before.verdicts) if before else None,
            refused_rows=max(0, totals.refused - before.quarantined) if before else None,
            brokers=len(brokers),
            brokers_up=sum(brokers.values()),
            cells_open=len(cells.get("open", ())),
            cells_suspect=len(cells.get("suspect", ())),
            incidents_open=sum(one.closed_at is None for one in findings(store.incidents())),
            probes=len(self._registry.fleet().active()),
            probes_alive=alive,
            probes_waiting=len(self._registry.pending()),
            disk_free_bytes=shutil.disk_usage(self._state_dir).free,
            judge_lag_s=lag,
        )
