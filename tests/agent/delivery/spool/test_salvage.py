"""Salvage reads what is whole of a damaged SQLite file, and survives whatever the rest of it is."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_agent.delivery.spool.salvage import PAGE, Row, Salvage, frames, newest, page_size, rows

SHAPES = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, d BLOB)"
FACTS = "CREATE TABLE m (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


def made(path: Path, count: int = 300) -> list[tuple[object, ...]]:
    """Make a file with rows of every column type, short ones and such that go on over several pages."""
    chance = random.Random(count)
    sizes = (0, 3, 400, 4000, 4061, 4062, 9000, 40_000)
    with closing(sqlite3.connect(path)) as database:
        database.execute(SHAPES)
        database.execute(FACTS)
        for number in range(1, count + 1):
            values = (
                number * 7, "é" * (number % 5), chance.choice((0, 1, -1, 300, -70_000, 2**31, -(2**40), 2**62)),
                chance.choice((0.5, -1e300, 3.0)), chance.randbytes(chance.choice(sizes)),
            )  # fmt: skip
            database.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", values)
            database.execute("INSERT INTO m VALUES (?, ?)", (f"fact {number}", "value" * (number % 40)))
        database.commit()
        return database.execute("SELECT id, a, b, c, d FROM t ORDER BY id").fetchall()


def found(content: bytes, result: Salvage | None = None) -> list[Row]:
    """Return every row of a file's bytes."""

    def read(number: int) -> bytes:
        return content[(number - 1) * PAGE : number * PAGE]

    return list(rows(read, len(content) // PAGE, result or Salvage()))


def test_a_whole_file_gives_every_row_as_sqlite_does(tmp_path: Path) -> None:
    """Numbers, texts, blobs over many pages, and tables without row numbers; nothing is torn."""
    expected = made(tmp_path / "x.sqlite")
    result = Salvage()
    given_ = found((tmp_path / "x.sqlite").read_bytes(), result)
    table = {number: columns[1:] for number, columns in given_ if len(columns) == 5 and columns[0] is None}
    assert table == {row[0]: tuple(row[1:]) for row in expected}
    facts = {columns[0]: columns[1] for _, columns in given_ if len(columns) == 2}
    assert len(facts) == 300
    assert facts["fact 39"] == "value" * 39
    assert result.torn == 0


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    """Pages that the file no longer uses still hold old rows; they were given up on purpose."""
    made(tmp_path / "x.sqlite")
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as database:
        database.execute("DELETE FROM t WHERE id > 70")
        database.commit()
    kept = [number for number, columns in found((tmp_path / "x.sqlite").read_bytes()) if len(columns) == 5]
    assert {number for number in kept if number} <= set(range(71))


@pytest.mark.slow
@pytest.mark.parametrize("filler", [b"\0", b"\xa5"])
def test_a_lost_page_costs_the_rows_on_it(tmp_path: Path, filler: bytes) -> None:
    """Any page, also an interior one or the first: every row that has no byte there is given."""
    expected = {row[0] for row in made(tmp_path / "x.sqlite", 120)}
    content = (tmp_path / "x.sqlite").read_bytes()
    worst = 0
    for page in range(len(content) // PAGE):
        spoilt = bytearray(content)
        spoilt[page * PAGE : (page + 1) * PAGE] = filler * PAGE
        whole = {number for number, columns in found(bytes(spoilt)) if len(columns) == 5 and columns[0] is None}
        worst = max(worst, len(expected - whole))
    assert worst < 25


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_whatever_the_bytes_are_it_ends(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Random bytes over a real file, or nothing but random bytes: an answer, in bounded time, never an exception."""
    path = tmp_path_factory.getbasetemp() / "salvage.sqlite"
    if not path.exists():
        made(path, 60)
    content = bytearray(path.read_bytes())
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(data.draw(st.integers(1, 200))):
        place = chance.randrange(len(content))
        content[place : place + 4] = chance.randbytes(4)
    assert len(found(bytes(content[: len(content) // PAGE * PAGE]))) < 1000
    assert isinstance(found(chance.randbytes(8 * PAGE)), list)
    assert isinstance(frames(chance.randbytes(20_000), PAGE), list)


def test_the_log_is_read_beyond_a_damaged_frame(tmp_path: Path) -> None:
    """SQLite stops at the first frame whose checksum fails; what is behind it was committed all the same."""
    path = tmp_path / "x.sqlite"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(SHAPES)
    for number in range(40):
        database.execute("INSERT INTO t VALUES (?, 'a', 1, 0.5, ?)", (number, bytes(700)))
    log = (tmp_path / "x.sqlite-wal").read_bytes()
    whole = frames(log, page_size(path.read_bytes()))
    assert all(frame is not None for frame in whole)
    last = max(frame.page for frame in whole if frame is not None)
    assert newest(whole).keys() == set(range(1, last + 1))
    damaged = bytearray(log)
    damaged[0:4] = b"\0\0\0\0"
    assert frames(bytes(damaged), PAGE) == whole
    damaged[32 + 5 * (24 + PAGE) + 9] ^= 1
    assert [place for place, frame in enumerate(frames(bytes(damaged), PAGE)) if frame is None] == [5]
    database.close()


def test_the_page_size_is_that_of_the_file() -> None:
    """Also the one that does not fit two bytes; of a damaged header, the usual one."""
    head = b"SQLite format 3\0"
    assert page_size(head + (1024).to_bytes(2, "big")) == 1024
    assert page_size(head + (1).to_bytes(2, "big")) == 65536
    assert page_size(head + (1000).to_bytes(2, "big")) == PAGE
    assert page_size(bytes(100)) == PAGE
