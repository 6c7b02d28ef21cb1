"""The spool: on disk before on air. What was recorded survives a kill, a power cut and a month without a network.

Lives here: what is done about a disk that refuses, and small facts. Must not live here: MQTT, the decision when to
send, what happens to rows (batches.py), files and their damage (file.py).

A row leaves for three reasons only: the collector's receipt, the size bound, or that it is no longer what was written;
the last two are counted and told. A disk that takes nothing (full, worn out, turned read-only) does not end the
measuring: what is new waits in memory, and where that lasts a database of the same kind stands in there, as a stream of
its own, until the file can be written again; what the file holds meanwhile stays in it and is delivered afterwards.
"""

import errno
import logging
import math
import os
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from balise_agent.delivery.spool.batches import Batches, Row, Waiting, unknown
from balise_agent.delivery.spool.boxing import convert, take_bare_apart
from balise_agent.delivery.spool.file import SpoolFile
from balise_agent.delivery.spool.memory import MOST_BYTES, SpoolMemory
from balise_agent.delivery.spool.packing import LARGEST_RECORD, Packer, Record, Stamp
from balise_agent.delivery.spool.storage import Storage
from balise_agent.delivery.spool.tables import NOTES, count
from balise_wire.box import Boxer
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer, SealError
from balise_wire.status import Receipt

_log = logging.getLogger(__name__)

FILE: Final = "spool.sqlite"
_REFUSALS_BORNE: Final = 30
"""Retries in a row that a file may refuse before memory stands in: what only waits is not delivered."""
_FULL_BELOW: Final = 256 * 1024
"""Bytes: what a write-ahead log, its index and one batch want."""
_BACK_EVERY: Final = 60
"""Retries between two attempts to come back from memory to the file."""
_SESSION: Final = "session"
_SESSION_MOST: Final = 2**40
"""A session number above it was never given out: the fact was damaged."""
_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
T = TypeVar("T")


class TooLargeError(ValueError):
    """A record that could never be sent; it is refused before it is recorded."""


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

        Raises:
            sqlite3.OperationalError: another program holds the file, or it is none.
            OSError: its folder cannot be made, or is not ours.
        """
        self._path = path
        self._packer = Packer(probe, sealer)
        self._file = SpoolFile(path, max_bytes)
        self._memory = SpoolMemory(self._file)
        self._batch_records = batch_records
        self._batch_seconds = batch_seconds
        self._failure_seconds = min(failure_seconds, batch_seconds)
        self._unwritten: deque[Waiting] = deque()
        """What no database has taken yet."""
        self._unwritten_bytes = 0
        self._let_go = 0
        self.evicted_batches = 0
        self.disk_refuses = False
        """The last write failed, or memory stands in: what is recorded meanwhile is not on disk."""
        self.refusal = ""
        """What the disk said when it last refused."""
        self._rebuilding = False
        self._refusals = 0
        self._session = 0
        self.batches = self._open()
        """The rows of the file, or of the memory that stands in for it."""

    @property
    def stream(self) -> str:
        """The stream of the batches that go on air now."""
        return self.batches.stream

    @property
    def lost(self) -> int:
        """Records and batches let go without a receipt since start: the bound, a full disk, or damage."""
        return self._let_go + self._file.lost

    @property
    def damage(self) -> str:
        """What was damaged last, and what it cost, in words; empty where nothing was since start."""
        return self._file.damage

    def close(self) -> None:
        """Close the file; everything recorded is in it."""
        self._write_down()
        self.batches.close()

    # --- file or memory -----------------------------------------------------------------------------------------------

    def _open(self) -> Batches:
        """Open the file; where the disk takes nothing, begin in memory."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._taken_up(self._file)
        except (sqlite3.OperationalError, OSError) as error:
            if not self._disk_is_to_blame(error):
                raise
            _log.error("spool %s: the disk refused (%s); working in memory until it takes something", self._path, error)
            return self._stand_in(str(error))

    def _taken_up(self, storage: Storage) -> Batches:
        batches = Batches(storage, self._packer)
        try:
            take_bare_apart(batches)
        except BaseException:
            batches.database.close()
            raise
        self.disk_refuses = not storage.durable
        return batches

    def _stand_in(self, why: str) -> Batches:
        """Return a database in memory, with the small facts of the file as far as it can be read."""
        self.refusal = why
        self._refusals = 0
        return self._taken_up(self._memory)

    def retry(self) -> bool:
        """Try again to write what the disk refused; return whether the disk has everything.

        Called about once a second while ``disk_refuses``. A file that refuses for long is left for memory, and one
        that was left is tried again every minute, as soon as nothing sealed waits in memory.
        """
        self._refusals += 1
        if not self.batches.storage.durable:
            if self._refusals % _BACK_EVERY == 0:
                self._come_back()
        elif not self._write_down() and self._refusals >= _REFUSALS_BORNE:
            _log.error("spool: the disk still refuses (%s); what is new is sent from memory", self.refusal)
            self.batches.close()
            self.batches = self._stand_in(self.refusal)
        return self._write_down() and not self.disk_refuses

    def _come_back(self) -> None:
        """Leave memory for the file, if the disk takes it and nothing sealed would be left behind."""
        memory = self.batches
        if count(memory.database, "batch"):
            return
        try:
            self.batches = self._taken_up(self._file)
        except (sqlite3.Error, OSError) as error:
            self.refusal = str(error)
            self.disk_refuses = True
            return
        facts = memory.database.execute(NOTES).fetchall()
        memory.close()
        self._refusals = 0
        _log.info("spool: the disk takes what is recorded again")
        for name, value in facts:
            self.note(name.removeprefix("note "), value)
        self._write_again(memory)
        self._meet(lambda: convert(self.batches))

    def _write_again(self, before: Batches) -> None:
        """Let what was in no batch of another database be written into this one."""
        held = list(before.waiting.values())
        self._unwritten.extendleft(reversed(held))
        self._unwritten_bytes += sum(len(one.record.body) for one in held)

    def _rebuild(self, why: str) -> None:
        """Go on with a new file in the place of a damaged one; what is in no batch yet is in memory anyway."""
        before = self.batches
        before.database.close()
        self._rebuilding = True
        try:
            self._file.rebuild(why, only_sealed=True)
            self.batches = self._taken_up(self._file)
        except (sqlite3.Error, OSError) as error:
            _log.error("spool %s: not rebuilt (%s); working in memory until it can be", self._path, error)
            self.batches = self._stand_in(str(error))
        self._write_again(before)
        try:
            if self.batches.storage.durable:
                convert(self.batches)
                self._write_down()
        finally:
            self._rebuilding = False

    def _refused(self, error: sqlite3.Error) -> None:
        """Meet a disk that refuses: rebuild a damaged file, else hold in memory, within a bound."""
        if not self.disk_refuses:
            _log.error("spool: the disk refused (%s); measurements are kept in memory until it takes them", error)
        self.disk_refuses = True
        self.refusal = str(error)
        damaged = not isinstance(error, sqlite3.OperationalError) or "malformed" in str(error)
        if damaged and self.batches.storage.durable and not self._rebuilding:
            self._rebuild(str(error))
        while self._unwritten_bytes > MOST_BYTES:
            self._unwritten_bytes -= len(self._unwritten.popleft().record.body)
            self._let_go += 1

    def _meet(self, do: Callable[[], T]) -> T | None:
        """Return what the database gives; a disk that cannot answer is met like one that cannot write: ``None``."""
        try:
            return do()
        except sqlite3.Error as error:
            self._refused(error)
            return None

    def disk_full(self) -> bool:
        """Tell whether a disk that refuses is full: SQLite's own word for it is often "disk I/O error"."""
        try:
            return shutil.disk_usage(self._path.parent).free < _FULL_BELOW
        except OSError:
            return False

    def _disk_is_to_blame(self, error: Exception) -> bool:
        """Tell a disk that is full, worn out or read-only from settings and rights that a person has to mend."""
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            return True
        return "I/O error" in str(error) or self._read_only() or ("locked" not in str(error) and self.disk_full())

    def _read_only(self) -> bool:
        try:
            return bool(os.statvfs(self._path.parent).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    # --- recording ----------------------------------------------------------------------------------------------------

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
        self._meet(lambda: convert(self.batches))
        return True

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
        self._unwritten.extend(Waiting(record, stamp or unknown(record)) for record in records)
        self._unwritten_bytes += sum(len(record.body) for record in records)
        return self._write_down()

    def _write_down(self) -> bool:
        """Move everything that waits for a database into it in one commit."""
        if not self._unwritten:
            return True
        try:
            self.batches.write(self._unwritten)
        except sqlite3.Error as error:
            self._refused(error)
            return False
        self._unwritten.clear()
        self._unwritten_bytes = 0
        if self.batches.storage.durable:
            self.disk_refuses = False
            self._refusals = 0
        return True

    def due(self, now: float, *, delay_factor: float = 1.0) -> bool:
        """Whether the open batch is full, or something in it waited for ``delay_factor`` times what it may."""
        waiting = [one.record for one in self.batches.waiting.values()]
        first = min((record.at for record in waiting), default=None)
        urgent = (record.at for record in waiting if record.notable or record.kind is Kind.EVENT)
        failed = min(urgent, default=None)
        # abs: after a step of the clock backwards the age is negative, and waiting for it would hold the batch.
        return bool(
            len(waiting) >= self._batch_records
            or (first is not None and abs(now - first) >= self._batch_seconds * delay_factor)
            or (failed is not None and abs(now - failed) >= self._failure_seconds * delay_factor)
            or self.batches.has_carriers
        )

    def seal(self, stamp: Stamp) -> int:
        """Seal everything that waits into batches, and enforce the size bound; return the number of batches made."""
        made = 0
        try:
            for _ in self.batches.seal(stamp, self._batch_records):
                made += 1
            for is_batch in self.batches.enforce_bound():
                self._let_go += 1
                self.evicted_batches += is_batch
        except sqlite3.Error as error:
            self._refused(error)
        return made

    # --- delivering ---------------------------------------------------------------------------------------------------

    def rows(self, after: int, most: int) -> list[Row]:
        """Return up to ``most`` sealed batches with a sequence above ``after``, oldest first.

        A row that is not what was written is let go and counted.
        """
        found: list[Row] = []
        self._meet(lambda: found.extend(self.batches.rows(after, most)))
        return found

    def forget(self, receipt: Receipt) -> int:
        """Delete what a verified receipt names, and nothing else; return how many batches went."""
        if receipt.stream != self.stream:
            return 0
        try:
            gone = self.batches.forget(receipt)
        except (sqlite3.Error, OverflowError) as error:
            # OverflowError: a sequence beyond 64 bits. Nothing is lost by forgetting later.
            _log.warning("spool: receipt through %s could not be applied: %s", receipt.through, error)
            return 0
        if gone:
            self._meet(self.batches.recount_bytes)
        return gone

    def is_behind(self, receipt: Receipt) -> bool:
        """Tell whether a receipt for our stream names what this spool never gave out.

        Then the disk was put back to an earlier state, and the numbers that it will give out were used already.
        """
        if receipt.stream != self.stream:
            return False
        given = self._meet(self.batches.given_out) or 0
        return max((receipt.through, *receipt.beyond)) > given

    def begin_anew(self, why: str) -> None:
        """Begin a new stream; every batch of the old one goes on in it, under a number of its own."""
        _log.error("spool %s: %s; a new stream begins", self._path, why)

        def anew() -> None:
            self.batches.begin_anew()
            convert(self.batches)

        self._meet(anew)

    def oldest(self) -> int:
        """Lowest sequence still held, or the next one to be given out when nothing is: no lower one will come again."""
        held = self._meet(self.batches.oldest)
        return held if held is not None else (self._meet(self.batches.given_out) or 0) + 1

    def count(self) -> int:
        """Batches and records that no receipt has named."""
        return (self._meet(self.batches.count) or 0) + len(self._unwritten)

    def oldest_at(self) -> float | None:
        """When the oldest thing held was recorded, in UNIX seconds; ``None`` when nothing is held."""
        return self._meet(self.batches.oldest_at)

    # --- small facts --------------------------------------------------------------------------------------------------

    def note(self, name: str, value: str) -> None:
        """Keep a small fact across restarts; a disk that refuses costs the fact, nothing else."""
        query = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
        self._meet(lambda: self.batches.database.execute(query, (f"note {name}", value)))

    def noted(self, name: str) -> str:
        """Return a fact that ``note`` kept; empty where there is none."""
        query = "SELECT max(value) FROM meta WHERE name = ?"
        row = self._meet(lambda: self.batches.database.execute(query, (f"note {name}",)).fetchone())
        return row[0] if row is not None and isinstance(row[0], str) else ""

    def next_session(self, now: float) -> int:
        """Return a session number above every earlier one, also above those of a spool that was lost."""
        noted = self.noted(_SESSION)
        earlier = int(noted) if noted.isdecimal() and len(noted) < 19 else 0
        last = max(earlier if earlier < _SESSION_MOST else 0, self._session)
        self._session = max(last + 1, int(now))
        self.note(_SESSION, str(self._session))
        return self._session
