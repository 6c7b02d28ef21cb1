"""The derived store in SQLite: ``derived.sqlite``.

What was concluded and how far the journal was read are one transaction.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from balise_collector.conclude.store import Change, Progress
from balise_collector.conclude.store.sqlite import schema
from balise_collector.conclude.store.sqlite.incidents import INCIDENT, SqliteIncidents
from balise_collector.conclude.store.sqlite.verdicts import VERDICT, SqliteVerdicts
from balise_collector.incidents.model import Incident
from balise_collector.journal import JournalRow
from balise_collector.journal.interface import Journal
from balise_collector.judge.verdict import Verdict
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.shared_file import is_damage, open_reading
from balise_wire.measurement import Measurement


class SqliteStore(SqliteVerdicts, SqliteIncidents):
    """One connection to the derived store; each thread opens its own."""

    def __init__(self, path: Path, journal: Journal | None = None, *, reading: bool = False) -> None:
        """Open the file, and make it where it is new.

        Args:
            path: of ``derived.sqlite``.
            journal: where measurements are to be shown; the thread's own, and closed with the store.
            reading: only to read; the file is neither made nor brought up to date.

        Raises:
            JournalError: it cannot be opened; the journal is closed then.
        """
        self._journal = journal
        try:
            super().__init__(path, open_reading(path) if reading else _open(path))
        except BaseException:
            if journal is not None:
                journal.close()
            raise

    def close(self) -> None:
        """Close the connection, and the journal that it was opened with."""
        self._db.close()
        if self._journal is not None:
            self._journal.close()

    # ------------------------------------------------------------ progress

    def save_progress(
        self, progress: Progress, memory: dict[str, bytes], incidents: Sequence[Incident], noted_at: float
    ) -> None:
        """Keep what was concluded together with how far that took us, all or nothing."""
        with self._writing():
            self._save_incidents(incidents, noted_at)
            named = {**memory, "progress": msgspec.json.encode(progress)}
            self._db.executemany("INSERT OR REPLACE INTO memory VALUES(?,?)", list(named.items()))

    def clear(self) -> None:
        """Forget everything: the journal makes it again."""
        with self._writing():
            for table in ("verdict", "incident", "memory", "tally", "total"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names beside this
            schema.begin(self._db)

    def progress(self) -> Progress:
        """Return how far the pipeline had come."""
        body = self.memory("progress")
        return msgspec.json.decode(body, type=Progress) if body else Progress()

    def memory(self, name: str) -> bytes | None:
        """Return a snapshot by its name; ``None`` where there is none."""
        row = self._db.execute("SELECT body FROM memory WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def generation(self) -> int:
        """Return which beginning its changes are counted from: it is another after a replay, and in a new file."""
        return int(self.memory("generation") or b"0")

    def replace_with(self, fresh: Self) -> None:
        """Put the whole content of another store in the place of this one's, atomically, also under running readers."""
        fresh._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        fresh._db.backup(self._db)

    # ------------------------------------------------------------ both kinds of change

    def changes(self, after: int, most: int) -> list[Change]:
        """Return up to ``most`` changes above ``after``, in order."""
        verdicts = self._db.execute(
            "SELECT change, seq, at, body FROM verdict WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        )
        found = [
            Change(change=c, noted_at=at, seq=seq, verdict=self._read(VERDICT, body, f"verdict of row {seq}"))
            for c, seq, at, body in verdicts
        ]
        incidents = self._db.execute(
            "SELECT change, noted_at, body FROM incident WHERE change > ? ORDER BY change LIMIT ?", (after, most)
        )
        found += [
            Change(change=c, noted_at=at, incident=self._read(INCIDENT, body, f"incident of change {c}"))
            for c, at, body in incidents
        ]
        return sorted(found, key=lambda change: change.change)[:most]

    # ------------------------------------------------------------ evidence

    def verdict(self, measurement: str) -> Verdict | None:
        """Return the verdict on one measurement."""
        row = self.measurement_row(measurement)
        if row is None:
            return None
        found = self._db.execute("SELECT body FROM verdict WHERE seq = ?", (row.seq,)).fetchone()
        return self._read(VERDICT, found[0], f"verdict of row {row.seq}") if found else None

    def measurement_row(self, measurement: str) -> JournalRow | None:
        """Return one measurement from the journal with when and how it arrived; ``None`` where it is not known."""
        return self._journal.find(measurement) if self._journal is not None else None

    def measurement(self, measurement: str) -> Measurement | None:
        """Return one measurement from the journal, for evidence; ``None`` where it is not known."""
        row = self.measurement_row(measurement)
        return row.measurement if row else None


def _open(path: Path) -> sqlite3.Connection:
    """Open the file to write, with every table of today (JournalError)."""
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            # Derived: a power cut may take the last second back to the last snapshot, which the journal makes good.
            db.execute("PRAGMA synchronous=NORMAL")
            schema.make(db, path)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        told = f"{path}: {error}; it holds nothing that `balise-collector replay` cannot make again: remove it"
        raise (DamagedError(told, path) if is_damage(error) else JournalError(told)) from None
    return db
