"""The spool: on disk before on air. What was recorded survives a kill, a power cut and a month without a network.

Lives here: one SQLite database with two tables. ``pending`` holds measurements and events as soon as they exist (that
commit is what *recorded* means); ``batch`` holds the exact sealed bytes that go on air, counted by ``sequence`` within
this spool's ``stream``. Must not live here: MQTT, or the decision when to send. A row leaves for two reasons only: the
collector's receipt, or the size bound, and the second is counted and told. A disk that takes nothing (full, worn out,
turned read-only) does not end the measuring: a database of the same kind in memory stands in, as a stream of its own,
until the file can be written again; what the file holds meanwhile stays in it and is delivered afterwards.
"""

import contextlib
import errno
import logging
import math
import os
import secrets
import shutil
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_wire.envelope import MAX_BATCH_BYTES, MAX_BODY_BYTES, Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.status import Receipt
from balise_wire.words import ClockState

_log = logging.getLogger(__name__)

FILE: Final = "spool.sqlite"
_LARGEST_RECORD: Final = MAX_BATCH_BYTES - 4096
"""Largest single record in bytes: it must fit into a sealed message even if nothing in it can be compressed."""
_LARGEST_BODY: Final = MAX_BODY_BYTES // 2
_RING_BYTES: Final = 4 * 1024 * 1024
"""What is held in memory while the disk refuses, before the oldest is let go."""
_REFUSALS_BORNE: Final = 30
"""Retries in a row that a file may refuse before memory stands in: what only waits is not delivered."""
_FULL_BELOW: Final = 256 * 1024
"""Bytes: what a write-ahead log, its index and one batch want."""
_BACK_EVERY: Final = 60
"""Retries between two attempts to come back from memory to the file."""
_SET_ASIDE_KEPT: Final = 3
_SESSION: Final = "session"

# AUTOINCREMENT: a sequence number is never used twice, not even after every row is gone (sqlite.org/autoinc.html).
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, notable INTEGER NOT NULL, at REAL NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, notable INTEGER NOT NULL, at REAL NOT NULL,
    frame BLOB NOT NULL);
"""
_PENDING: Final = """
SELECT count(*), min(at), min(CASE WHEN notable OR kind = 'event' THEN at END) FROM pending
"""
_BYTES_HELD: Final = (
    "SELECT (SELECT coalesce(sum(length(frame)), 0) FROM batch) + (SELECT coalesce(sum(length(body)), 0) FROM pending)"
)


class TooLargeError(ValueError):
    """A record that could never be sent; it is refused before it is recorded."""


@dataclass(frozen=True)
class Record:
    """One measurement or event on its way to disk."""

    kind: Kind
    body: bytes
    """Its JSON."""
    at: float
    """UNIX seconds on the probe's clock."""
    notable: bool = True
    """Holds a failure or a pair; routine successes are the first to go when the disk bound is reached."""


@dataclass(frozen=True)
class Row:
    """One sealed batch."""

    sequence: int
    kind: Kind
    frame: bytes


@dataclass(frozen=True)
class Stamp:
    """What the envelope says of the moment of sealing."""

    at: float
    clock_state: ClockState
    session: int
    historical: bool
    """The broker is out of reach."""
    boot: str = ""
    """See Envelope, as the two that follow."""
    uptime: float = 0.0
    checked: float | None = None


class Spool:
    """The probe's memory. One process, one thread."""

    def __init__(
        self,
        path: Path,
        *,
        probe: str,
        sealer: Sealer,
        max_bytes: int,
        batch_records: int,
        batch_seconds: float,
        failure_seconds: float = math.inf,
    ) -> None:
        """Open or create the spool at ``path``; a damaged file is moved aside and a new stream begun.

        Where the disk takes nothing, memory stands in, and ``refusal`` says why.

        Args:
            path: the SQLite file.
            probe: our id.
            sealer: seals the batches.
            max_bytes: bound of what is kept.
            batch_records: in one batch at most.
            batch_seconds: for how long a record waits for others at most.
            failure_seconds: the same for an event and for a record that is notable.
        """
        self._path = path
        self._probe = probe
        self._sealer = sealer
        self._max_bytes = max_bytes
        self._batch_records = batch_records
        self._batch_seconds = batch_seconds
        self._failure_seconds = min(failure_seconds, batch_seconds)
        self._ring: deque[Record] = deque()
        self._ring_bytes = 0
        self.lost = 0
        """Records and batches let go without a receipt since start: the bound, a full disk, or a damaged file."""
        self.evicted_batches = 0
        self.disk_refuses = False
        """The last write failed; what is recorded meanwhile lives in memory only."""
        self.refusal = ""
        """What the disk said when it last refused."""
        self._in_memory = False
        self._refusals = 0
        self.stream = ""
        self._session = 0
        self._bytes = 0
        self._database = self._open()

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        """Open the file; set a damaged one aside and begin anew; where the disk takes nothing, begin in memory.

        Raises:
            sqlite3.OperationalError: another program holds the file, or it is none.
            OSError: its folder cannot be made, or is not ours.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            database = self._opened()
        except (sqlite3.OperationalError, OSError) as error:
            if not self._disk_is_to_blame(error):
                raise
            _log.error("spool %s: the disk refused (%s); working in memory until it takes something", self._path, error)
            database = self._stand_in(str(error))
        self._bytes = database.execute(_BYTES_HELD).fetchone()[0]
        return database

    def _opened(self) -> sqlite3.Connection:
        """Open the file, or a new one in the place of a damaged one."""
        try:
            database = self._connect(str(self._path))
        except sqlite3.DatabaseError as error:
            # "locked" and "full" say nothing about the content; only real damage may cost the file its place.
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise
            self._set_aside(str(error))
            database = self._connect(str(self._path))
        self._in_memory = self.disk_refuses = False
        return database

    def _connect(self, place: str) -> sqlite3.Connection:
        """Open, check and prepare a database (sqlite3.DatabaseError where it is damaged or takes nothing)."""
        database = sqlite3.connect(place, isolation_level=None, timeout=5.0)
        try:
            if place == str(self._path):
                self._path.chmod(0o600)
            database.execute("PRAGMA journal_mode=WAL")
            # FULL makes each commit wait for the disk (sqlite.org/pragma.html#pragma_synchronous): NORMAL would lose
            # the last commits of a WAL in a power cut, and a power cut is what a probe on a table meets most.
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA cache_size=-512")
            _check(database)
            database.executescript(_SCHEMA)
            database.execute("INSERT OR IGNORE INTO meta VALUES ('stream', ?)", (secrets.token_hex(8),))
            # A file that can be read and not written would take no measurement; it is better known now.
            database.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ?)", (secrets.token_hex(8),))
            self.stream = database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()[0]
        except BaseException:
            database.close()
            raise
        return database

    def _stand_in(self, why: str) -> sqlite3.Connection:
        """Return a database in memory, with the small facts of the file as far as it can be read."""
        database = self._connect(":memory:")
        # immutable: without it even reading wants to write a lock and an index beside the file (sqlite.org/uri.html).
        with contextlib.suppress(sqlite3.Error):
            file = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            with contextlib.closing(file):
                facts = file.execute("SELECT name, value FROM meta WHERE name LIKE 'note %'").fetchall()
            database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts)
        self._in_memory = self.disk_refuses = True
        self.refusal = why
        self._refusals = 0
        return database

    def _set_aside(self, why: str) -> None:
        """Move the damaged database away under a name that says what it is; keep the last few."""
        number = 1 + max((int(old.suffix[1:]) for old in self._set_aside_files()), default=0)
        aside = self._path.with_name(f"{self._path.name}.damaged.{number}")
        _log.error("spool %s is damaged (%s); moved to %s, a new stream begins", self._path, why, aside.name)
        self._path.rename(aside)
        for tail in ("-wal", "-shm"):
            self._path.with_name(self._path.name + tail).unlink(missing_ok=True)
        for old in self._set_aside_files()[:-_SET_ASIDE_KEPT]:
            old.unlink(missing_ok=True)
        self.lost += 1

    def _set_aside_files(self) -> list[Path]:
        found = self._path.parent.glob(f"{self._path.name}.damaged.*")
        return sorted((path for path in found if path.suffix[1:].isdigit()), key=lambda path: int(path.suffix[1:]))

    def close(self) -> None:
        """Close the file; everything recorded is in it."""
        self._write_ring()
        self._database.close()

    # --- recording ----------------------------------------------------------------------------------------------------

    def record(self, records: Sequence[Record]) -> bool:
        """Commit records durably, in order; return False where the disk refused and memory holds them for now.

        Raises:
            TooLargeError: a record could never be sent; none of the others is affected, call again without it.
        """
        for record in records:
            if len(record.body) > _LARGEST_RECORD:
                size = len(record.body)
                raise TooLargeError(f"{record.kind} of {size} bytes; at most {_LARGEST_RECORD} fit a message")
        self._ring.extend(records)
        self._ring_bytes += sum(len(record.body) for record in records)
        return self._write_ring()

    def retry(self) -> bool:
        """Try again to write what the disk refused; return whether the disk has everything.

        Called about once a second while ``disk_refuses``. A file that refuses for long is left for memory, and one
        that was left is tried again every minute, as soon as nothing sealed waits in memory.
        """
        self._refusals += 1
        if self._in_memory:
            if self._refusals % _BACK_EVERY == 0:
                self._come_back()
        elif not self._write_ring() and self._refusals >= _REFUSALS_BORNE:
            _log.error("spool: the disk still refuses (%s); what is new is sent from memory", self.refusal)
            self._database.close()
            self._database = self._stand_in(self.refusal)
            self._bytes = 0
        return self._write_ring() and not self.disk_refuses

    def disk_full(self) -> bool:
        """Tell whether a disk that refuses is full: SQLite's own word for it is often "disk I/O error"."""
        try:
            return shutil.disk_usage(self._path.parent).free < _FULL_BELOW
        except OSError:
            return False

    def _disk_is_to_blame(self, error: Exception) -> bool:
        """Tell a disk that is full, worn out or read-only from settings and rights that a person has to mend."""
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}:
            return True
        return "I/O error" in str(error) or self._read_only() or ("locked" not in str(error) and self.disk_full())

    def _read_only(self) -> bool:
        try:
            return bool(os.statvfs(self._path.parent).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    def _come_back(self) -> None:
        """Leave memory for the file, if the disk takes it and nothing sealed would be left behind."""
        if self._database.execute("SELECT count(*) FROM batch").fetchone()[0]:
            return
        memory, stream = self._database, self.stream
        try:
            self._database = self._opened()
        except (sqlite3.Error, OSError) as error:
            self.refusal, self.stream = str(error), stream
            return
        waiting = "SELECT kind, notable, at, body FROM pending ORDER BY id"
        held = [Record(Kind(kind), body, at, bool(notable)) for kind, notable, at, body in memory.execute(waiting)]
        facts = memory.execute("SELECT name, value FROM meta WHERE name LIKE 'note %'").fetchall()
        memory.close()
        self._refusals = 0
        _log.info("spool: the disk takes what is recorded again")
        self._bytes = self._database.execute(_BYTES_HELD).fetchone()[0]
        for name, value in facts:
            self.note(name.removeprefix("note "), value)
        self._ring.extendleft(reversed(held))
        self._ring_bytes += sum(len(record.body) for record in held)

    def _write_ring(self) -> bool:
        """Move everything in memory to disk in one commit."""
        if not self._ring:
            return True
        rows = [(record.kind.value, int(record.notable), record.at, record.body) for record in self._ring]
        try:
            with self._transaction():
                self._database.executemany("INSERT INTO pending (kind, notable, at, body) VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._refused(error)
            return False
        self._bytes += self._ring_bytes
        self._ring.clear()
        self._ring_bytes = 0
        if not self._in_memory:
            self.disk_refuses = False
            self._refusals = 0
        return True

    def _refused(self, error: sqlite3.Error) -> None:
        """Meet a disk that refuses: begin a new file if this one is damaged, else hold in memory, within a bound."""
        if not self.disk_refuses:
            _log.error("spool: the disk refused (%s); measurements are kept in memory until it takes them", error)
        self.disk_refuses = True
        self.refusal = str(error)
        if not isinstance(error, sqlite3.OperationalError) or "malformed" in str(error):
            self._database.close()
            self._set_aside(str(error))
            self._database = self._open()
        while self._ring_bytes > _RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft().body)
            self.lost += 1

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database)

    # --- sealing ------------------------------------------------------------------------------------------------------

    def due(self, now: float, *, patience: float = 1.0) -> bool:
        """Whether the open batch is full, or something in it waited for ``patience`` times what it may."""
        count, first, failed = self._ask(_PENDING, (0, None, None))
        # abs: after a step of the clock backwards the age is negative, and waiting for it would hold the batch.
        return bool(
            count >= self._batch_records
            or (first is not None and abs(now - first) >= self._batch_seconds * patience)
            or (failed is not None and abs(now - failed) >= self._failure_seconds * patience)
        )

    def seal(self, stamp: Stamp) -> int:
        """Seal everything pending into batches, and enforce the size bound; return the number of batches made."""
        made = 0
        most = self._batch_records
        try:
            while True:
                try:
                    if not self._seal_one(stamp, most):
                        break
                    made += 1
                except _TooManyError:
                    most = max(1, most // 2)
            self._enforce_bound()
        except sqlite3.Error as error:
            self._refused(error)
        return made

    def _seal_one(self, stamp: Stamp, most: int) -> bool:
        """Seal the oldest pending records of one kind; the row appears and they vanish in one commit."""
        first = self._database.execute("SELECT kind FROM pending ORDER BY id LIMIT 1").fetchone()
        if first is None:
            return False
        kind = Kind(first[0])
        chosen: list[tuple[int, bytes, int, float]] = []
        size = 0
        query = "SELECT id, body, notable, at FROM pending WHERE kind = ? ORDER BY id LIMIT ?"
        for row in self._database.execute(query, (kind.value, most)):
            size += len(row[1]) + 1
            if chosen and size > _LARGEST_BODY:
                break
            chosen.append(row)
        with self._transaction():
            notable = int(any(row[2] for row in chosen))
            cursor = self._database.execute(
                "INSERT INTO batch (kind, notable, at, frame) VALUES (?, ?, ?, x'')",
                (kind.value, notable, chosen[0][3]),
            )
            sequence = cursor.lastrowid or 0
            oldest = self._database.execute("SELECT min(sequence) FROM batch").fetchone()[0]
            frame = self._frame(kind, sequence, oldest, [row[1] for row in chosen], stamp)
            if len(frame) > MAX_BATCH_BYTES and len(chosen) > 1:
                raise _TooManyError  # rolls back
            self._database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (frame, sequence))
            self._database.executemany("DELETE FROM pending WHERE id = ?", [(row[0],) for row in chosen])
        self._bytes += len(frame) - sum(len(row[1]) for row in chosen)
        return True

    def _frame(self, kind: Kind, sequence: int, oldest: int, bodies: Sequence[bytes], stamp: Stamp) -> bytes:
        """Return the exact bytes that go on air."""
        envelope = Envelope(
            kind=kind,
            id=secrets.token_hex(16),
            probe=self._probe,
            stream=self.stream,
            session=stamp.session,
            sequence=sequence,
            oldest=oldest,
            sent_at=stamp.at,
            clock_state=stamp.clock_state,
            historical=stamp.historical,
            boot=stamp.boot,
            uptime=round(stamp.uptime, 1),
            checked=None if stamp.checked is None else round(stamp.checked, 1),
            body=msgspec.Raw(b"[" + b",".join(bodies) + b"]"),
        )
        return self._sealer.seal(encode_envelope(envelope))

    def _enforce_bound(self) -> None:
        """Let go of the oldest routine batches, then of the oldest, until the bound holds; count every one."""
        most = min(self._max_bytes, _RING_BYTES) if self._in_memory else self._max_bytes
        while self._bytes > most:
            row = self._database.execute(
                "SELECT sequence, length(frame) FROM batch ORDER BY notable, sequence LIMIT 1"
            ).fetchone()
            if row is None:
                return
            self._database.execute("DELETE FROM batch WHERE sequence = ?", (row[0],))
            self._bytes -= row[1]
            self.lost += 1
            self.evicted_batches += 1

    # --- delivering ---------------------------------------------------------------------------------------------------

    def rows(self, after: int, most: int) -> list[Row]:
        """Return up to ``most`` sealed batches with a sequence above ``after``, oldest first."""
        query = "SELECT sequence, kind, frame FROM batch WHERE sequence > ? ORDER BY sequence LIMIT ?"
        try:
            return [Row(row[0], Kind(row[1]), row[2]) for row in self._database.execute(query, (after, most))]
        except sqlite3.Error as error:
            self._refused(error)
            return []

    def forget(self, receipt: Receipt) -> int:
        """Delete what a verified receipt names, and nothing else; return how many batches went."""
        if receipt.stream != self.stream:
            return 0
        try:
            with self._transaction():
                gone = self._database.execute("DELETE FROM batch WHERE sequence <= ?", (receipt.through,)).rowcount
                for number in receipt.beyond:
                    gone += self._database.execute("DELETE FROM batch WHERE sequence = ?", (number,)).rowcount
        except (sqlite3.Error, OverflowError) as error:
            # OverflowError: a sequence beyond 64 bits. Nothing is lost by forgetting later.
            _log.warning("spool: receipt through %s could not be applied: %s", receipt.through, error)
            return 0
        if gone:
            self._bytes = self._ask(_BYTES_HELD, (self._bytes,))[0]
        return gone

    def oldest(self) -> int:
        """Lowest sequence still held, or the next one to be given out when nothing is: no lower one will come again."""
        held = self._ask("SELECT min(sequence) FROM batch", (None,))[0]
        if held is not None:
            return int(held)
        return int(self._ask("SELECT max(seq) FROM sqlite_sequence WHERE name = 'batch'", (0,))[0] or 0) + 1

    def count(self) -> int:
        """Batches and pending records that no receipt has named."""
        query = "SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM pending)"
        return int(self._ask(query, (0,))[0]) + len(self._ring)

    def oldest_at(self) -> float | None:
        """When the oldest thing held was recorded, in UNIX seconds; ``None`` when nothing is held."""
        query = "SELECT min(at) FROM (SELECT min(at) AS at FROM batch UNION ALL SELECT min(at) FROM pending)"
        at = self._ask(query, (None,))[0]
        return None if at is None else float(at)

    def note(self, name: str, value: str) -> None:
        """Keep a small fact across restarts; a disk that refuses costs the fact, nothing else."""
        try:
            self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"note {name}", value))
        except sqlite3.Error as error:
            self._refused(error)

    def noted(self, name: str) -> str:
        """Return a fact that ``note`` kept; empty where there is none."""
        row = self._ask("SELECT max(value) FROM meta WHERE name = ?", (None,), (f"note {name}",))
        return row[0] or ""

    def _ask(self, query: str, otherwise: tuple[Any, ...], values: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Return the one row of a question; a disk that cannot answer is noted like one that cannot write."""
        try:
            row: tuple[Any, ...] = self._database.execute(query, values).fetchone()
        except sqlite3.Error as error:
            self._refused(error)
            return otherwise
        return row

    def next_session(self, now: float) -> int:
        """Return a session number above every earlier one, also above those of a spool that was lost."""
        last = max(int(self.noted(_SESSION) or 0), self._session)
        self._session = max(last + 1, int(now))
        self.note(_SESSION, str(self._session))
        return self._session


def _check(database: sqlite3.Connection) -> None:
    """Read the whole structure once (sqlite3.DatabaseError where it does not hold together)."""
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


class _TooManyError(Exception):
    """The chosen records do not fit one sealed message."""


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT; rolled back by any exception."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._database.execute("COMMIT")
        finally:
            # A refused COMMIT leaves the transaction open; some errors (a full disk) have rolled it back already.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
