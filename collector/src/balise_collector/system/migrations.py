"""Bringing a file of an earlier version up to date: each step says itself whether the file still lacks it.

Lives here: when a step is taken (asked at each opening; where a file lacks something, asked again under the write lock,
for another program may have been first) and that it is whole or not at all. A file that an earlier version opened again
may lack something anew, so what decides is what is in the file, never the number of a version alone. Must not live
here: any table.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple


class Migration(NamedTuple):
    """One thing that a file of an earlier version lacks."""

    lacks: Callable[[sqlite3.Connection], bool]
    """Whether the file lacks it; cheap, for it is asked at each opening."""
    make: Callable[[sqlite3.Connection], object]
    """Makes it, within a transaction that holds the write lock."""


def bring_up(db: sqlite3.Connection, steps: Iterable[Migration]) -> None:
    """Take the steps that the file lacks, in order, each in a transaction of its own or within the one that is open.

    Raises:
        sqlite3.Error: the step that failed changed nothing; those before it stay.
    """
    for step in steps:
        if not step.lacks(db):
            continue
        if db.in_transaction:
            step.make(db)
        else:
            _take(db, step)


def _take(db: sqlite3.Connection, step: Migration) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if step.lacks(db):
            step.make(db)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def columns(table: str, wanted: Mapping[str, str]) -> Migration:
    """Return the step that adds the columns of ``wanted`` (name to declaration) that a table does not have."""

    def missing(db: sqlite3.Connection) -> list[str]:
        there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        return [name for name in wanted if name not in there]

    def make(db: sqlite3.Connection) -> None:
        for name in missing(db):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {wanted[name]}")

    return Migration(lambda db: bool(missing(db)), make)
