"""Batches as they were sealed, the measurements that point into them, and the cursors of who reads them.

Lives here: writing both, and reading them back so that damage costs the rows it hit. Must not live here: opening a
frame (frames.py).
"""

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.journal import Batch, JournalRow, Piece
from balise_collector.journal.clock_offset import offset_of_older
from balise_collector.journal.frames import DamageError, Opened, Pointer, Taken, id64
from balise_collector.journal.sqlite.events import SqliteEvents
from balise_collector.journal.sqlite.streams import SqliteStreams, Touched
from balise_collector.system.errors import DamagedError
from balise_collector.system.faults import Fault
from balise_collector.system.shared_file import is_damage
from balise_wire.seal import key_id as signing_id

_KNOWN: Final = (
    "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM measurement WHERE probe = ? AND id = j.value)"
)
"""Not a join: the planner would walk everything that the probe ever sent, for each batch."""
_LATEST: Final = 4e9
"""UNIX seconds no receive time reaches (2096): what lies beyond was not written by us."""
_FRAME: Final = 9
"""Place of the frame in a row of ``batch``."""


class SqliteMeasurements(SqliteEvents, SqliteStreams):
    """The tables ``batch``, ``signer``, ``measurement`` and ``cursor``."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """See Tables."""
        super().__init__(path, db)
        self._keys_by_id: dict[bytes, Ed25519PublicKey] = {}

    def _forget(self) -> None:
        super()._forget()
        self._next_batch = 0

    def _append_batches(self, batches: Sequence[Batch], received_at: float, touched: Touched) -> int:
        if not self._next_batch:
            self._next_batch = self._one("SELECT coalesce(max(no), 0) + 1 FROM batch")
        frames: list[tuple[Any, ...]] = []
        fresh = 0
        for batch in batches:
            probe = self._number("probe", "id", batch.probe)
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO measurement(probe, id, batch, place) VALUES(?,?,?,?)",
                [(probe, id64(id), self._next_batch, place) for place, id in batch.measurements],
            )
            new = self._db.total_changes - before
            if new:
                signer = self._number("signer", "public_key", batch.public_key)
                frames.append(
                    (self._next_batch, probe, signer, batch.stream, batch.sequence, received_at, batch.sent_at,
                     batch.clock_state.value, batch.historical, batch.frame, batch.clock_offset, batch.clock_doubtful)
                )  # fmt: skip
                self._next_batch += 1
                fresh += new
            self._append_events(probe, batch.events, received_at)
            if batch.sequence:
                position = touched[probe, batch.stream] = self._stream(probe, batch.stream)
                position.note(batch.sequence)
            self._heard(probe, batch.session, batch.stream, batch.oldest, touched)
        self._db.executemany("INSERT INTO batch VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", frames)
        if frames:
            self._add(frame_bytes=sum(len(frame[_FRAME]) for frame in frames))
        return fresh

    def fresh(self, probe: str, ids: Sequence[str]) -> frozenset[str]:
        """Return which measurements of a probe are not here yet: a repeat is dropped, and costs its sender nothing."""
        rows = self._ask("SELECT no FROM probe WHERE id = ?", probe)
        if not rows:
            return frozenset(ids)
        by_number = {id64(one): one for one in ids}
        known = self._ask(_KNOWN, json.dumps(list(by_number)), rows[0][0])
        return frozenset(ids) - {by_number[number] for (number,) in known}

    def cursor(self, name: str) -> int:
        """Return how far the reader ``name`` has come; 0 for a new one."""
        rows = self._ask("SELECT seq FROM cursor WHERE name = ?", name)
        return int(rows[0][0]) if rows else 0

    def advance(self, name: str, seq: int) -> None:
        """Set how far the reader ``name`` has come."""
        self._write("INSERT OR REPLACE INTO cursor VALUES(?,?)", name, seq)

    def piece(self, after: int, most: int) -> Piece:
        """Return a stretch of the journal (see the Protocol).

        Raises:
            DamagedError: the file is damaged so that what lies behind cannot be found.
        """
        pointers, broken = self._pointers(after, most)
        if not pointers and broken is not None:
            following = self._behind(after)
            lost = Fault(
                place="journal",
                seq=after + 1,
                rows=following - after - 1,
                error=f"rows {after + 1} to {following - 1} cannot be read: {broken}",
            )
            return Piece(damaged=(lost,), through=following - 1, ended=False)
        rows: list[JournalRow] = []
        damaged: list[Fault] = []
        for batch, group in groupby(pointers, key=itemgetter(3)):
            self._unpack(batch, [Pointer(*one[:3]) for one in group], rows, damaged)
        through = pointers[-1][0] if pointers else after
        ended = len(pointers) < most and broken is None
        return Piece(rows=tuple(rows), damaged=tuple(damaged), through=through, ended=ended)

    def _pointers(self, after: int, most: int) -> tuple[list[tuple[int, int, int, int]], sqlite3.Error | None]:
        """Return (seq, id, place, batch) of the rows behind ``after`` up to where they cannot be read, and why."""
        found: list[tuple[int, int, int, int]] = []
        try:
            for row in self._db.execute(
                "SELECT seq, id, place, batch FROM measurement WHERE seq > ? ORDER BY seq LIMIT ?", (after, most)
            ):
                found.append(row)  # noqa: PERF402 - what came before the damage is kept
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            # The module steps ahead of the row that it gives, so that the last sound one went down with the step.
            sound = self._pointer((found[-1][0] if found else after) + 1)
            return [*found, *([sound] if sound else [])], error
        return found, None

    def _pointer(self, seq: int) -> tuple[int, int, int, int] | None:
        """Return (seq, id, place, batch) of one row by its number; ``None`` where there is none, or it is damaged."""
        try:
            found = self._db.execute("SELECT seq, id, place, batch FROM measurement WHERE seq = ?", (seq,)).fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            return None
        return None if found is None else (found[0], found[1], found[2], found[3])

    def _behind(self, after: int) -> int:
        """Return the first row that can be read behind damage which begins at ``after`` (DamagedError: none can)."""
        head = self.head()
        unread, step = after, 1
        while True:
            readable = min(unread + step, head)
            if self._pointer(readable) is not None:
                break
            if readable >= head:
                raise DamagedError(f"{self._path}: nothing behind row {after} can be read", self._path)
            unread, step = readable, step * 2
        while readable - unread > 1:
            middle = (unread + readable) // 2
            if self._pointer(middle) is not None:
                readable = middle
            else:
                unread = middle
        return readable

    def read(self, after: int, most: int) -> list[JournalRow]:
        """Return the measurements that can be read of a stretch (see the Protocol)."""
        return list(self.piece(after, most).rows)

    def rows(self, places: Sequence[int]) -> list[JournalRow]:
        """Return the measurements at given places, in order; unknown and damaged ones are left out."""
        pointers: list[tuple[int, int, int, int]] = []
        for seq in sorted(set(places)):
            found = self._pointer(seq)
            pointers.extend([found] if found else [])
        rows: list[JournalRow] = []
        for batch, group in groupby(pointers, key=itemgetter(3)):
            self._unpack(batch, [Pointer(*one[:3]) for one in group], rows, [])
        return rows

    def find(self, measurement_id: str) -> JournalRow | None:
        """Return one measurement by its id, for evidence; ``None`` where there is none, or it is damaged."""
        if not measurement_id or any(c not in "0123456789abcdef" for c in measurement_id) or len(measurement_id) != 32:
            return None
        try:
            pointers = self._db.execute(
                "SELECT m.seq, m.id, m.place, m.batch FROM probe p JOIN measurement m ON m.probe = p.no AND m.id = ?",
                (id64(measurement_id),),
            ).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            return None
        for *pointer, batch in pointers:
            rows: list[JournalRow] = []
            self._unpack(batch, [Pointer(*pointer)], rows, [])
            for row in rows:
                if row.measurement.id == measurement_id:
                    return row
        return None

    def _unpack(self, batch: int, wanted: list[Pointer], rows: list[JournalRow], damaged: list[Fault]) -> None:
        """Open one frame, and sort what is wanted of it into what is sound and what is damaged."""
        try:
            opened, taken = self._open(batch)
        except DamageError as error:
            damaged.extend(Fault(place="journal", seq=one.seq, error=f"batch {batch}: {error}") for one in wanted)
            return
        for pointer in wanted:
            try:
                rows.append(opened.row(pointer, taken))
            except DamageError as error:
                damaged.append(Fault(place="journal", seq=pointer.seq, error=f"batch {batch}: {error}"))

    def _open(self, batch: int) -> tuple[Opened, Taken]:
        """Return a verified frame, and what was noted when it was taken in (DamageError)."""
        try:
            found = self._db.execute(
                "SELECT received_at, clock_offset, clock_doubtful, frame FROM batch WHERE no = ?", (batch,)
            ).fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            raise DamageError(f"its page cannot be read ({error})") from None
        if found is None:
            raise DamageError("it is gone")
        received_at, offset, doubtful, frame = found
        opened = Opened(frame, self._key)
        if not isinstance(received_at, float) or not 0.0 < received_at < _LATEST:
            raise DamageError("when it was received is lost")
        if offset is None:
            offset = offset_of_older(opened.envelope, received_at)
        if not isinstance(offset, float) or not -_LATEST < offset < _LATEST:
            raise DamageError("how far its probe's clock was off is lost")
        return opened, Taken(received_at, offset, bool(doubtful))

    def _key(self, key_id: bytes) -> Ed25519PublicKey | None:
        """Return the public key that a frame names; read again where it is unknown, for another thread adds some."""
        if key_id not in self._keys_by_id:
            for (text,) in self._ask("SELECT public_key FROM signer"):
                with contextlib.suppress(ValueError):  # a damaged one, which no frame names
                    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
                    self._keys_by_id[signing_id(key)] = key
        return self._keys_by_id.get(key_id)

    def head(self) -> int:
        """Return the seq of the last measurement; 0 for an empty journal."""
        return self._one("SELECT coalesce(max(seq), 0) FROM measurement")
