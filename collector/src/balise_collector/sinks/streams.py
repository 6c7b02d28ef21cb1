"""The streams of changes that a sink may follow, each with a cursor of its own.

Lives here: which changes are next, and moving the cursor when the sink has kept them. A cursor never moves over
something that was not kept. A table of the journal that flows row by row is a line in ``HEALTH``'s manner. Must not
live here: what a sink makes of a change, pauses and threads (worker.py).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from balise_collector.conclude import store as derived
from balise_collector.conclude.store import Store
from balise_collector.fleet.members import Fleet, Member
from balise_collector.incidents.findings import told
from balise_collector.journal import EventRow, HealthRow, JournalRow
from balise_collector.journal.interface import Journal
from balise_collector.sinks import Sink
from balise_collector.sinks.changes import (
    Change,
    CollectorSampled,
    EventReported,
    HealthReported,
    IncidentRevised,
    ProbeSampled,
    VerdictWritten,
    WindowSummed,
)
from balise_collector.sinks.rollup import Window
from balise_collector.sinks.timings import timings
from balise_collector.system.faults import Fault, Faults

_log = logging.getLogger(__name__)
RowT = TypeVar("RowT", HealthRow, EventRow)
Sample = ProbeSampled | CollectorSampled

CHUNK: Final = 2000
_ROWS_AT_ONCE: Final = 2000
"""Measurements held in memory at a time while a window is computed."""
SAMPLES_MOST: Final = 50_000
"""Samples that wait in memory while a sink is away; then the oldest go, and are counted."""


class Sources(NamedTuple):
    """Where changes come from: one thread's connections."""

    store: Store
    journal: Journal


def log_left_out(fresh: Sequence[Fault], title: str) -> None:
    """Say what a stream had to leave out, in few lines; all of it is in the journal."""
    if fresh:
        first = fresh[0]
        _log.error(
            "sink %s: %d left out, all else goes on; the first (%s %d): %s",
            title, len(fresh), first.place, first.seq, first.error,
        )  # fmt: skip


class Stream(Protocol):
    """Something that flows to one sink."""

    def step(self) -> int:
        """Send the next piece and move the cursor; returns how much that was, 0 when all is sent.

        Raises:
            SinkError: the sink did not take it; the cursor stays.
        """
        ...

    def readers(self) -> list[tuple[str, int, int]]:
        """Return name, position and head of its cursor, where it has one."""
        ...


class Conclusions:
    """Verdicts and incidents, in the order in which they were written; one judged again flows again."""

    def __init__(self, sink: Sink, title: str, sources: Sources) -> None:
        """Prepare; ``title`` is the name of the reader, for people."""
        self._sink = sink
        self._title = title
        self._store, self._journal = sources
        self._bookmark = Bookmark(sink.name, sources)

    def step(self) -> int:
        """Send the next chunk of changes."""
        after, generation = self._bookmark.position()
        written = self._store.changes(after, CHUNK)
        if not written:
            return 0
        rows = {row.seq: row for row in self._journal.rows([one.seq for one in written if one.verdict is not None])}
        changes: list[Change] = []
        faults = Faults()
        for one in written:
            with faults.set_aside("points", one.change):
                changes.extend(self._changes(one, rows.get(one.seq)))
        self._sink.take(changes, faults)
        log_left_out(self._journal.set_aside(self._title, faults.drain(), written[-1].noted_at), self._title)
        self._bookmark.advance(written[-1].change, generation)
        return len(written)

    def _changes(self, one: derived.Change, row: JournalRow | None) -> list[Change]:
        """Return what a sink is told of one numbered conclusion; nothing of a row that cannot be read."""
        if one.incident is not None:
            revision = one.incident.revision
            said = (found for _, found in told(self._store.revisions(one.incident.id)) if found.revision <= revision)
            return [IncidentRevised(no=one.change, noted_at=one.noted_at, incident=one.incident, told=tuple(said))]
        if one.verdict is None:
            return []
        measurement = row.measurement if row else None
        return [VerdictWritten(no=one.change, seq=one.seq, verdict=one.verdict, measurement=measurement)]

    def readers(self) -> list[tuple[str, int, int]]:
        """Return how far it has come in the store's changes."""
        return [(self._title, self._bookmark.position()[0], self._store.last_change())]


@dataclass(frozen=True)
class RowTable(Generic[RowT]):
    """One of the journal's numbered tables that flows row by row."""

    cursor: str
    """Ending of the cursor's name."""
    read: Callable[[Journal, int], Sequence[RowT]]
    """Returns the rows behind a number, a chunk at most."""
    last: Callable[[Journal], int]
    """Returns the number of the newest row."""
    change: Callable[[RowT, Member | None], Change]


HEALTH: Final = RowTable[HealthRow](
    cursor="health",
    read=lambda journal, after: journal.health(after, CHUNK),
    last=lambda journal: journal.last_health(),
    change=lambda row, member: HealthReported(no=row.no, row=row, member=member),
)
"""Every health report of every probe."""
EVENTS: Final = RowTable[EventRow](
    cursor="events",
    read=lambda journal, after: journal.events(after, CHUNK),
    last=lambda journal: journal.last_event(),
    change=lambda row, member: EventReported(no=row.no, row=row, member=member),
)
"""Every event that a probe told of itself."""


class Rows(Generic[RowT]):
    """What probes said, row by row of one table."""

    def __init__(
        self, table: RowTable[RowT], sink: Sink, title: str, sources: Sources, fleet: Callable[[], Fleet]
    ) -> None:
        self._table: RowTable[RowT] = table
        self._sink = sink
        self._title = title
        self._journal = sources.journal
        self._fleet = fleet
        self._cursor = f"{sink.name}:{table.cursor}"

    def step(self) -> int:
        """Send the next chunk."""
        rows = self._table.read(self._journal, self._journal.cursor(self._cursor))
        if not rows:
            return 0
        members = self._fleet().members
        faults = Faults()
        self._sink.take([self._table.change(row, members.get(row.probe)) for row in rows], faults)
        log_left_out(self._journal.set_aside(self._title, faults.drain(), rows[-1].received_at), self._title)
        self._journal.advance(self._cursor, rows[-1].no)
        return len(rows)

    def readers(self) -> list[tuple[str, int, int]]:
        """Return how far it has come."""
        return [(self._title, self._journal.cursor(self._cursor), self._table.last(self._journal))]


class Samples:
    """Samples that are taken at intervals; they wait in memory while the sink is away."""

    def __init__(self, sink: Sink, title: str, journal: Journal, take: Callable[[], Sequence[Sample]]) -> None:
        """Prepare; ``take`` returns samples when they are due, else none."""
        self._sink = sink
        self._title = title
        self._journal = journal
        self._take = take
        self._waiting: deque[Sample] = deque(maxlen=SAMPLES_MOST)
        self.dropped = 0

    def step(self) -> int:
        """Take samples if it is time, and send what waits."""
        self.sample()
        sent = list(self._waiting)[:CHUNK]
        if sent:
            faults = Faults()
            self._sink.take(sent, faults)
            log_left_out(self._journal.set_aside(self._title, faults.drain(), sent[-1].at), self._title)
            for _ in sent:
                self._waiting.popleft()
        return len(self._waiting)

    def sample(self) -> None:
        """Take samples if it is time; also while the sink is left alone, for a sample cannot be made up for."""
        fresh = self._take()
        self.dropped += max(0, len(self._waiting) + len(fresh) - SAMPLES_MOST)
        self._waiting.extend(fresh)

    def readers(self) -> list[tuple[str, int, int]]:
        """Return nothing: samples are in no file."""
        return []


class WindowWidth(NamedTuple):
    """One width of the windows that verdicts are summed by."""

    tag: str
    """What sinks call it."""
    seconds: float
    every: float
    """Clock seconds between two looks when all is sent: a window that grows is not computed for each row."""


class Rollups:
    """One width of window; each window that something changed in is computed anew, as a whole."""

    def __init__(self, sink: Sink, title: str, sources: Sources, width: WindowWidth, now: Callable[[], float]) -> None:
        """Prepare.

        Args:
            sink: who is told.
            title: name of the reader, for people.
            sources: where verdicts and measurements are.
            width: of the windows.
            now: UNIX seconds.
        """
        self._sink = sink
        self._title = title
        self._store, self._journal = sources
        self._width = width
        self._now = now
        self._due = 0.0
        self._bookmark = Bookmark(f"{sink.name}:{width.tag}", sources)

    def step(self) -> int:
        """Compute and send the windows of the next changes."""
        now = self._now()
        if now < self._due:
            return 0
        after, generation = self._bookmark.position()
        seconds = self._width.seconds
        # Enough changes at a time that a wide window is not computed anew for each slice of a long past.
        windows, last = self._store.touched(after, int(CHUNK * seconds / 60.0), seconds)
        if not windows:
            self._due = now + self._width.every
            return 0
        faults = Faults()
        for number in windows:
            self._sink.take(self._sum(number * seconds, faults), faults)
        log_left_out(self._journal.set_aside(self._title, faults.drain(), now), self._title)
        self._bookmark.advance(last, generation)
        if last >= self._store.last_change():
            self._due = now + self._width.every
        return len(windows)

    def _sum(self, began: float, faults: Faults) -> list[WindowSummed]:
        """Return the cells of the window that began at ``began``."""
        window, ends = Window(), began + self._width.seconds
        verdicts = [one for one in self._store.numbered_verdicts(began, ends) if one[1].at < ends]
        for start in range(0, len(verdicts), _ROWS_AT_ONCE):
            piece = verdicts[start : start + _ROWS_AT_ONCE]
            rows = {row.seq: row for row in self._journal.rows([seq for seq, _ in piece])}
            for seq, verdict in piece:
                with faults.set_aside("roll-up", seq):
                    window.add(verdict, timings(rows[seq].measurement) if seq in rows else {})
        with faults.set_aside("roll-up"):
            return [WindowSummed(window=self._width.tag, began=began, cell=cell) for cell in window.cells()]
        return []

    def readers(self) -> list[tuple[str, int, int]]:
        """Return how far it has come in the store's changes."""
        return [(self._title, self._bookmark.position()[0], self._store.last_change())]


class Bookmark:
    """A cursor in the store's changes, which begins anew when a replay was swapped in."""

    def __init__(self, name: str, sources: Sources) -> None:
        self._name = name
        self._of = f"{name}:replay"
        self._store, self._journal = sources

    def position(self) -> tuple[int, int]:
        """Return the last change that was dealt with, and of which generation of the store it is."""
        cursor, generation = self._journal.cursor(self._name), self._store.generation()
        stale = cursor > self._store.last_change() or self._journal.cursor(self._of) != generation
        return (0 if stale else cursor), generation

    def advance(self, change: int, generation: int) -> None:
        """Move on; ``generation`` is the one that the changes were read from."""
        if self._journal.cursor(self._of) != generation:
            # In this order a kill in between repeats; the other way round it would skip.
            self._journal.advance(self._name, 0)
            self._journal.advance(self._of, generation)
        self._journal.advance(self._name, change)
