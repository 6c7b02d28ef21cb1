"""The spool: on disk before on air. What was recorded survives a kill, a power cut and a month without a network.

Lives here: what waits and what goes. ``batch`` holds the exact bytes that go on air, counted by ``sequence`` within
this spool's ``stream``. What is recorded and in no batch yet lies on disk, too (that commit is what *recorded* means):
boxed for the collector alone as soon as it has said that it opens boxes (``boxed``), as JSON before that (``pending``).
The same records are in memory until their batch is sealed, because nobody here can open a box. What an earlier run left
boxed goes on in carriers (``carry``).

Must not live here: MQTT, or the decision when to send; files and their damage (spool_file). A row leaves for three
reasons only: the collector's receipt, the size bound, or that it is no longer what was written; the last two are
counted and told. A disk that takes nothing (full, worn out, turned read-only) does not end the measuring: a database of
the same kind in memory stands in, as a stream of its own, until the file can be written again; what the file holds
meanwhile stays in it and is delivered afterwards.
"""

import errno
import logging
import math
import os
import shutil
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_agent.delivery.spool.file import SpoolFile, begin_stream, keep_twin, mark_held
from balise_agent.delivery.spool.packing import (
    CARRIER_BYTES,
    CARRIER_FRAMES,
    LARGEST_BODY,
    LARGEST_FRAME,
    LARGEST_RECORD,
    Packer,
    Place,
    Record,
    Stamp,
)
from balise_wire.box import MAGIC as BOX
from balise_wire.box import Boxer
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer, SealError
from balise_wire.status import Receipt
from balise_wire.words import ClockState

__all__ = ["FILE", "Record", "Row", "Spool", "Stamp", "TooLargeError"]
_log = logging.getLogger(__name__)

FILE: Final = "spool.sqlite"
_RING_BYTES: Final = 4 * 1024 * 1024
"""What is held in memory while the disk refuses, before the oldest is let go."""
_REFUSALS_BORNE: Final = 30
"""Retries in a row that a file may refuse before memory stands in: what only waits is not delivered."""
_FULL_BELOW: Final = 256 * 1024
"""Bytes: what a write-ahead log, its index and one batch want."""
_BACK_EVERY: Final = 60
"""Retries between two attempts to come back from memory to the file."""
_SESSION: Final = "session"
_SESSION_MOST: Final = 2**40
"""A session number above it was never given out: the fact was damaged."""
_CONVERTED_AT_ONCE: Final = 50
"""Batches that are boxed in one commit when the collector first says that it opens boxes."""

_OPENS: Final = "(substr(frame, 1, 4) <> ? OR substr(frame, 6, 8) = ?)"
"""Whether the collector in force opens a row: bare, or boxed for it. What is boxed for another one waits for it."""
_BYTES_HELD: Final = """
SELECT (SELECT coalesce(sum(length(frame)), 0) FROM batch) + (SELECT coalesce(sum(length(body)), 0) FROM pending)
    + (SELECT coalesce(sum(length(frame)), 0) FROM boxed) + (SELECT coalesce(sum(length(frame)), 0) FROM carry)
"""
_ROWS_HELD: Final = """
SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM pending) + (SELECT count(*) FROM boxed)
    + (SELECT count(*) FROM carry)
"""
_OLDEST_AT: Final = """
SELECT min(at) FROM (SELECT min(at) AS at FROM batch UNION ALL SELECT min(at) FROM pending
    UNION ALL SELECT min(at) FROM boxed UNION ALL SELECT min(at) FROM carry)
"""


class TooLargeError(ValueError):
    """A record that could never be sent; it is refused before it is recorded."""


@dataclass(frozen=True)
class Row:
    """One sealed batch."""

    sequence: int
    kind: Kind
    frame: bytes


@dataclass(frozen=True)
class _Live:
    """A record of this run that is in no batch yet."""

    record: Record
    stamp: Stamp
    """Of the moment it was recorded."""
    size: int = 0
    """Bytes of its row."""


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
        """Open or create the spool at ``path``; a damaged file is rebuilt from what is whole in it.

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
        self._packer = Packer(probe, sealer)
        self._file = SpoolFile(path, max_bytes)
        self._max_bytes = max_bytes
        self._batch_records = batch_records
        self._batch_seconds = batch_seconds
        self._failure_seconds = min(failure_seconds, batch_seconds)
        self._ring: deque[_Live] = deque()
        self._ring_bytes = 0
        self._live: dict[int, _Live] = {}
        """By the id of their row in ``boxed``, or in ``pending`` where the collector opens no boxes."""
        self._carries = False
        """Something waits for a carrier."""
        self._let_go = 0
        self.evicted_batches = 0
        self.disk_refuses = False
        """The last write failed; what is recorded meanwhile lives in memory only."""
        self.refusal = ""
        """What the disk said when it last refused."""
        self._in_memory = False
        self._rebuilding = False
        self._refusals = 0
        self.stream = ""
        self._session = 0
        self._bytes = 0
        self._batches = 0
        self._database = self._open()

    @property
    def lost(self) -> int:
        """Records and batches let go without a receipt since start: the bound, a full disk, or damage."""
        return self._let_go + self._file.lost

    @property
    def damage(self) -> str:
        """What was damaged last, and what it cost, in words; empty where nothing was since start."""
        return self._file.damage

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        """Open the file; where the disk takes nothing, begin in memory.

        Raises:
            sqlite3.OperationalError: another program holds the file, or it is none.
            OSError: its folder cannot be made, or is not ours.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._opened()
        except (sqlite3.OperationalError, OSError) as error:
            if not self._disk_is_to_blame(error):
                raise
            _log.error("spool %s: the disk refused (%s); working in memory until it takes something", self._path, error)
            return self._stand_in(str(error))

    def _opened(self) -> sqlite3.Connection:
        """Open the file, and take up what it holds."""
        self._database = self._file.open()
        self._in_memory = self.disk_refuses = False
        self._take_up(self._database)
        self._take_bare_apart()
        return self._database

    def _stand_in(self, why: str) -> sqlite3.Connection:
        """Return a database in memory, with the small facts of the file as far as it can be read."""
        database = self._file.memory()
        self._in_memory = self.disk_refuses = True
        self.refusal = why
        self._refusals = 0
        self._take_up(database)
        return database

    def _take_up(self, database: sqlite3.Connection) -> None:
        """Read what a database says of itself; what an earlier run left goes on as it can."""
        self.stream = str(database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()[0])
        with _Transaction(database):
            database.execute(
                "INSERT INTO carry (at, kind, notable, frame) SELECT at, kind, notable, frame FROM boxed ORDER BY id"
            )
            database.execute("DELETE FROM boxed")
            mark_held(database, "boxed", 0)
        self._live = {}
        for id_, kind, notable, at, body in database.execute("SELECT * FROM pending ORDER BY id").fetchall():
            record = _record(kind, body, at, notable)
            if record is None:
                database.execute("DELETE FROM pending WHERE id = ?", (id_,))
                self._give_up(1)
            else:
                self._live[id_] = _Live(record, _unknown(record), len(body))
        self._carries = bool(database.execute("SELECT count(*) FROM carry").fetchone()[0])
        self._batches = database.execute("SELECT count(*) FROM batch").fetchone()[0]
        self._bytes = database.execute(_BYTES_HELD).fetchone()[0]

    def close(self) -> None:
        """Close the file; everything recorded is in it."""
        self._write_ring()
        self._file.close(self._database)

    # --- for whom -----------------------------------------------------------------------------------------------------

    def seal_to(self, recipient: str) -> bool:
        """Box everything from now on, and what is here already, for a key of the collector's.

        Args:
            recipient: X25519 public key, 64 hex digits; empty: the collector opens no boxes.

        Returns:
            whether it is so; a key that is none changes nothing.
        """
        boxer = self._packer.boxer
        if recipient == (boxer.recipient if boxer else ""):
            return True
        try:
            self._packer.boxer = Boxer(recipient) if recipient else None
        except SealError as error:
            _log.error("spool: %s; it is not used", error)
            return False
        try:
            self._convert()
        except sqlite3.Error as error:
            self._refused(error)
        return True

    def _convert(self) -> None:
        """Bring what is kept in line with the collector in force: nothing of it lies bare that can be boxed."""
        with self._transaction():
            live = list(self._live.values())
            for table in ("pending", "boxed"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - a word of ours
                mark_held(self._database, table, 0)
            written = self._write(live)
        self._live = written
        self._take_bare_apart()
        if self._packer.boxer is not None:
            while self._box_batches():
                pass
            # The old rows are overwritten (secure_delete); the log holds them as well.
            self._file.scrub_log(self._database)
            # From here on nothing is deleted that anybody could read.
            self._database.execute("PRAGMA secure_delete=FAST")
        else:
            self._database.execute("PRAGMA secure_delete=ON")
        self._drop_spoilt()
        self._carries = bool(self._database.execute("SELECT count(*) FROM carry").fetchone()[0])
        self._bytes = self._database.execute(_BYTES_HELD).fetchone()[0]

    def _drop_spoilt(self) -> None:
        """Let go of what only looks as if it were boxed for another collector: its addressee is damaged."""
        for id_, table in (("sequence", "batch"), ("id", "carry")):
            query = f"SELECT {id_} FROM {table} WHERE NOT {_OPENS}"  # noqa: S608 - words of ours
            for (number,) in self._database.execute(query, self._opens).fetchall():
                query = f"SELECT frame FROM {table} WHERE {id_} = ?"  # noqa: S608
                frame = self._database.execute(query, (number,)).fetchone()[0]
                if not self._packer.whole(frame, number if table == "batch" else 0):
                    self._database.execute(f"DELETE FROM {table} WHERE {id_} = ?", (number,))  # noqa: S608
                    self._batches -= table == "batch"
                    self._give_up(1)

    def _box_batches(self) -> bool:
        """Box some of the bare batches; return whether there may be more."""
        bare = self._database.execute(
            "SELECT sequence, frame FROM batch WHERE substr(frame, 1, 4) <> ? LIMIT ?", (BOX, _CONVERTED_AT_ONCE)
        ).fetchall()
        with self._transaction():
            for sequence, frame in bare:
                if self._packer.whole(frame, sequence):
                    boxed = self._packer.passed_on(frame, sequence)
                    self._database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (boxed, sequence))
                else:
                    self._database.execute("DELETE FROM batch WHERE sequence = ?", (sequence,))
                    self._batches -= 1
                    self._give_up(1)
        return len(bare) == _CONVERTED_AT_ONCE

    def _take_bare_apart(self) -> None:
        """Turn bare frames that lost their number into records again, or box them where that can be."""
        rows = self._database.execute("SELECT id, frame FROM carry WHERE substr(frame, 1, 4) <> ?", (BOX,)).fetchall()
        for id_, frame in rows:
            with self._transaction():
                if self._packer.boxer is not None and self._packer.whole(frame, None):
                    self._database.execute(
                        "UPDATE carry SET frame = ? WHERE id = ?", (self._packer.passed_on(frame, 0), id_)
                    )
                    continue
                self._database.execute("DELETE FROM carry WHERE id = ?", (id_,))
                self._mark_carry()
                records = self._packer.records(frame)
                written = self._write([_Live(record, _unknown(record)) for record in records])
            self._live.update(written)
            self._give_up(not records)

    # --- recording ----------------------------------------------------------------------------------------------------

    def record(self, records: Sequence[Record], stamp: Stamp | None = None) -> bool:
        """Commit records durably, in order; return False where the disk refused and memory holds them for now.

        Args:
            records: what to keep.
            stamp: of this moment, for the envelope that each lies in until its batch is sealed.

        Raises:
            TooLargeError: a record could never be sent; none of the others is affected, call again without it.
        """
        for record in records:
            if len(record.body) > LARGEST_RECORD:
                size = len(record.body)
                raise TooLargeError(f"{record.kind} of {size} bytes; at most {LARGEST_RECORD} fit a message")
        self._ring.extend(_Live(record, stamp or _unknown(record)) for record in records)
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
            self._file.close(self._database)
            self._database = self._stand_in(self.refusal)
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
        memory, stream, live = self._database, self.stream, self._live
        held = list(live.values())
        try:
            self._database = self._opened()
        except (sqlite3.Error, OSError) as error:
            self._database, self.refusal, self.stream, self._live = memory, str(error), stream, live
            self._in_memory = self.disk_refuses = True
            return
        facts = memory.execute("SELECT name, value FROM meta WHERE name LIKE 'note %'").fetchall()
        memory.close()
        self._refusals = 0
        _log.info("spool: the disk takes what is recorded again")
        for name, value in facts:
            self.note(name.removeprefix("note "), value)
        self._ring.extendleft(reversed(held))
        self._ring_bytes += sum(len(one.record.body) for one in held)
        try:
            self._convert()
        except sqlite3.Error as error:
            self._refused(error)

    def _write_ring(self) -> bool:
        """Move everything in memory to disk in one commit."""
        if not self._ring:
            return True
        try:
            with self._transaction():
                written = self._write(self._ring)
        except sqlite3.Error as error:
            self._refused(error)
            return False
        self._live.update(written)
        self._bytes += sum(one.size for one in written.values())
        self._ring.clear()
        self._ring_bytes = 0
        if not self._in_memory:
            self.disk_refuses = False
            self._refusals = 0
        return True

    def _write(self, records: Iterable[_Live]) -> dict[int, _Live]:
        """Write records of this run, within a transaction; return them by the ids of their rows."""
        written: dict[int, _Live] = {}
        for one in records:
            record = one.record
            if self._packer.boxer is not None:
                kept = self._packer.copy(record, one.stamp)
                query = "INSERT INTO boxed (kind, notable, at, frame) VALUES (?, ?, ?, ?)"
            else:
                kept = record.body
                query = "INSERT INTO pending (kind, notable, at, body) VALUES (?, ?, ?, ?)"
            row = (record.kind.value, int(record.notable), record.at, kept)
            written[self._database.execute(query, row).lastrowid or 0] = replace(one, size=len(kept))
        return written

    def _refused(self, error: sqlite3.Error) -> None:
        """Meet a disk that refuses: rebuild a damaged file, else hold in memory, within a bound."""
        if not self.disk_refuses:
            _log.error("spool: the disk refused (%s); measurements are kept in memory until it takes them", error)
        self.disk_refuses = True
        self.refusal = str(error)
        if (
            not self._in_memory
            and not self._rebuilding
            and (not isinstance(error, sqlite3.OperationalError) or "malformed" in str(error))
        ):
            self._rebuild(str(error))
        while self._ring_bytes > _RING_BYTES:
            self._ring_bytes -= len(self._ring.popleft().record.body)
            self._let_go += 1

    def _rebuild(self, why: str) -> None:
        """Go on with a new file in the place of a damaged one; what is in no batch yet is in memory anyway."""
        self._database.close()
        held = list(self._live.values())
        self._rebuilding = True
        try:
            self._file.rebuild(why, only_sealed=True)
            self._database = self._opened()
        except (sqlite3.Error, OSError) as error:
            _log.error("spool %s: not rebuilt (%s); working in memory until it can be", self._path, error)
            self._database = self._stand_in(str(error))
        self._ring.extendleft(reversed(held))
        self._ring_bytes += sum(len(one.record.body) for one in held)
        if not self._in_memory:
            self._convert()
            self._write_ring()
        self._rebuilding = False

    @property
    def _table(self) -> str:
        """Where records of this run wait: a word of ours, safe in a query."""
        return "pending" if self._packer.boxer is None else "boxed"

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database)

    # --- sealing ------------------------------------------------------------------------------------------------------

    def due(self, now: float, *, patience: float = 1.0) -> bool:
        """Whether the open batch is full, or something in it waited for ``patience`` times what it may."""
        waiting = [one.record for one in self._live.values()]
        first = min((record.at for record in waiting), default=None)
        urgent = (record.at for record in waiting if record.notable or record.kind is Kind.EVENT)
        failed = min(urgent, default=None)
        # abs: after a step of the clock backwards the age is negative, and waiting for it would hold the batch.
        return bool(
            len(waiting) >= self._batch_records
            or (first is not None and abs(now - first) >= self._batch_seconds * patience)
            or (failed is not None and abs(now - failed) >= self._failure_seconds * patience)
            or (self._carries and self._packer.boxer is not None)
        )

    def seal(self, stamp: Stamp) -> int:
        """Seal everything that waits into batches, and enforce the size bound; return the number of batches made."""
        made = 0
        most = self._batch_records
        try:
            while self._carry_one(stamp):
                made += 1
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
        """Seal the oldest waiting records of one kind; the row appears and they vanish in one commit."""
        first = next(iter(self._live.values()), None)
        if first is None:
            return False
        kind = first.record.kind
        chosen: list[int] = []
        size = 0
        for id_, one in self._live.items():
            if one.record.kind is kind:
                size += len(one.record.body) + 1
                if len(chosen) == most or (chosen and size > LARGEST_BODY):
                    break
                chosen.append(id_)
        records = [self._live[id_].record for id_ in chosen]
        with self._transaction():
            place = self._new_row(kind, any(record.notable for record in records), records[0].at)
            frame = self._packer.batch(kind, [record.body for record in records], place, stamp)
            if len(frame) > LARGEST_FRAME and len(chosen) > 1:
                raise _TooManyError  # rolls back
            self._database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (frame, place.sequence))
            self._database.executemany(f"DELETE FROM {self._table} WHERE id = ?", [(id_,) for id_ in chosen])  # noqa: S608
            mark_held(self._database, self._table, len(self._live) - len(chosen))
        self._bytes += len(frame) - sum(self._live.pop(id_).size for id_ in chosen)
        self._batches += 1
        return True

    def _carry_one(self, stamp: Stamp) -> bool:
        """Put some of what an earlier run left boxed into a carrier, in one commit; return whether there was any."""
        if not self._carries or self._packer.boxer is None:
            return False
        query = f"SELECT id, kind, notable, at, frame FROM carry WHERE {_OPENS} ORDER BY id LIMIT ?"  # noqa: S608
        found = self._database.execute(query, (*self._opens, CARRIER_FRAMES)).fetchall()
        if not found:
            self._carries = False
            return False
        chosen: list[Any] = []
        spoilt = [row[0] for row in found if not self._packer.whole(row[4], 0)]
        size = 0
        for row in found:
            if row[0] not in spoilt:
                size += len(row[4])
                if chosen and size > CARRIER_BYTES:
                    break
                chosen.append(row)
        frame = b""
        with self._transaction():
            if chosen:
                place = self._new_row(Kind.MEASUREMENT, any(row[2] for row in chosen), min(row[3] for row in chosen))
                frame = self._packer.carrier([row[4] for row in chosen], place, stamp)
                self._database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (frame, place.sequence))
            gone = [(id_,) for id_ in (*spoilt, *(row[0] for row in chosen))]
            self._database.executemany("DELETE FROM carry WHERE id = ?", gone)
            self._mark_carry()
        self._give_up(len(spoilt))
        self._batches += bool(chosen)
        self._bytes += len(frame) - sum(len(row[4]) for row in chosen)
        return True

    def _new_row(self, kind: Kind, notable: bool, at: float) -> Place:
        """Give out the next sequence, within a transaction."""
        cursor = self._database.execute(
            "INSERT INTO batch (kind, notable, at, frame) VALUES (?, ?, ?, x'')", (kind.value, int(notable), at)
        )
        sequence = cursor.lastrowid or 0
        keep_twin(self._database, sequence)
        return Place(self.stream, sequence, min(self._lowest() or sequence, sequence))

    def _enforce_bound(self) -> None:
        """Let go of the oldest routine batches, then of the oldest, until the bound holds; count every one.

        What is boxed for a collector that is not in force goes before all of them.
        """
        most = min(self._max_bytes, _RING_BYTES) if self._in_memory else self._max_bytes
        while self._bytes > most:
            query = f"SELECT sequence, length(frame) FROM batch ORDER BY {_OPENS}, notable, sequence LIMIT 1"  # noqa: S608
            row = self._database.execute(query, self._opens).fetchone()
            if row is None:
                if not self._drop_carried():
                    return
                continue
            with self._transaction():
                self._database.execute("DELETE FROM batch WHERE sequence = ?", (row[0],))
                self._batches -= 1
                mark_held(self._database, "batch", self._batches)
            self._bytes -= row[1]
            self._let_go += 1
            self.evicted_batches += 1

    def _drop_carried(self) -> bool:
        """Let go of the oldest that waits for a carrier; return whether there was any."""
        row = self._database.execute("SELECT id, length(frame) FROM carry ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return False
        with self._transaction():
            self._database.execute("DELETE FROM carry WHERE id = ?", (row[0],))
            self._mark_carry()
        self._bytes -= row[1]
        self._let_go += 1
        return True

    def _mark_carry(self) -> None:
        mark_held(self._database, "carry", self._database.execute("SELECT count(*) FROM carry").fetchone()[0])

    # --- delivering ---------------------------------------------------------------------------------------------------

    @property
    def _opens(self) -> tuple[bytes, bytes]:
        """The values of ``_OPENS``."""
        boxer = self._packer.boxer
        return (BOX, boxer.addressee if boxer else b"")

    def rows(self, after: int, most: int) -> list[Row]:
        """Return up to ``most`` sealed batches with a sequence above ``after``, oldest first.

        A row that is not what was written is let go and counted: sent again and again, it would stand in the way of
        those behind it.
        """
        found: list[Row] = []
        query = f"SELECT sequence, kind, frame FROM batch WHERE sequence > ? AND {_OPENS} ORDER BY sequence LIMIT ?"  # noqa: S608
        try:
            while len(found) < most:
                rows = self._database.execute(query, (after, *self._opens, most - len(found))).fetchall()
                if not rows:
                    break
                after = rows[-1][0]
                spoilt = [row[0] for row in rows if not self._packer.whole(row[2], row[0])]
                self._forget_spoilt(spoilt)
                found += [
                    Row(row[0], Kind.EVENT if row[1] == Kind.EVENT else Kind.MEASUREMENT, row[2])
                    for row in rows
                    if row[0] not in spoilt
                ]
        except sqlite3.Error as error:
            self._refused(error)
        return found

    def _forget_spoilt(self, sequences: Sequence[int]) -> None:
        """Let go of rows whose content is damaged."""
        if not sequences:
            return
        with self._transaction():
            self._database.executemany("DELETE FROM batch WHERE sequence = ?", [(one,) for one in sequences])
            self._batches -= len(sequences)
            mark_held(self._database, "batch", self._batches)
        self._give_up(len(sequences))

    def _give_up(self, count: int) -> None:
        """Count rows that are no longer what was written."""
        if count:
            self._file.lost += count
            self._file.damage = f"{self._file.lost} rows are no longer what was written"
            _log.error("spool %s: %s", self._path, self._file.damage)

    def forget(self, receipt: Receipt) -> int:
        """Delete what a verified receipt names, and nothing else; return how many batches went.

        What is boxed for another collector than the one that signs was not received by it, whatever its number.
        """
        if receipt.stream != self.stream:
            return 0
        query = f"DELETE FROM batch WHERE sequence <= ? AND {_OPENS}"  # noqa: S608
        single = f"DELETE FROM batch WHERE sequence = ? AND {_OPENS}"  # noqa: S608
        before = self._batches
        try:
            with self._transaction():
                gone = self._database.execute(query, (receipt.through, *self._opens)).rowcount
                for number in receipt.beyond:
                    gone += self._database.execute(single, (number, *self._opens)).rowcount
                self._batches -= gone
                if gone:
                    mark_held(self._database, "batch", self._batches)
        except (sqlite3.Error, OverflowError) as error:
            # OverflowError: a sequence beyond 64 bits. Nothing is lost by forgetting later.
            _log.warning("spool: receipt through %s could not be applied: %s", receipt.through, error)
            self._batches = before
            return 0
        if gone:
            self._bytes = self._ask(_BYTES_HELD, (self._bytes,))[0]
        return gone

    def is_behind(self, receipt: Receipt) -> bool:
        """Tell whether a receipt for our stream names what this spool never gave out.

        Then the disk was put back to an earlier state, and the numbers that it will give out were used already.
        """
        if receipt.stream != self.stream:
            return False
        given = self._ask("SELECT max(seq) FROM sqlite_sequence WHERE name = 'batch'", (None,))[0] or 0
        return max((receipt.through, *receipt.beyond)) > given

    def begin_anew(self, why: str) -> None:
        """Begin a new stream; every batch of the old one goes on in it, under a number of its own."""
        _log.error("spool %s: %s; a new stream begins", self._path, why)
        try:
            with self._transaction():
                for sequence, kind, notable, at, frame in self._database.execute("SELECT * FROM batch").fetchall():
                    if self._packer.whole(frame, sequence):
                        row = (at, kind, notable, self._packer.passed_on(frame, 0))
                        self._database.execute("INSERT INTO carry (at, kind, notable, frame) VALUES (?, ?, ?, ?)", row)
                self._database.execute("DELETE FROM batch")
                begin_stream(self._database)
                self._batches = 0
                mark_held(self._database, "batch", self._batches)
            self.stream = str(self._database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()[0])
            self._convert()
        except sqlite3.Error as error:
            self._refused(error)

    def _lowest(self) -> int | None:
        """Lowest sequence of a batch that the collector in force opens."""
        query = f"SELECT min(sequence) FROM batch WHERE {_OPENS}"  # noqa: S608
        held = self._database.execute(query, self._opens).fetchone()[0]
        return None if held is None else int(held)

    def oldest(self) -> int:
        """Lowest sequence still held, or the next one to be given out when nothing is: no lower one will come again."""
        try:
            held = self._lowest()
        except sqlite3.Error as error:
            self._refused(error)
            held = None
        if held is not None:
            return held
        return int(self._ask("SELECT max(seq) FROM sqlite_sequence WHERE name = 'batch'", (0,))[0] or 0) + 1

    def count(self) -> int:
        """Batches and records that no receipt has named."""
        return int(self._ask(_ROWS_HELD, (0,))[0]) + len(self._ring)

    def oldest_at(self) -> float | None:
        """When the oldest thing held was recorded, in UNIX seconds; ``None`` when nothing is held."""
        at = self._ask(_OLDEST_AT, (None,))[0]
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
        return row[0] if isinstance(row[0], str) else ""

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
        noted = self.noted(_SESSION)
        earlier = int(noted) if noted.isdecimal() and len(noted) < 19 else 0
        last = max(earlier if earlier < _SESSION_MOST else 0, self._session)
        self._session = max(last + 1, int(now))
        self.note(_SESSION, str(self._session))
        return self._session


def _record(kind: Any, body: Any, at: Any, notable: Any) -> Record | None:
    """Return a record of an earlier run; ``None`` where its row is damaged."""
    try:
        if not isinstance(msgspec.json.decode(body), dict):
            return None
        return Record(Kind(kind), bytes(body), float(at), bool(notable))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, RecursionError):
        return None


def _unknown(record: Record) -> Stamp:
    """Return what can be said of a moment that nobody noted."""
    return Stamp(record.at, ClockState.UNSYNCED, 0, historical=True)


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
