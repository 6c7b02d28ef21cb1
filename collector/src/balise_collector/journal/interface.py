"""What every back end of the journal can do, by subject; who needs a part of it names that part.

One writer, any number of readers, in this process or another: each has a connection (or whatever the back end has in
its place) of its own. What crosses are the records of ``balise_collector.journal``. Where a position is asked for, 0
stands before the first. Every method raises JournalError where the back end cannot be read or written, and DamagedError
where what it keeps is no longer what was written and has to be made anew. Must not live here: a back end.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.journal import (
    Aside,
    Batch,
    Counts,
    EventRow,
    HealthRow,
    JournalRow,
    Notice,
    NoticeRow,
    Piece,
    Position,
    Presence,
    PresenceRow,
    RefusedMessage,
    Report,
    Totals,
)
from balise_collector.system.faults import Fault
from balise_wire.status import EventKind


class JournalWriter(Protocol):
    """The side of intake: what is taken in, and what that means for receipts and quotas. One thread has it."""

    def append(
        self,
        batches: Sequence[Batch],
        refused: Sequence[RefusedMessage],
        presence: Sequence[Presence],
        received_at: float,
        health: Sequence[Report] = (),
        notices: Sequence[Notice] = (),
        accounts: Mapping[str, Account] | None = None,
        sightings: Sequence[Sighting] = (),
    ) -> int:
        """Commit durably, all or nothing; measurements already there (by probe and id) are dropped.

        Returns the number of measurements that were new. Raises JournalError when it could not commit: then nothing
        of it is in the journal, and the caller keeps what it has. A value that cannot be a row raises what it raises,
        and likewise leaves nothing behind.
        """
        ...

    def position(self, probe: str, stream: str) -> Position:
        """Return what is committed of a stream: the matter of a receipt."""
        ...

    def fresh(self, probe: str, ids: Sequence[str]) -> frozenset[str]:
        """Return which measurements of a probe are not here yet: a repeat is dropped, and costs its sender nothing."""
        ...

    def accounts(self) -> dict[str, Account]:
        """Return what each probe had left of its quota when it was last written down."""
        ...

    @property
    def watching(self) -> float | None:
        """When this writer began to watch (UNIX seconds), where it does."""
        ...

    def watch(self, at: float | None) -> None:
        """Begin to watch at ``at`` (connected to a broker), or stop: a silence counts only while we listened.

        Every commit until then says that we still do.
        """
        ...


class MeasurementReader(Protocol):
    """The measurements in the order in which they were taken in, and how far each reader has come in them."""

    def piece(self, after: int, most: int) -> Piece:
        """Return the stretch of at most ``most`` rows behind ``after``; damage costs the rows it hit, and is named."""
        ...

    def read(self, after: int, most: int) -> list[JournalRow]:
        """Return the measurements that can be read in the same stretch, in order."""
        ...

    def rows(self, places: Sequence[int]) -> list[JournalRow]:
        """Return the measurements at given places, in order; unknown and damaged ones are left out."""
        ...

    def find(self, measurement_id: str) -> JournalRow | None:
        """Return one measurement by its id, for evidence; ``None`` where there is none, or it is damaged."""
        ...

    def head(self) -> int:
        """Return the place of the last measurement."""
        ...


class Cursors(Protocol):
    """How far each reader has come, under a name of its own, in whatever it reads."""

    def cursor(self, name: str) -> int:
        """Return how far the reader ``name`` has come; 0 for a new one."""
        ...

    def advance(self, name: str, seq: int) -> None:
        """Set how far the reader ``name`` has come."""
        ...


class PresenceReader(Protocol):
    """Who was there, and when anybody could have known."""

    def presence(self, after: float, until: float) -> list[PresenceRow]:
        """Return the state messages received in (after, until], UNIX seconds, in order."""
        ...

    def latest_presence(self) -> dict[str, PresenceRow]:
        """Return the last state message of each probe."""
        ...

    def watched(self, before: float | None = None) -> list[tuple[float, float]]:
        """Return the last times that we listened, as intervals of UNIX seconds, oldest first.

        With ``before``, those that began before it; a few suffice to know whether the last hour was watched.
        """
        ...


class HealthReader(Protocol):
    """What boards said of themselves, by number."""

    def health(self, after: int, most: int) -> list[HealthRow]:
        """Return up to ``most`` health reports with ``no`` above ``after``, in order, without damaged ones."""
        ...

    def reported(self, after: float, until: float) -> dict[str, float]:
        """Return when the last health report of each probe came that was received in (after, until], UNIX seconds."""
        ...

    def latest_health(self) -> dict[str, HealthRow]:
        """Return the last health report of each probe."""
        ...

    def last_health(self) -> int:
        """Return the position of the newest health report."""
        ...


class EventReader(Protocol):
    """What probes told of themselves, the newest of each kind; those that made room leave gaps in the numbers."""

    def events(self, after: int, most: int) -> list[EventRow]:
        """Return up to ``most`` events of any probe with ``no`` above ``after``, in order, without damaged ones."""
        ...

    def events_of(self, probe: str, most: int, kind: EventKind | None = None) -> list[EventRow]:
        """Return the newest events of one probe (of one kind where that is given), the newest first."""
        ...

    def last_event(self) -> int:
        """Return the position of the newest event."""
        ...


class NoticeReader(Protocol):
    """What the collector itself noticed of probes."""

    def latest_notices(self) -> dict[str, tuple[NoticeRow, ...]]:
        """Return the newest notice of each kind, by probe, the last noticed first."""
        ...

    def sightings(self, after: int) -> list[Sighting]:
        """Return from which networks probes were seen to connect, with ``no`` above ``after``, in order."""
        ...


class QuarantineReader(Protocol):
    """What was refused."""

    def quarantine(self, most: int = 100) -> list[tuple[float, str, str, str]]:
        """Return the newest refusals: time (UNIX seconds), probe, topic and reason."""
        ...


class Asides(Protocol):
    """What readers could not deal with, so that they went on without it."""

    def set_aside(self, reader: str, faults: Sequence[Fault], at: float) -> list[Fault]:
        """Remember what a reader could not deal with at ``at`` (UNIX seconds); returns what is new, to be told."""
        ...

    def take_up(self, reader: str) -> None:
        """Forget what a reader had set aside: it begins anew."""
        ...

    def hand_on(self, reader: str, other: str) -> None:
        """Put what one reader set aside in the place of what another had."""
        ...

    def asides(self, most: int = 100) -> list[Aside]:
        """Return the newest things that were set aside, the newest first."""
        ...

    def aside_counts(self) -> dict[str, int]:
        """Return how many things each reader has set aside and not dealt with since."""
        ...


class JournalFigures(Protocol):
    """How much there is, by what is cheap to ask of a journal of any size."""

    def totals(self) -> Totals:
        """Say how much was ever taken."""
        ...

    def counts(self) -> Counts:
        """Say what is here."""
        ...


class Journal(
    JournalWriter,
    MeasurementReader,
    Cursors,
    PresenceReader,
    HealthReader,
    EventReader,
    NoticeReader,
    QuarantineReader,
    Asides,
    JournalFigures,
    Protocol,
):
    """All of it: what a program opens."""

    def close(self) -> None:
        """Let go of it."""
        ...
