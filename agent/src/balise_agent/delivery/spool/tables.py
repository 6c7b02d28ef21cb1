"""The spool's database as SQL: what is asked of its tables, and one transaction around what belongs together.

Must not live here: files (file.py), what a row means on air (packing.py), or any decision.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

OPENS: Final = "(substr(frame, 1, 4) <> ? OR substr(frame, 6, 8) = ?)"
"""Whether the collector in force opens a row: bare, or boxed for it. What is boxed for another one waits for it."""
BYTES_HELD: Final = """
SELECT (SELECT coalesce(sum(length(frame)), 0) FROM batch) + (SELECT coalesce(sum(length(body)), 0) FROM pending)
    + (SELECT coalesce(sum(length(frame)), 0) FROM boxed) + (SELECT coalesce(sum(length(frame)), 0) FROM carry)
"""
ROWS_HELD: Final = """
SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM pending) + (SELECT count(*) FROM boxed)
    + (SELECT count(*) FROM carry)
"""
OLDEST_AT: Final = """
SELECT min(at) FROM (SELECT min(at) AS at FROM batch UNION ALL SELECT min(at) FROM pending
    UNION ALL SELECT min(at) FROM boxed UNION ALL SELECT min(at) FROM carry)
"""
STREAM: Final = "SELECT value FROM meta WHERE name = 'stream'"
NOTES: Final = "SELECT name, value FROM meta WHERE name LIKE 'note %'"
GIVEN_OUT: Final = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'batch'"


def count(database: sqlite3.Connection, table: str) -> int:
    """Return how many rows a table has."""
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a word of ours


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE ... COMMIT; rolled back by any exception."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        # A refused COMMIT leaves the transaction open; some errors (a full disk) have rolled it back already.
        if database.in_transaction:
            database.execute("ROLLBACK")
