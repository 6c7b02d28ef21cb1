"""What readers could not deal with, so that they went on without it."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from balise_collector.journal import Aside
from balise_collector.journal.sqlite.tables import Tables
from balise_collector.system.faults import Fault

_ASIDE_KEPT: Final = 10_000
"""Newest things set aside that are remembered, one by one; all are counted."""


class SqliteAsides(Tables):
    """The table ``aside``."""

    def set_aside(self, reader: str, faults: Sequence[Fault], at: float) -> list[Fault]:
        """Remember what a reader could not deal with; returns what is new, to be told.

        Raises:
            JournalError: it could not be written down.
        """
        if not faults:
            return []
        fresh = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for fault in faults:
                known = self._db.execute(
                    "UPDATE aside SET times = times + 1, last_at = ?, error = ?"
                    " WHERE reader = ? AND place = ? AND seq = ?",
                    (at, fault.error, reader, fault.place, fault.seq),
                )
                if not known.rowcount:
                    self._db.execute(
                        "INSERT INTO aside(reader, seq, place, error, first_at, last_at, times, rows)"
                        " VALUES(?,?,?,?,?,?,1,?)",
                        (reader, fault.seq, fault.place, fault.error, at, at, fault.rows),
                    )
                    fresh.append(fault)
            self._add(set_aside=sum(fault.rows for fault in fresh))
            self._db.execute("DELETE FROM aside WHERE no <= (SELECT max(no) FROM aside) - ?", (_ASIDE_KEPT,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None
        return fresh

    def take_up(self, reader: str) -> None:
        """Forget what a reader had set aside: it begins anew (JournalError where that cannot be written)."""
        self._write("DELETE FROM aside WHERE reader = ?", reader)

    def hand_on(self, reader: str, other: str) -> None:
        """Put what one reader set aside in the place of what another had (JournalError as above)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM aside WHERE reader = ?", (other,))
            self._db.execute("UPDATE aside SET reader = ? WHERE reader = ?", (other, reader))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None

    def asides(self, most: int = 100) -> list[Aside]:
        """Return the newest things that were set aside."""
        rows = self._ask(
            "SELECT reader, seq, place, error, rows, first_at, last_at, times FROM aside ORDER BY no DESC LIMIT ?", most
        )
        return [
            Aside(
                reader=reader,
                fault=Fault(place=place, seq=seq, error=error, rows=rows),
                first_at=first,
                last_at=last,
                times=times,
            )
            for reader, seq, place, error, rows, first, last, times in rows
        ]

    def aside_counts(self) -> dict[str, int]:
        """Return how many things each reader has set aside and not dealt with since."""
        return dict(self._ask("SELECT reader, sum(rows) FROM aside GROUP BY reader"))
