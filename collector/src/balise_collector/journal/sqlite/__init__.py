"""The journal in SQLite: the embedded back end, one file, many readers.

Batches are kept as the exact sealed frames, so that a signature made in the field verifies years later; a measurement
row is a pointer (batch, place) with the key that drops repeats: a rowid table with UNIQUE(probe number, first 64 bits
of the id) is six times faster than a text primary key (tried; storage-and-dashboards.md).

WAL with synchronous=FULL: NORMAL survives a kill, but a power cut takes the last commits with it, and by then the
probe has forgotten them on our receipt. One fsync a group commit is what a receipt costs.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.journal import Batch, Counts, Notice, Presence, RefusedMessage, Report, Totals
from balise_collector.journal.receipt_position import StreamPosition
from balise_collector.journal.sqlite import schema
from balise_collector.journal.sqlite.asides import SqliteAsides
from balise_collector.journal.sqlite.health import SqliteHealth
from balise_collector.journal.sqlite.measurements import SqliteMeasurements
from balise_collector.journal.sqlite.notices import SqliteNotices
from balise_collector.journal.sqlite.presence import SqlitePresence
from balise_collector.journal.sqlite.quarantine import SqliteQuarantine
from balise_collector.journal.sqlite.tables import mend_of
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.shared_file import is_damage, open_reading


class SqliteJournal(SqliteMeasurements, SqlitePresence, SqliteHealth, SqliteNotices, SqliteQuarantine, SqliteAsides):
    """One connection to the journal's file. Each thread opens its own; only one of them appends."""

    def __init__(self, path: Path, *, quarantine_bytes: int = 64 * 1024 * 1024, reading: bool = False) -> None:
        """Open the file, and make it where it is new (JournalError when it cannot be opened).

        ``reading``: only to read; the file is neither made nor brought up to date.
        """
        super().__init__(path, open_reading(path) if reading else _open(path))
        # A bit that changed on the disk may make a text no UTF-8: that costs this text, and raises nothing.
        self._db.text_factory = _text
        self._quarantine_bytes = quarantine_bytes

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
        """Commit durably, all or nothing (see the Protocol)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            touched: dict[tuple[int, str], StreamPosition] = {}
            new = self._append_batches(batches, received_at, touched)
            self._append_health(health, received_at, touched)
            self._append_presence(presence, received_at, touched)
            self._save_streams(touched, received_at)
            self._append_refused(refused, received_at)
            self._append_notices(notices, received_at)
            self._save_accounts(accounts or {})
            self._append_sightings(sightings)
            self._touch_watch(received_at)
            self._db.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.DataError):
            self._roll_back()
            raise
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None
        except BaseException:
            self._roll_back()
            raise
        return new

    def totals(self) -> Totals:
        """Say how much was ever taken, without counting rows."""
        last = self._ask("SELECT received_at FROM batch ORDER BY no DESC LIMIT 1")
        return Totals(
            measurements=self.head(),
            batches=self._one("SELECT coalesce(max(no), 0) FROM batch"),
            events=self.last_event(),
            refused=self._one("SELECT coalesce(max(no), 0) FROM quarantine"),
            refused_dropped=self._tally("quarantine_dropped") or 0,
            set_aside=self._tally("set_aside") or 0,
            health=self.last_health(),
            last_received=float(last[0][0]) if last else None,
        )

    def counts(self) -> Counts:
        """Say what is here, without counting rows.

        Measurements and batches are numbered from 1 and never removed, so the last number is the count; that of events,
        the oldest of which make room, is how many there ever were. Sums are kept in the transactions that change them.
        """
        totals = self.totals()
        return Counts(
            measurements=totals.measurements,
            batches=totals.batches,
            frame_bytes=self._tally("frame_bytes") or 0,
            quarantined=self._tally("quarantined") or 0,
            quarantined_bytes=self._tally("quarantined_bytes") or 0,
            quarantine_dropped=totals.refused_dropped,
            events=totals.events,
            cursors=dict(self._ask("SELECT name, seq FROM cursor")),
            set_aside=self.aside_counts(),
        )


def _open(path: Path) -> sqlite3.Connection:
    """Open the file to write, with every table of today (JournalError)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
        try:
            db.text_factory = _text
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            schema.make(db)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        told = f"{path}: {error}; {mend_of(error)}"
        if isinstance(error, sqlite3.Error) and is_damage(error):
            raise DamagedError(told, path) from None
        raise JournalError(told) from None
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
