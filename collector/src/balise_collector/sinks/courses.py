"""What flows to a sink, each course with a cursor of its own: conclusions, health, events, gauges, roll-ups.

Lives here: which rows are next, and moving the cursor when the sink has kept their points. A cursor never moves over
something that was not kept. Must not live here: points (points.py), pauses and threads (feed.py).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from balise_collector.conclude.store import Change, Store
from balise_collector.fleet.members import Fleet, Member
from balise_collector.incidents.findings import told
from balise_collector.incidents.model import Incident
from balise_collector.journal import EventRow, HealthRow, JournalRow
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import Point, Sink
from balise_collector.sinks.points import (
    health_point,
    incident_points,
    line_point,
    probe_event_point,
    rollup_point,
    timings,
    unconfirmed_point,
    verdict_point,
)
from balise_collector.sinks.rollup import Window
from balise_collector.system.faults import Fault, Faults
from balise_wire.words import Experiment

_log = logging.getLogger(__name__)
RowT = TypeVar("RowT", HealthRow, EventRow)

CHUNK: Final = 2000
_ROWS_AT_ONCE: Final = 2000
"""Measurements held in memory at a time while a window is computed."""
GAUGES_MOST: Final = 50_000
"""Gauge points that wait in memory while a sink is away; then the oldest go, and are counted."""


def tell(fresh: Sequence[Fault], title: str) -> None:
    """Say what a course had to leave out, in few lines; all of it is in the journal."""
    if fresh:
        first = fresh[0]
        _log.error(
            "sink %s: %d left out, all else goes on; the first (%s %d): %s",
            title, len(fresh), first.place, first.seq, first.error,
        )  # fmt: skip


class Course(Protocol):
    """Something that flows."""

    def step(self, store: Store, journal: SqliteJournal) -> int:
        """Send the next piece and move the cursor; returns how much that was, 0 when all is sent.

        Raises:
            SinkError: the sink did not take it; the cursor stays.
        """
        ...

    def readers(self, store: Store, journal: SqliteJournal) -> list[tuple[str, int, int]]:
        """Return name, position and head of its cursor, where it has one."""
        ...


class Conclusions:
    """Verdicts and incidents, in the order in which they were written; one judged again flows again."""

    def __init__(self, sink: Sink, title: str) -> None:
        """Prepare; ``title`` is the name of the reader, for people."""
        self._sink = sink
        self._title = title
        self._bookmark = Bookmark(sink.name)

    def step(self, store: Store, journal: SqliteJournal) -> int:
        """Send the next chunk of changes."""
        after, generation = self._bookmark.position(journal, store)
        changes = store.changes(after, CHUNK)
        if not changes:
            return 0
        rows = {row.seq: row for row in journal.rows([change.seq for change in changes if change.verdict is not None])}
        points: list[Point] = []
        faults = Faults()
        for change in changes:
            with faults.set_aside("points", change.change):
                points.extend(self._points(change, rows.get(change.seq), store))
        self._sink.take(points)
        tell(journal.set_aside(self._title, faults.drain(), changes[-1].noted_at), self._title)
        self._bookmark.advance(journal, changes[-1].change, generation)
        return len(changes)

    def _points(self, change: Change, row: JournalRow | None, store: Store) -> list[Point]:
        if change.incident is not None:
            return _incident_points(change.incident, change.noted_at, store)
        if change.verdict is None:
            return []
        measurement = row.measurement if row else None
        points = [verdict_point(change.verdict, measurement, change.seq)]
        if measurement is not None and change.verdict.layer is Experiment.LINE:
            line = line_point(measurement, change.verdict.probe, change.seq)
            points.extend([line] if line else [])
        return points

    def readers(self, store: Store, journal: SqliteJournal) -> list[tuple[str, int, int]]:
        """Return how far it has come in the store's changes."""
        return [(self._title, self._bookmark.position(journal, store)[0], store.last_change())]


def _incident_points(one: Incident, noted_at: float, store: Store) -> list[Point]:
    """Return what a revision is to a dashboard: what may be told, and apart from it what one probe alone saw."""
    said = [found for _, found in told(store.revisions(one.id)) if found.revision <= one.revision]
    points = incident_points(said[-1], noted_at, said[:-1]) if said and said[-1].revision == one.revision else []
    return points if one.confirmed else [*points, unconfirmed_point(one, noted_at)]


class _Rows(Generic[RowT]):
    """What probes said, row by row of one of the journal's numbered tables."""

    _cursor_of: ClassVar[str]

    def __init__(self, sink: Sink, title: str, fleet: Callable[[], Fleet]) -> None:
        self._sink = sink
        self._title = title
        self._fleet = fleet
        self._cursor = f"{sink.name}:{self._cursor_of}"

    def step(self, store: Store, journal: SqliteJournal) -> int:  # noqa: ARG002 - the shape of a course
        """Send the next chunk."""
        rows = self._next(journal, journal.cursor(self._cursor))
        if not rows:
            return 0
        members = self._fleet().members
        points: list[Point] = []
        faults = Faults()
        for row in rows:
            with faults.set_aside("points", row.no):
                points.append(self._point(row, members.get(row.probe)))
        self._sink.take(points)
        tell(journal.set_aside(self._title, faults.drain(), rows[-1].received_at), self._title)
        journal.advance(self._cursor, rows[-1].no)
        return len(rows)

    def readers(self, store: Store, journal: SqliteJournal) -> list[tuple[str, int, int]]:  # noqa: ARG002 - as above
        """Return how far it has come."""
        return [(self._title, journal.cursor(self._cursor), self._last(journal))]

    def _next(self, journal: SqliteJournal, after: int) -> list[RowT]:
        """Return the rows that follow, a chunk at most."""
        raise NotImplementedError

    def _point(self, row: RowT, member: Member | None) -> Point:
        """Return what a row is to a dashboard."""
        raise NotImplementedError

    def _last(self, journal: SqliteJournal) -> int:
        """Return the number of the newest row."""
        raise NotImplementedError


class HealthReports(_Rows[HealthRow]):
    """Every health report of every probe."""

    _cursor_of = "health"

    def _next(self, journal: SqliteJournal, after: int) -> list[HealthRow]:
        return journal.health(after, CHUNK)

    def _point(self, row: HealthRow, member: Member | None) -> Point:
        return health_point(row, member)

    def _last(self, journal: SqliteJournal) -> int:
        return journal.last_health()


class ProbeEvents(_Rows[EventRow]):
    """Every event that a probe told of itself."""

    _cursor_of = "events"

    def _next(self, journal: SqliteJournal, after: int) -> list[EventRow]:
        return journal.events(after, CHUNK)

    def _point(self, row: EventRow, member: Member | None) -> Point:
        return probe_event_point(row, member)

    def _last(self, journal: SqliteJournal) -> int:
        return journal.last_event()


class Gauges:
    """Looks that are taken at intervals; they wait in memory while the sink is away."""

    def __init__(self, sink: Sink, glance: Callable[[Store, SqliteJournal], Sequence[Point]]) -> None:
        """Prepare; ``glance`` returns the points of a look when one is due, else none."""
        self._sink = sink
        self._glance = glance
        self._waiting: deque[Point] = deque(maxlen=GAUGES_MOST)
        self.dropped = 0

    def step(self, store: Store, journal: SqliteJournal) -> int:
        """Look if it is time, and send what waits."""
        self.look(store, journal)
        sent = list(self._waiting)[:CHUNK]
        if sent:
            self._sink.take(sent)
            for _ in sent:
                self._waiting.popleft()
        return len(self._waiting)

    def look(self, store: Store, journal: SqliteJournal) -> None:
        """Look if it is time; also while the sink is left alone, for a look cannot be made up for."""
        fresh = self._glance(store, journal)
        self.dropped += max(0, len(self._waiting) + len(fresh) - GAUGES_MOST)
        self._waiting.extend(fresh)

    def readers(self, store: Store, journal: SqliteJournal) -> list[tuple[str, int, int]]:  # noqa: ARG002 - as above
        """Return nothing: gauges are in no file."""
        return []


class Rollups:
    """One width of window; each window that something changed in is computed anew, as a whole."""

    def __init__(
        self, sink: Sink, title: str, window: str, seconds: float, every: float, now: Callable[[], float]
    ) -> None:
        """Prepare.

        Args:
            sink: of the roll-ups' bucket.
            title: name of the reader, for people.
            window: value of the window tag.
            seconds: width of a window.
            every: seconds between two looks when all is sent: a window that grows is not computed for each row.
            now: UNIX seconds.
        """
        self._sink = sink
        self._title = title
        self._window = window
        self._seconds = seconds
        self._every = every
        self._now = now
        self._due = 0.0
        self._bookmark = Bookmark(f"{sink.name}:{window}")

    def step(self, store: Store, journal: SqliteJournal) -> int:
        """Compute and send the windows of the next changes."""
        now = self._now()
        if now < self._due:
            return 0
        after, generation = self._bookmark.position(journal, store)
        # Enough changes at a time that a wide window is not computed anew for each slice of a long past.
        windows, last = store.touched(after, int(CHUNK * self._seconds / 60.0), self._seconds)
        if not windows:
            self._due = now + self._every
            return 0
        faults = Faults()
        for number in windows:
            self._sink.take(self._compute(store, journal, number * self._seconds, faults))
        tell(journal.set_aside(self._title, faults.drain(), now), self._title)
        self._bookmark.advance(journal, last, generation)
        if last >= store.last_change():
            self._due = now + self._every
        return len(windows)

    def _compute(self, store: Store, journal: SqliteJournal, began: float, faults: Faults) -> list[Point]:
        """Return the points of the window that began at ``began``."""
        window = Window()
        verdicts = [
            one for one in store.numbered_verdicts(began, began + self._seconds) if one[1].at < began + self._seconds
        ]
        for start in range(0, len(verdicts), _ROWS_AT_ONCE):
            piece = verdicts[start : start + _ROWS_AT_ONCE]
            rows = {row.seq: row for row in journal.rows([seq for seq, _ in piece])}
            for seq, verdict in piece:
                with faults.set_aside("roll-up", seq):
                    window.add(verdict, timings(rows[seq].measurement) if seq in rows else {})
        points: list[Point] = []
        with faults.set_aside("roll-up"):
            points.extend(rollup_point(cell, self._window, began) for cell in window.cells())
        return points

    def readers(self, store: Store, journal: SqliteJournal) -> list[tuple[str, int, int]]:
        """Return how far it has come in the store's changes."""
        return [(self._title, self._bookmark.position(journal, store)[0], store.last_change())]


class Bookmark:
    """A cursor in the store's changes, which begins anew when a replay was swapped in."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._of = f"{name}:replay"

    def position(self, journal: SqliteJournal, store: Store) -> tuple[int, int]:
        """Return the last change that was dealt with, and of which generation of the store it is."""
        cursor, generation = journal.cursor(self._name), store.generation()
        stale = cursor > store.last_change() or journal.cursor(self._of) != generation
        return (0 if stale else cursor), generation

    def advance(self, journal: SqliteJournal, change: int, generation: int) -> None:
        """Move on; ``generation`` is the one that the changes were read from."""
        if journal.cursor(self._of) != generation:
            # In this order a kill in between repeats; the other way round it would skip.
            journal.advance(self._name, 0)
            journal.advance(self._of, generation)
        journal.advance(self._name, change)
