"""The spool's file: opened and checked, rebuilt where a place of it is damaged, closed so that no copy stays behind.

Lives here: the tables, SQLite's settings, and what happens to files: the write-ahead log, the damaged one that is set
aside, the new one in its place. Must not live here: what a row means on air (packing), when something is sent.

Two places say which stream this is and how far its numbers have come: ``meta`` with SQLite's own count, and ``twin``.
Where they agree the numbers go on; where one is lost the other stands; where they contradict each other a new stream
begins, because a number that is used twice would let a receipt cover what never arrived.
"""

import contextlib
import logging
import os
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from balise_agent.delivery.spool.salvage import LogFrame, Salvage, Value, frames, newest, page_size
from balise_agent.delivery.spool.salvage import rows as salvaged
from balise_agent.delivery.spool.tables import transaction
from balise_agent.system import disk
from balise_wire.box import is_box, is_whole, renumbered
from balise_wire.seal import MAGIC

_log = logging.getLogger(__name__)

_HELD: Final = "held "
"""Facts, by table: the highest number when rows were last let go, and how many were left."""
_COUNTED: Final = (("batch",), ("pending",), ("boxed", "carry"))
"""Tables whose numbers are never used twice; those whose rows look alike stand together."""
STEP: Final = 1000
"""Sequences between two writes of ``twin``: every number given out is below its ``floor``, and less than that away."""
_HEADROOM: Final = 256 * 1024 * 1024
"""Bytes of a file that are looked through for what is still whole; no spool is so large."""
_LOG_MOST: Final = 16 * 1024 * 1024
"""Bytes of a write-ahead log that are looked at; SQLite begins it anew at 4 MB."""
_SET_ASIDE_KEPT: Final = 3
_TAILS: Final = ("-wal", "-shm", "-journal")
_REBUILT: Final = ".rebuilt"
_CHUNK: Final = 200
"""Rows in one commit of a rebuilding: a damaged place is met on small boards."""

# AUTOINCREMENT: a sequence number is never used twice, not even after every row is gone (sqlite.org/autoinc.html).
# ``boxed`` and ``carry`` have their columns in another order than the older two, so that a row tells by its form where
# it was. An older program knows neither, and leaves what is in them alone.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, notable INTEGER NOT NULL, at REAL NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, notable INTEGER NOT NULL, at REAL NOT NULL,
    frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS boxed (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, notable INTEGER NOT NULL,
    frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS carry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, notable INTEGER NOT NULL,
    frame BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS twin (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, floor INTEGER NOT NULL);
"""


class StreamBroken(sqlite3.DatabaseError):
    """The file holds together, and its two words about the stream do not: nobody knows which numbers were given out."""


@dataclass
class Remainder:
    """What was still whole in a damaged file."""

    facts: dict[str, str] = field(default_factory=dict)
    """Of ``meta``."""
    twin: tuple[str, int] | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    """The highest number that was ever given out in a table."""
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The highest number in a table when rows were last let go, and how many there were then."""
    found: dict[str, int] = field(default_factory=dict)
    """Rows by their table."""
    highest: int = 0
    """Of the batches found."""
    lowest: int = 0
    torn: int = 0

    @property
    def given(self) -> int | None:
        """The highest sequence that was ever given out."""
        return self.numbers.get("batch")

    @property
    def stream(self) -> str:
        """The stream that goes on; empty where nobody knows any more which numbers it has given out."""
        name, floor = self.twin or ("", 0)
        told = self.facts.get("stream", name) or name
        if (name and told != name) or (self.given is None and not floor) or self.highest > (self.given or floor):
            return ""
        if self.given is not None and self.twin is not None and not floor - STEP <= self.given + 1 <= floor:
            return ""
        return told if _is_stream(told) else ""

    @property
    def next_free(self) -> int:
        """A sequence that was certainly never given out."""
        return self.given + 1 if self.given is not None else (self.twin or ("", 0))[1]

    def lost(self) -> int:
        """Return how many rows are gone, as far as the numbers tell: at least so many."""
        if not self.held:
            gaps = self.highest - self.lowest + 1 - self.found["batch"] if self.highest else 0
            return max(0 if self.numbers and self.twin else 1, gaps)
        missing = 0
        for tables in _COUNTED:
            due = 0
            for table in tables:
                given, count = self.held.get(table, (0, 0))
                due += count + self.numbers.get(table, self.highest if table == "batch" else given) - given
            missing += max(0, due - self.found.get(tables[0], 0))
        return missing


class SpoolFile:
    """One file and its companions; see ``storage.Storage``."""

    durable = True

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.lost = 0
        """Rows that damage has cost since start, as far as can be told."""
        self.damage = ""
        """What was damaged last, in words; empty where nothing was."""

    def open(self) -> sqlite3.Connection:
        """Open the file; rebuild it first where a place of it is damaged.

        Raises:
            sqlite3.OperationalError: another program holds the file, it is none, or the disk takes nothing.
            OSError: the disk takes nothing.
        """
        self._sweep()
        log = self._read_log()
        try:
            # The page's size is read before SQLite opens the file: closing it afterwards would drop SQLite's locks.
            logged = frames(log, self._page())
            return connect(str(self.path), lambda: self._refuse_cut_log(logged))
        except sqlite3.OperationalError as error:
            # "locked" and "full" say nothing about the content; only real damage may cost the file its place.
            if "malformed" not in str(error) and not ("I/O error" in str(error) and self._is_unreadable()):
                raise
            self.rebuild(str(error), log)
        except sqlite3.DatabaseError as error:
            self.rebuild(str(error), log)
        return connect(str(self.path))

    def close(self, database: sqlite3.Connection) -> None:
        """Close the file and leave no copy of its content in a log that the system frees."""
        self.scrub_log(database)
        database.close()

    def give_up(self, count: int) -> None:
        """Count rows that are no longer what was written."""
        if count:
            self.lost += count
            self.damage = f"{self.lost} rows are no longer what was written"
            _log.error("spool %s: %s", self.path, self.damage)

    def scrub_log(self, database: sqlite3.Connection) -> None:
        """Bring everything into the file itself and overwrite the log, which SQLite would only unlink.

        After a restarting checkpoint nobody reads the log any more (sqlite.org/wal.html, 2.1); who needs it still, or a
        disk that refuses, keeps it as it is.
        """
        with contextlib.suppress(sqlite3.Error, OSError):
            busy, _, _ = database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if not busy:
                disk.blank(self._beside("-wal"))

    # --- opening ------------------------------------------------------------------------------------------------------

    def _refuse_cut_log(self, log: list[LogFrame | None]) -> None:
        """Refuse a log of which SQLite read less than was committed (sqlite3.DatabaseError).

        SQLite stops at the first frame whose checksum fails, and forgets the rest without a word. After a power cut
        that is the last commit, half written, which nobody was told of. Two commits behind the place are not that.
        """
        if not log:
            return
        read = _frames_read(self._beside("-shm"))
        if read is not None and sum(frame is not None and frame.commits for frame in log[read:]) > 1:
            raise sqlite3.DatabaseError(f"its write-ahead log is damaged at frame {read + 1} of {len(log)}")

    def _read_log(self) -> bytes:
        try:
            with self._beside("-wal").open("rb") as file:
                return file.read(_LOG_MOST)
        except OSError:
            return b""

    def _page(self) -> int:
        try:
            with self.path.open("rb") as file:
                return page_size(file.read(100))
        except OSError:
            return page_size(b"")

    def _is_unreadable(self) -> bool:
        """Whether the disk refuses to read a place of the file: that place is lost, the others are not."""
        try:
            with self.path.open("rb") as file:
                while file.read(1 << 16):
                    pass
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    # --- rebuilding ---------------------------------------------------------------------------------------------------

    def rebuild(self, why: str, log: bytes | None = None, *, only_sealed: bool = False) -> None:
        """Put a new file in the place of a damaged one, with every row that is still whole.

        Args:
            why: what is wrong.
            log: the write-ahead log as it was before SQLite opened it; None: as it is.
            only_sealed: what was no batch yet is in memory, and not to be taken from the file.

        Raises:
            sqlite3.OperationalError, OSError: the disk takes nothing; the file is where it was.
        """
        log = self._read_log() if log is None else log
        new = self._beside(_REBUILT)
        self._sweep()
        rest = Remainder()
        database = connect(str(new))
        try:
            self._fill(database, log, rest, only_sealed=only_sealed)
        except BaseException:
            database.close()
            self._sweep()
            raise
        self.close(database)
        self._set_aside(why)
        new.replace(self.path)
        disk.sync(self.path.parent)
        lost = rest.lost()
        self.lost += lost
        self.damage = f"{why}; {sum(rest.found.values())} rows are whole, {lost} are not"
        _log.error("spool %s: damaged (%s)%s", self.path, self.damage, "" if rest.stream else "; a new stream begins")

    def _fill(self, database: sqlite3.Connection, log: bytes, rest: Remainder, *, only_sealed: bool) -> None:
        """Read what is whole, in two rounds: which stream it is decides what becomes of its batches."""
        for number, columns in self._rows(log, Salvage()):
            _learn(rest, number, columns)
        counted = Salvage()
        put: list[tuple[str, tuple[Value, ...]]] = []
        for number, columns in self._rows(log, counted):
            row = _placed(rest, number, columns, only_sealed=only_sealed)
            if row is not None:
                put.append(row)
            if len(put) >= _CHUNK:
                _put(database, put)
        _put(database, put)
        rest.torn = counted.torn
        if rest.stream:
            next_free = rest.next_free
            database.execute("UPDATE meta SET value = ? WHERE name = 'stream'", (rest.stream,))
            database.execute("UPDATE twin SET stream = ?, floor = ?", (rest.stream, next_free + STEP))
            database.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
            database.execute("INSERT INTO sqlite_sequence VALUES ('batch', ?)", (next_free - 1,))
        facts = [(name, value) for name, value in rest.facts.items() if name.startswith("note ")]
        if rest.stream:
            facts.append((f"{_HELD}batch", f"{rest.next_free - 1} {rest.found.get('batch', 0)}"))
        database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts)

    def _rows(self, log: bytes, result: Salvage) -> Iterator[tuple[int, tuple[Value, ...]]]:
        """Yield every row of the file and its log that is whole."""
        size = self._page()
        over = newest(frames(log, size))
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except OSError:
            return

        def read(number: int) -> bytes:
            place = over.get(number)
            if place is not None:
                return log[place : place + size]
            try:
                return os.pread(handle, size, (number - 1) * size)
            except OSError:
                return b""

        try:
            length = min(os.fstat(handle).st_size, _HEADROOM)
            yield from salvaged(read, max([-(-length // size), *over], default=0), result)
        finally:
            os.close(handle)

    def _set_aside(self, why: str) -> None:
        """Move the damaged file away under a name that says what it is; keep the last few."""
        number = 1 + max((int(old.suffix[1:]) for old in self._aside()), default=0)
        aside = self._beside(f".damaged.{number}")
        _log.error("spool %s is damaged (%s); moved to %s", self.path, why, aside.name)
        self.path.rename(aside)
        for tail in _TAILS:
            disk.shred(self._beside(tail))
        kept = self._aside()
        while kept and (len(kept) > _SET_ASIDE_KEPT or sum(map(_size, kept)) > self.max_bytes // 4):
            disk.shred(kept.pop(0))

    def _aside(self) -> list[Path]:
        found = self.path.parent.glob(f"{self.path.name}.damaged.*")
        return sorted((path for path in found if path.suffix[1:].isdigit()), key=lambda path: int(path.suffix[1:]))

    def _sweep(self) -> None:
        """Remove what a rebuilding left that lost its power."""
        for tail in ("", *_TAILS):
            left = self._beside(_REBUILT + tail)
            if left.exists():
                disk.shred(left)

    def _beside(self, tail: str) -> Path:
        return self.path.with_name(self.path.name + tail)


def connect(place: str, look: Callable[[], None] = lambda: None) -> sqlite3.Connection:
    """Open, check and prepare a database.

    Args:
        place: path of a file, or ``:memory:``.
        look: called once SQLite has taken up the log, before anything is written.

    Raises:
        sqlite3.DatabaseError: it is damaged, or takes nothing.
    """
    database = sqlite3.connect(place, isolation_level=None, timeout=5.0)
    try:
        if place != ":memory:":
            Path(place).chmod(0o600)
        database.execute("PRAGMA journal_mode=WAL")
        # FULL makes each commit wait for the disk (sqlite.org/pragma.html#pragma_synchronous): NORMAL would lose
        # the last commits of a WAL in a power cut, and a power cut is what a probe on a table meets most.
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA cache_size=-512")
        # What is deleted is overwritten, and nothing is spilled into a file in /tmp.
        database.execute("PRAGMA secure_delete=ON")
        database.execute("PRAGMA temp_store=MEMORY")
        _check(database)
        look()
        database.executescript(SCHEMA)
        _name_stream(database)
        # A file that can be read and not written would take no measurement; it is better known now.
        database.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ?)", (secrets.token_hex(8),))
    except BaseException:
        database.close()
        raise
    return database


def keep_twin(database: sqlite3.Connection, sequence: int) -> None:
    """Let ``twin`` stand above a sequence, within the transaction that gives it out."""
    if sequence % STEP == 0:
        database.execute("UPDATE twin SET floor = ?", (sequence + STEP,))


def mark_held(database: sqlite3.Connection, table: str, count: int) -> None:
    """Write down how many rows a table is left with, within the transaction: what damage costs is known by it.

    Args:
        database: the spool.
        table: one whose numbers are never used twice.
        count: rows that are left.
    """
    query = "SELECT max(seq) FROM sqlite_sequence WHERE name = ?"
    given = database.execute(query, (table,)).fetchone()[0] or 0
    database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_HELD + table, f"{given} {count}"))


def begin_stream(database: sqlite3.Connection) -> None:
    """Begin a new stream, whose numbers go on from where the old one's were."""
    stream = secrets.token_hex(8)
    database.execute("UPDATE meta SET value = ? WHERE name = 'stream'", (stream,))
    database.execute("UPDATE twin SET stream = ?", (stream,))


def _check(database: sqlite3.Connection) -> None:
    """Read the whole structure once (sqlite3.DatabaseError where it does not hold together)."""
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _name_stream(database: sqlite3.Connection) -> None:
    """Name a new stream, or hold the two words about an old one against each other (StreamBroken)."""
    database.execute("INSERT OR IGNORE INTO meta VALUES ('stream', ?)", (secrets.token_hex(8),))
    stream = database.execute("SELECT value FROM meta WHERE name = 'stream'").fetchone()[0]
    given, highest = _given(database)
    twin = database.execute("SELECT stream, floor FROM twin").fetchall()
    if not twin:
        # New, or of an earlier version.
        database.execute("INSERT INTO twin VALUES (1, ?, ?)", (stream, (given // STEP + 1) * STEP))
        for table in ("batch", "pending", "boxed", "carry"):
            mark_held(database, table, database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
    elif len(twin) > 1 or twin[0][0] != stream or not twin[0][1] - STEP <= given + 1 <= twin[0][1]:
        raise StreamBroken("what it says of its stream contradicts itself")
    if highest > given or not _is_stream(stream):
        raise StreamBroken("what it says of its stream cannot be")


def _given(database: sqlite3.Connection) -> tuple[int, int]:
    """Return the highest sequence ever given out by SQLite's count, and the highest that is there."""
    given = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'batch'").fetchone()[0]
    highest = database.execute("SELECT max(sequence) FROM batch").fetchone()[0]
    return (given if isinstance(given, int) else 0, highest if isinstance(highest, int) else 0)


def _learn(rest: Remainder, number: int, columns: tuple[Value, ...]) -> None:
    """Take from a row what it says of the whole."""
    match columns:
        case (str(name), str(value)):
            rest.facts[name] = value
            if name.startswith(_HELD):
                given, _, count = value.partition(" ")
                rest.held[name.removeprefix(_HELD)] = (_number(given), _number(count))
        case (str(name), int(given)):
            rest.numbers[name] = given
        case (None, str(stream), int(floor)):
            rest.twin = (stream, floor)
        case (None, str(), int(), int() | float(), bytes(frame)) if _is_frame(frame):
            rest.highest = max(rest.highest, number)
            rest.lowest = min(rest.lowest or number, number)
        case _:
            pass


def _placed(
    rest: Remainder, number: int, columns: tuple[Value, ...], *, only_sealed: bool
) -> tuple[str, tuple[Value, ...]] | None:
    """Return the table and the values that a row goes on with; None for what is none of ours, or is not wanted."""
    match columns:
        case (None, str(kind), int(notable), int() | float() as at, bytes(frame)) if _is_frame(frame):
            rest.found["batch"] = rest.found.get("batch", 0) + 1
            if rest.stream:
                return "batch", (number, kind, notable, at, frame)
            # Under a number of the new stream: boxed, it goes on in a carrier; bare, it is taken apart by the spool.
            return "carry", (None, at, kind, notable, renumbered(frame, 0) if is_whole(frame, number) else frame)
        case (None, str(kind), int(notable), int() | float() as at, bytes(body)) if body[:1] == b"{":
            rest.found["pending"] = rest.found.get("pending", 0) + 1
            return None if only_sealed else ("pending", (None, kind, notable, at, body))
        case (None, int() | float() as at, str(kind), int(notable), bytes(frame)) if _is_frame(frame):
            rest.found["boxed"] = rest.found.get("boxed", 0) + 1
            return None if only_sealed else ("carry", (None, at, kind, notable, frame))
    return None


def _put(database: sqlite3.Connection, rows: list[tuple[str, tuple[Value, ...]]]) -> None:
    """Write rows in one commit, and empty the list."""
    with transaction(database):
        for table, values in rows:
            # The table is a word of ours. A number that is there twice is damage: the first one stays.
            database.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?)", values)  # noqa: S608
    rows.clear()


def _frames_read(index: Path) -> int | None:
    """Return how many frames of the log SQLite took (sqlite.org/walformat.html, 2.1: mxFrame of the index's header).

    Read through the descriptor that SQLite holds. Opening and closing the file ourselves would drop all locks that this
    process has on it (fcntl(2); sqlite.org/howtocorrupt.html, 2.2), and the next program that opens the spool would cut
    the index under our feet: SIGBUS.
    """
    held = _descriptor_of(index)
    if held is None:
        return None
    try:
        head = os.pread(held, 48, 0)
    except OSError:
        return None
    return int.from_bytes(head[16:20], sys.byteorder) if len(head) == 48 else None


def _descriptor_of(path: Path) -> int | None:
    """Return a descriptor that this process has of a file; ``None`` where it has none, or this system does not say."""
    try:
        wanted = path.stat()
        held = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    except OSError:
        return None
    for descriptor in held:
        try:
            one = os.fstat(descriptor)
        except OSError:
            continue  # the one that listed the folder
        if (one.st_dev, one.st_ino) == (wanted.st_dev, wanted.st_ino):
            return descriptor
    return None


def _is_frame(blob: bytes) -> bool:
    return is_box(blob) or blob.startswith(MAGIC)


def _is_stream(name: Any) -> bool:
    return isinstance(name, str) and len(name) == 16 and all(digit in "0123456789abcdef" for digit in name)


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 19 else 0


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
