"""Making a damaged journal anew: what can be read of the old file goes into a new one, and the old one is kept aside.

The sealed frames are what cannot be made again, and where they stand is found page by page (pages.py), whatever became
of header, schema or interior pages. Pointers that are lost are made again from the frames, at their old numbers where
those can be told. Everything else (presence, health, positions of streams, cursors) is read as SQLite gives it, as far
as it does: what is lost there comes again by itself, or is a gauge. Must not live here: when this is done (damage.py).
"""

import contextlib
import json
import logging
import mmap
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.journal.frames import DamageError, Opened
from balise_collector.journal.pages import Pages, Row, committed, page_size
from balise_collector.journal.receipt_position import StreamPosition
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.faults import Fault
from balise_wire.seal import key_id, public_bytes
from balise_wire.topics import is_probe_id

_log = logging.getLogger(__name__)
READER: Final = "journal"
"""Under which name what was lost is remembered among what was set aside."""
_AT_ONCE: Final = 500
_OTHERWISE: Final = frozenset({"probe", "signer", "batch", "measurement", "tally"})
"""Tables that are not read as SQLite gives them: four are found by their leaves, the sums are counted anew."""


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a damaged journal."""

    batches: int
    measurements: int
    remade: int
    """Of these: pointers that were lost, and made again from the frames."""
    lost: int
    """Rows of which nothing was found."""
    partly: tuple[str, ...]
    """Tables that could be read in part, or not at all."""
    kept_aside: Path
    """The old file."""

    @property
    def words(self) -> str:
        """Say it in a line."""
        partly = f"; read in part: {', '.join(self.partly)}" if self.partly else ""
        return (
            f"the journal was damaged and made anew: {self.measurements} measurements in {self.batches} batches kept "
            f"({self.remade} found again by their frames), {self.lost} lost{partly}; the old file is "
            f"{self.kept_aside.name}"
        )


class _Batch(NamedTuple):
    """One batch of the new file, as far as pointers need it."""

    no: int
    probe: int
    frame: bytes


def mend(path: Path, keys: Iterable[Ed25519PublicKey], now: float, stamp: str) -> Mended:
    """Make a journal anew that nobody has open, and put it in the place of the damaged one.

    Args:
        path: of the journal.
        keys: of every probe that the registry knows: a damaged one here costs no frame.
        now: UNIX seconds.
        stamp: part of the name under which the old file is kept.

    Raises:
        OSError, sqlite3.Error: there is no room, or the folder cannot be written: nothing was changed then.
    """
    draft = path.with_name(f"{path.stem}.mending.sqlite")
    _remove(draft)
    SqliteJournal(draft).close()
    known = {key_id(key): key for key in keys}
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")  # until it is whole; then it is brought to the disk at once
        db.execute("BEGIN")
        _copy_leaves(path, db)
        _mend_header(path, draft)
        partly = _copy_tables(path, db)
        _name_signers(db, known)
        _name_probes(db, known)
        remade = _point_again(db, known)
        _place_streams(db)
        db.execute("DELETE FROM tally WHERE name IN ('frame_bytes', 'quarantined', 'quarantined_bytes')")
        batches, rows, head = _one(db, "SELECT (SELECT count(*) FROM batch), count(*), coalesce(max(seq), 0)"
                                       " FROM measurement")  # fmt: skip
        db.execute("COMMIT")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}.sqlite")
    mended = Mended(
        batches=batches, measurements=rows, remade=remade, lost=head - rows, partly=partly, kept_aside=aside
    )
    with closing(SqliteJournal(draft)) as journal:
        fault = Fault(place="journal", rows=max(1, mended.lost), error=mended.words[:300])
        journal.set_aside(READER, [fault], now)
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    draft.rename(path)
    return mended


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _one(db: sqlite3.Connection, query: str, *values: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] = db.execute(query, values).fetchone()
    return row


# ---------------------------------------------------------------- what is found page by page


def _copy_leaves(path: Path, db: sqlite3.Connection) -> None:
    """Copy the rows of batches, measurements, probes and signers, wherever they stand."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            head = mapped[:100]
            log = path.with_name(path.name + "-wal")
            newer = committed(log.read_bytes(), page_size(head)) if log.exists() else {}
            size = page_size(newer.get(1, head))
            with memoryview(mapped) as data:
                pages = Pages(data, newer, size)
                for number, row in enumerate(pages.rows()):
                    _copy(row, db)
                    if number % _AT_ONCE == 0:
                        db.execute("COMMIT")
                        db.execute("BEGIN")
                pages.close()


def _copy(row: Row, db: sqlite3.Connection) -> None:
    """Copy one row, if it is of one of the four tables; each is known by its shape."""
    match row.values:
        case (None, int() as probe, int() as id, int() as batch, int() as place):
            db.execute("INSERT OR IGNORE INTO measurement VALUES(?,?,?,?,?)", (row.rowid, probe, id, batch, place))
        case (
            None, int(), int(), str(), int(), int() | float(), int() | float(), str(), int(), bytes(), *more
        ) if len(more) in {0, 2}:  # fmt: skip
            values = (row.rowid, *row.values[1:], *((None, None) if not more else ()))
            db.execute("INSERT OR IGNORE INTO batch VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", values)
        case (None, str() as text) if is_probe_id(text):
            db.execute("INSERT OR IGNORE INTO probe VALUES(?,?)", (row.rowid, text))
        case (None, str() as text) if len(text) == 64 and _key_of(text) is not None:
            db.execute("INSERT OR IGNORE INTO signer VALUES(?,?)", (row.rowid, text))
        case _:
            pass


def _key_of(text: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        return None


# ---------------------------------------------------------------- what SQLite gives


def _mend_header(path: Path, sound: Path) -> None:
    """Give a file that SQLite does not open the header of a sound one: the other tables may be whole behind it.

    What the header counts is set so that SQLite finds it out by itself (1.3 of the format): the file's size, and no
    free pages. The leaves were read before this, and the file is not used again.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        size = path.stat().st_size
        with path.open("r+b") as file:
            page = page_size(file.read(100))
            with sound.open("rb") as other:
                header = bytearray(other.read(100))
            header[16:18] = (1 if page == 65_536 else page).to_bytes(2, "big")
            header[24:40] = (1).to_bytes(4, "big") + (size // page).to_bytes(4, "big") + bytes(8)
            header[92:96] = (1).to_bytes(4, "big")
            file.seek(0)
            file.write(header)


def _copy_tables(path: Path, db: sqlite3.Connection) -> tuple[str, ...]:
    """Copy the other tables as far as SQLite reads them; returns those of which something may be missing."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = tuple(name for (name,) in db.execute(query) if name not in _OTHERWISE)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
            old.text_factory = lambda raw: raw.decode("utf-8", "replace")
            old.execute("PRAGMA writable_schema = ON")  # one table whose text makes no sense hides no other
            return tuple(table for table in tables if not _copy_table(old, db, table))
    except sqlite3.Error:
        return tables


def _copy_table(old: sqlite3.Connection, db: sqlite3.Connection, table: str) -> bool:
    """Copy one table; whether all of it was read. What does not fit its columns is left out."""
    have = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    whole = True
    try:
        there = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
        columns = [name for name in have if name in there]
        if not columns:
            return True  # a file of an earlier version
        names, places = ", ".join(columns), ",".join("?" * len(columns))
        for row in old.execute(f"SELECT {names} FROM {table}"):  # noqa: S608 - names of our own schema
            try:
                db.execute(f"INSERT OR IGNORE INTO {table}({names}) VALUES({places})", row)
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
                whole = False
    except sqlite3.Error:
        return False
    return whole


# ---------------------------------------------------------------- what the frames say


def _batches(db: sqlite3.Connection, where: str = "1", values: Sequence[Any] = ()) -> Iterator[_Batch]:
    query = f"SELECT no, probe, frame FROM batch WHERE {where} ORDER BY no"  # noqa: S608 - literals of this file
    for row in db.execute(query, values):
        yield _Batch(*row)


def _name_signers(db: sqlite3.Connection, known: dict[bytes, Ed25519PublicKey]) -> None:
    """Bring the keys of registry and file together."""
    for (text,) in db.execute("SELECT public_key FROM signer").fetchall():
        key = _key_of(text)
        if key is not None:
            known.setdefault(key_id(key), key)
    for key in known.values():
        db.execute("INSERT OR IGNORE INTO signer(public_key) VALUES(?)", (public_bytes(key).hex(),))


def _name_probes(db: sqlite3.Connection, known: dict[bytes, Ed25519PublicKey]) -> None:
    """Give each probe's number the name that its frames are signed with."""
    for (number,) in db.execute("SELECT DISTINCT probe FROM batch").fetchall():
        for batch in _batches(db, "probe = ?", (number,)):
            try:
                name = Opened(batch.frame, known.get).envelope.probe
            except DamageError:
                continue
            db.execute("DELETE FROM probe WHERE no = ? OR id = ?", (number, name))
            db.execute("INSERT INTO probe VALUES(?,?)", (number, name))
            break


def _point_again(db: sqlite3.Connection, known: dict[bytes, Ed25519PublicKey]) -> int:
    """Make lost pointers again: at the numbers that are missing where they stood, else behind all others."""
    remade = 0
    for after, before in _gaps(db):
        low = _one(db, "SELECT coalesce(max(batch), 0) FROM measurement WHERE seq <= ?", after)[0]
        high = _one(db, "SELECT coalesce(min(batch), 9e18) FROM measurement WHERE seq >= ?", before)[0]
        free = iter(range(after + 1, before))
        for batch in _batches(db, "no BETWEEN ? AND ?", (low, high)):
            remade += _point_to(db, batch, known, free)
    last = _one(db, "SELECT coalesce(max(batch), 0) FROM measurement")[0]
    for batch in _batches(db, "no >= ?", (last,)):
        remade += _point_to(db, batch, known, iter(()))
    return remade


def _place_streams(db: sqlite3.Connection) -> None:
    """Say of each stream whose place is lost what is here of it, so that its probe is receipted for that at least."""
    places: dict[tuple[int, str], StreamPosition] = {}
    for probe, stream, sequence in db.execute("SELECT probe, stream, sequence FROM batch ORDER BY no"):
        if 0 < sequence < 2**53:
            places.setdefault((probe, stream), StreamPosition()).note(sequence)
    for (probe, stream), held in places.items():
        made = db.execute(
            "INSERT OR IGNORE INTO stream VALUES(?,?,?,?,?)", (probe, stream, held.through, json.dumps(held.heard()), 0)
        )
        if made.rowcount:
            db.execute("INSERT OR IGNORE INTO held VALUES(?,?,?,?,?)", (probe, stream, 0, json.dumps(held.runs), 0.0))


def _gaps(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return (row before, row behind) of every stretch of numbers that is missing, the one at the beginning first."""
    query = (
        "SELECT before, seq FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM measurement)"
        " WHERE seq > before + 1"
    )
    return [(before, seq) for before, seq in db.execute(query)]


def _point_to(db: sqlite3.Connection, batch: _Batch, known: dict[bytes, Ed25519PublicKey], free: Iterator[int]) -> int:
    """Enter what a frame holds and no row points to; returns how many that were."""
    try:
        opened = Opened(batch.frame, known.get)
    except DamageError:
        return 0
    made = 0
    for place, id in opened.ids():
        known_already = db.execute("SELECT 1 FROM measurement WHERE probe = ? AND id = ?", (batch.probe, id)).fetchone()
        if known_already is None:
            values = (next(free, None), batch.probe, id, batch.no, place)
            made += db.execute("INSERT OR IGNORE INTO measurement VALUES(?,?,?,?,?)", values).rowcount
    return made
