"""A file of an earlier version is brought up to date once, whole, and by whoever comes first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.system.migrations import Migration, bring_up, columns


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a file with one table of an earlier version."""
    with closing(sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None)) as opened:
        opened.execute("CREATE TABLE card(id TEXT)")
        opened.execute("INSERT INTO card VALUES('a')")
        yield opened


def test_missing_columns_are_added_once(db: sqlite3.Connection) -> None:
    """With the value that their declaration gives to rows of before."""
    step = columns("card", {"host": "TEXT NOT NULL DEFAULT ''", "at": "REAL"})
    for _ in range(2):
        bring_up(db, [step])
    assert db.execute("SELECT id, host, at FROM card").fetchall() == [("a", "", None)]
    assert not step.lacks(db)


def test_a_step_that_fails_changes_nothing(db: sqlite3.Connection) -> None:
    """And those before it stay."""

    def fail(within: sqlite3.Connection) -> None:
        within.execute("DELETE FROM card")
        within.execute("SELECT nothing")

    with pytest.raises(sqlite3.OperationalError):
        bring_up(db, [columns("card", {"at": "REAL"}), Migration(lambda _db: True, fail)])
    assert db.execute("SELECT id, at FROM card").fetchall() == [("a", None)]
    assert not db.in_transaction


def test_who_comes_second_does_nothing(db: sqlite3.Connection) -> None:
    """Whether the file lacks it is asked again under the lock: another program may have been first."""
    asked = iter([True, False])
    bring_up(db, [Migration(lambda _db: next(asked), lambda within: within.execute("DELETE FROM card"))])
    assert db.execute("SELECT count(*) FROM card").fetchone() == (1,)


def test_steps_belong_to_the_transaction_that_is_open(db: sqlite3.Connection) -> None:
    """Who holds the lock already gets all of them with it, or none."""
    db.execute("BEGIN IMMEDIATE")
    bring_up(db, [columns("card", {"at": "REAL"})])
    db.execute("ROLLBACK")
    assert [row[1] for row in db.execute("PRAGMA table_info(card)")] == ["id"]
