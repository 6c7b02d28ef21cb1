"""What probes told of themselves, the newest of each kind."""

import itertools
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from balise_collector.journal import EventRow
from balise_collector.journal.sqlite.tables import Tables
from balise_wire.status import Event, EventKind

EVENTS_KEPT: Final = 200
"""Newest events of one probe and kind that are kept: a fortnight of one an hour, a year of one a day."""
KIND_OF_BODY: Final = "CASE WHEN json_valid(CAST({0} AS TEXT)) THEN json_extract(CAST({0} AS TEXT), '$.kind') END"
"""The kind of an event, from its body."""
_EVENT: Final = msgspec.json.Decoder(Event)


class SqliteEvents(Tables):
    """The table ``event``."""

    def _append_events(self, probe: int, bodies: Sequence[bytes], received_at: float) -> None:
        if not bodies:
            return
        kind = KIND_OF_BODY.format("?3")
        self._db.executemany(
            "INSERT OR IGNORE INTO event(probe, received_at, body, kind)"
            f" VALUES(?1, ?2, ?3, coalesce({kind}, '{EventKind.UNKNOWN.value}'))",
            [(probe, received_at, body) for body in bodies],
        )
        prune(self._db, probe)

    def events(self, after: int, most: int) -> list[EventRow]:
        """Return up to ``most`` events of any probe with ``no`` above ``after``, in order, without damaged ones."""
        while True:
            rows = self._ask(
                "SELECT e.no, e.received_at, p.id, e.body FROM event e JOIN probe p ON p.no = e.probe"
                " WHERE e.no > ? ORDER BY e.no LIMIT ?",
                after,
                most,
            )
            found = [row for row in itertools.starmap(_event_row, rows) if row is not None]
            if found or not rows:
                return found
            after = rows[-1][0]

    def events_of(self, probe: str, most: int, kind: EventKind | None = None) -> list[EventRow]:
        """Return the newest events of one probe (of one kind where that is given), the newest first."""
        only = " AND e.kind = ?" if kind is not None else ""
        rows = self._ask(
            "SELECT e.no, e.received_at, p.id, e.body FROM probe p JOIN event e ON e.probe = p.no"  # noqa: S608 - as above
            f" WHERE p.id = ?{only} ORDER BY e.no DESC LIMIT ?",
            *((probe,) if kind is None else (probe, kind.value)),
            most,
        )
        return [row for row in itertools.starmap(_event_row, rows) if row is not None]

    def last_event(self) -> int:
        """Return the position of the newest event; 0 where there is none."""
        return self._one("SELECT coalesce(max(no), 0) FROM event")


def prune(db: sqlite3.Connection, probe: int) -> None:
    """Let the oldest events of each kind of a probe go: one kind that is told by the minute crowds no other out."""
    for (kind,) in db.execute("SELECT DISTINCT kind FROM event WHERE probe = ?", (probe,)).fetchall():
        db.execute(
            "DELETE FROM event WHERE no IN (SELECT no FROM event WHERE probe = ? AND kind = ?"
            " ORDER BY no DESC LIMIT -1 OFFSET ?)",
            (probe, kind, EVENTS_KEPT),
        )


def _event_row(no: int, received_at: float, probe: str, body: bytes) -> EventRow | None:
    """Return one event; ``None`` for one that was damaged on the disk."""
    try:
        return EventRow(no=no, received_at=received_at, probe=probe, event=_EVENT.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
