"""The rows of one open spool database: records that wait, batches that go, and what an earlier run left boxed.

Lives here: what happens to rows, commit by commit. Must not live here: a disk that refuses (every method lets
``sqlite3.Error`` through; spool.py meets it), files (file.py, memory.py), bringing rows in line with another recipient
(boxing.py), or when to seal.

``batch`` holds the exact bytes that go on air, counted by ``sequence`` within this database's ``stream``. What is
recorded and in no batch yet lies there too: boxed for the collector alone as soon as it has said that it opens boxes
(``boxed``), as JSON before that (``pending``). The same records are in memory until their batch is sealed, because
nobody here can open a box. What an earlier run left boxed goes on in carriers (``carry``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from balise_agent.delivery.spool.file import begin_stream, keep_twin, mark_held
from balise_agent.delivery.spool.packing import (
    CARRIER_BYTES,
    CARRIER_FRAMES,
    LARGEST_BODY,
    LARGEST_FRAME,
    Packer,
    Place,
    Record,
    Stamp,
)
from balise_agent.delivery.spool.storage import Storage
from balise_agent.delivery.spool.tables import BYTES_HELD, GIVEN_OUT, OLDEST_AT, OPENS, ROWS_HELD, STREAM, count
from balise_agent.delivery.spool.tables import transaction as _transaction
from balise_wire.box import MAGIC as BOX
from balise_wire.envelope import Kind
from balise_wire.status import Receipt
from balise_wire.words import ClockState


@dataclass(frozen=True)
class Row:
    """One sealed batch."""

    sequence: int
    kind: Kind
    frame: bytes


@dataclass(frozen=True)
class Waiting:
    """A record of this run that is in no batch yet."""

    record: Record
    stamp: Stamp
    """Of the moment it was recorded."""
    size: int = 0
    """Bytes of its row."""


class Batches:
    """One database, from its opening to its end."""

    def __init__(self, storage: Storage, packer: Packer) -> None:
        """Open it, and take up what an earlier run left.

        Raises:
            sqlite3.DatabaseError, OSError: see ``Storage.open``.
        """
        self.storage = storage
        self.packer = packer
        self.database = storage.open()
        self.stream = ""
        self.bytes_held = 0
        self.waiting: dict[int, Waiting] = {}
        """By the id of their row in ``boxed``, or in ``pending`` where the collector opens no boxes."""
        self._batches = 0
        self._carries = False
        """Something waits for a carrier."""
        try:
            self._take_up()
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """Close it; everything recorded is in it."""
        self.storage.close(self.database)

    def _take_up(self) -> None:
        """Read what the database says of itself; what an earlier run left goes on as it can."""
        database = self.database
        self.stream = str(database.execute(STREAM).fetchone()[0])
        with _transaction(database):
            database.execute(
                "INSERT INTO carry (at, kind, notable, frame) SELECT at, kind, notable, frame FROM boxed ORDER BY id"
            )
            database.execute("DELETE FROM boxed")
            mark_held(database, "boxed", 0)
        for id_, kind, notable, at, body in database.execute("SELECT * FROM pending ORDER BY id").fetchall():
            record = _record(kind, body, at, notable)
            if record is None:
                database.execute("DELETE FROM pending WHERE id = ?", (id_,))
                self.storage.give_up(1)
            else:
                self.waiting[id_] = Waiting(record, unknown(record), len(body))
        self.recount()

    def recount(self) -> None:
        """Count again what is held: rows changed behind the running totals."""
        self._carries = bool(count(self.database, "carry"))
        self._batches = count(self.database, "batch")
        self.bytes_held = self.database.execute(BYTES_HELD).fetchone()[0]

    # --- recording ----------------------------------------------------------------------------------------------------

    def write(self, records: Iterable[Waiting]) -> None:
        """Commit records of this run."""
        with _transaction(self.database):
            written = self.insert(records)
        self.waiting.update(written)
        self.bytes_held += sum(one.size for one in written.values())

    def insert(self, records: Iterable[Waiting]) -> dict[int, Waiting]:
        """Write records of this run, within a transaction; return them by the ids of their rows."""
        written: dict[int, Waiting] = {}
        for one in records:
            record = one.record
            if self.packer.boxer is not None:
                kept = self.packer.copy(record, one.stamp)
                query = "INSERT INTO boxed (kind, notable, at, frame) VALUES (?, ?, ?, ?)"
            else:
                kept = record.body
                query = "INSERT INTO pending (kind, notable, at, body) VALUES (?, ?, ?, ?)"
            row = (record.kind.value, int(record.notable), record.at, kept)
            written[self.database.execute(query, row).lastrowid or 0] = replace(one, size=len(kept))
        return written

    # --- sealing ------------------------------------------------------------------------------------------------------

    @property
    def has_carriers(self) -> bool:
        """Whether something waits for a carrier that can be made."""
        return self._carries and self.packer.boxer is not None

    def seal(self, stamp: Stamp, most_records: int) -> Iterator[None]:
        """Seal everything that waits, commit by commit; yield after each batch."""
        while self._carry_one(stamp):
            yield
        while True:
            try:
                if not self._seal_one(stamp, most_records):
                    return
            except _TooManyError:
                most_records = max(1, most_records // 2)
            else:
                yield

    def _seal_one(self, stamp: Stamp, most: int) -> bool:
        """Seal the oldest waiting records of one kind; the row appears and they vanish in one commit."""
        first = next(iter(self.waiting.values()), None)
        if first is None:
            return False
        kind = first.record.kind
        chosen = self._choose(kind, most)
        records = [self.waiting[id_].record for id_ in chosen]
        with _transaction(self.database):
            place = self._new_row(kind, any(record.notable for record in records), records[0].at)
            frame = self.packer.batch(kind, [record.body for record in records], place, stamp)
            if len(frame) > LARGEST_FRAME and len(chosen) > 1:
                raise _TooManyError  # rolls back
            self.database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (frame, place.sequence))
            table = "pending" if self.packer.boxer is None else "boxed"
            self.database.executemany(f"DELETE FROM {table} WHERE id = ?", [(id_,) for id_ in chosen])  # noqa: S608 - words of ours
            mark_held(self.database, table, len(self.waiting) - len(chosen))
        self.bytes_held += len(frame) - sum(self.waiting.pop(id_).size for id_ in chosen)
        self._batches += 1
        return True

    def _choose(self, kind: Kind, most: int) -> list[int]:
        """Return the ids of the oldest records of a kind that go into one batch."""
        chosen: list[int] = []
        size = 0
        for id_, one in self.waiting.items():
            if one.record.kind is kind:
                size += len(one.record.body) + 1
                if len(chosen) == most or (chosen and size > LARGEST_BODY):
                    break
                chosen.append(id_)
        return chosen

    def _carry_one(self, stamp: Stamp) -> bool:
        """Put some of what an earlier run left boxed into a carrier, in one commit; return whether there was any."""
        if not self.has_carriers:
            return False
        query = f"SELECT id, kind, notable, at, frame FROM carry WHERE {OPENS} ORDER BY id LIMIT ?"  # noqa: S608
        found = self.database.execute(query, (*self.opens, CARRIER_FRAMES)).fetchall()
        if not found:
            self._carries = False
            return False
        spoilt = [row[0] for row in found if not self.packer.whole(row[4], 0)]
        chosen = _that_fit([row for row in found if row[0] not in spoilt])
        frame = b""
        with _transaction(self.database):
            if chosen:
                place = self._new_row(Kind.MEASUREMENT, any(row[2] for row in chosen), min(row[3] for row in chosen))
                frame = self.packer.carrier([row[4] for row in chosen], place, stamp)
                self.database.execute("UPDATE batch SET frame = ? WHERE sequence = ?", (frame, place.sequence))
            gone = [(id_,) for id_ in (*spoilt, *(row[0] for row in chosen))]
            self.database.executemany("DELETE FROM carry WHERE id = ?", gone)
            self.mark_carry()
        self.storage.give_up(len(spoilt))
        self._batches += bool(chosen)
        self.bytes_held += len(frame) - sum(len(row[4]) for row in chosen)
        return True

    def _new_row(self, kind: Kind, notable: bool, at: float) -> Place:
        """Give out the next sequence, within a transaction."""
        cursor = self.database.execute(
            "INSERT INTO batch (kind, notable, at, frame) VALUES (?, ?, ?, x'')", (kind.value, int(notable), at)
        )
        sequence = cursor.lastrowid or 0
        keep_twin(self.database, sequence)
        return Place(self.stream, sequence, min(self._lowest() or sequence, sequence))

    # --- letting go ---------------------------------------------------------------------------------------------------

    def enforce_bound(self) -> Iterator[bool]:
        """Let go of the oldest routine batches, then of the oldest, until the bound holds; yield for every one.

        What is boxed for a collector that is not in force goes before all of them. Yields whether it was a batch;
        otherwise it was waiting for a carrier.
        """
        while self.bytes_held > self.storage.max_bytes:
            query = f"SELECT sequence, length(frame) FROM batch ORDER BY {OPENS}, notable, sequence LIMIT 1"  # noqa: S608
            row = self.database.execute(query, self.opens).fetchone()
            if row is None:
                if not self._drop_carried():
                    return
                yield False
                continue
            with _transaction(self.database):
                self.database.execute("DELETE FROM batch WHERE sequence = ?", (row[0],))
                mark_held(self.database, "batch", self._batches - 1)
            self._batches -= 1
            self.bytes_held -= row[1]
            yield True

    def _drop_carried(self) -> bool:
        """Let go of the oldest that waits for a carrier; return whether there was any."""
        row = self.database.execute("SELECT id, length(frame) FROM carry ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return False
        with _transaction(self.database):
            self.database.execute("DELETE FROM carry WHERE id = ?", (row[0],))
            self.mark_carry()
        self.bytes_held -= row[1]
        return True

    def mark_carry(self) -> None:
        """Write down how much waits for a carrier, within a transaction."""
        mark_held(self.database, "carry", count(self.database, "carry"))

    # --- delivering ---------------------------------------------------------------------------------------------------

    @property
    def opens(self) -> tuple[bytes, bytes]:
        """The values of ``tables.OPENS``."""
        boxer = self.packer.boxer
        return (BOX, boxer.addressee if boxer else b"")

    def rows(self, after: int, most: int) -> Iterator[Row]:
        """Yield up to ``most`` sealed batches with a sequence above ``after``, oldest first.

        A row that is not what was written is let go and counted: sent again and again, it would stand in the way of
        those behind it.
        """
        query = f"SELECT sequence, kind, frame FROM batch WHERE sequence > ? AND {OPENS} ORDER BY sequence LIMIT ?"  # noqa: S608
        while most > 0:
            rows = self.database.execute(query, (after, *self.opens, most)).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            spoilt = [row[0] for row in rows if not self.packer.whole(row[2], row[0])]
            self._forget_spoilt(spoilt)
            for sequence, kind, frame in rows:
                if sequence not in spoilt:
                    most -= 1
                    yield Row(sequence, Kind.EVENT if kind == Kind.EVENT else Kind.MEASUREMENT, frame)

    def _forget_spoilt(self, sequences: Sequence[int]) -> None:
        """Let go of rows whose content is damaged."""
        if not sequences:
            return
        with _transaction(self.database):
            self.database.executemany("DELETE FROM batch WHERE sequence = ?", [(one,) for one in sequences])
            mark_held(self.database, "batch", self._batches - len(sequences))
        self._batches -= len(sequences)
        self.storage.give_up(len(sequences))

    def forget(self, receipt: Receipt) -> int:
        """Delete what a receipt for this stream names, and nothing else; return how many batches went.

        What is boxed for another collector than the one that signs was not received by it, whatever its number.
        """
        query = f"DELETE FROM batch WHERE sequence <= ? AND {OPENS}"  # noqa: S608
        single = f"DELETE FROM batch WHERE sequence = ? AND {OPENS}"  # noqa: S608
        with _transaction(self.database):
            gone = self.database.execute(query, (receipt.through, *self.opens)).rowcount
            for number in receipt.beyond:
                gone += self.database.execute(single, (number, *self.opens)).rowcount
            if gone:
                mark_held(self.database, "batch", self._batches - gone)
        self._batches -= gone
        return gone

    def begin_anew(self) -> None:
        """Begin a new stream; every batch of the old one goes on in it, under a number of its own."""
        with _transaction(self.database):
            for sequence, kind, notable, at, frame in self.database.execute("SELECT * FROM batch").fetchall():
                if self.packer.whole(frame, sequence):
                    row = (at, kind, notable, self.packer.passed_on(frame, 0))
                    self.database.execute("INSERT INTO carry (at, kind, notable, frame) VALUES (?, ?, ?, ?)", row)
            self.database.execute("DELETE FROM batch")
            begin_stream(self.database)
            mark_held(self.database, "batch", 0)
        self._batches = 0
        self.stream = str(self.database.execute(STREAM).fetchone()[0])

    # --- what is held -------------------------------------------------------------------------------------------------

    def _lowest(self) -> int | None:
        """Lowest sequence of a batch that the collector in force opens."""
        query = f"SELECT min(sequence) FROM batch WHERE {OPENS}"  # noqa: S608
        held = self.database.execute(query, self.opens).fetchone()[0]
        return None if held is None else int(held)

    def given_out(self) -> int:
        """Return the highest sequence that was ever given out."""
        return int(self.database.execute(GIVEN_OUT).fetchone()[0] or 0)

    def oldest(self) -> int | None:
        """Return the lowest sequence still held."""
        return self._lowest()

    def count(self) -> int:
        """Return how many batches and records are held."""
        return int(self.database.execute(ROWS_HELD).fetchone()[0])

    def oldest_at(self) -> float | None:
        """Return when the oldest thing held was recorded, in UNIX seconds."""
        at = self.database.execute(OLDEST_AT).fetchone()[0]
        return None if at is None else float(at)

    def recount_bytes(self) -> None:
        """Count the bytes that are held again."""
        self.bytes_held = self.database.execute(BYTES_HELD).fetchone()[0]


def unknown(record: Record) -> Stamp:
    """Return what can be said of a moment that nobody noted."""
    return Stamp(record.at, ClockState.UNSYNCED, 0, historical=True)


def _that_fit(rows: list[Any]) -> list[Any]:
    """Return the first rows whose frames fit one carrier; at least one."""
    chosen: list[Any] = []
    size = 0
    for row in rows:
        size += len(row[4])
        if chosen and size > CARRIER_BYTES:
            break
        chosen.append(row)
    return chosen


def _record(kind: Any, body: Any, at: Any, notable: Any) -> Record | None:
    """Return a record of an earlier run; ``None`` where its row is damaged."""
    try:
        if not isinstance(msgspec.json.decode(body), dict):
            return None
        return Record(Kind(kind), bytes(body), float(at), bool(notable))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, RecursionError):
        return None


class _TooManyError(Exception):
    """The chosen records do not fit one sealed message."""
