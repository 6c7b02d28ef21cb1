"""What the tables of every subject stand on: one connection, the numbers that stand for names, and the sums kept.

Must not live here: any subject.
"""

import sqlite3
from pathlib import Path
from typing import Any

from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.shared_file import is_damage


class Tables:
    """One connection, on which the class of each subject stands."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Take an open file of this schema; ``path`` is its name in messages."""
        self._path = path
        self._db = db
        self._forget()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _forget(self) -> None:
        """Drop what is remembered between commits; after a failed one it may be untrue."""
        self._numbers: dict[tuple[str, str], int] = {}

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._forget()

    def _number(self, table: str, column: str, text: str) -> int:
        """Return the small number that stands for a probe's id or a key, and give one to a new one."""
        number = self._numbers.get((table, text))
        if number is None:
            # Table and column are names of ours, not input.
            self._db.execute(f"INSERT OR IGNORE INTO {table}({column}) VALUES(?)", (text,))
            number = self._one(f"SELECT no FROM {table} WHERE {column} = ?", text)  # noqa: S608 - as above
            self._numbers[table, text] = number
        return number

    def _one(self, query: str, *arguments: Any) -> int:
        return int(self._ask(query, *arguments)[0][0])

    def _ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a question (JournalError; DamagedError where the file is no sound database)."""
        try:
            return self._db.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    def _tally(self, name: str) -> int | None:
        rows = self._ask("SELECT value FROM tally WHERE name = ?", name)
        return int(rows[0][0]) if rows else None

    def _add(self, **more: int) -> None:
        """Add to the sums that are kept, within the transaction that changes what they sum up."""
        self._db.executemany(
            "INSERT INTO tally VALUES(?,?) ON CONFLICT DO UPDATE SET value = value + excluded.value", more.items()
        )

    def _trouble(self, error: sqlite3.Error, what: str = "not read") -> JournalError:
        """Return a database error as our own, with its mend."""
        told = f"{self._path}: {what}: {error}; {mend_of(error)}"
        return DamagedError(told, self._path) if is_damage(error) else JournalError(told)

    def _write(self, query: str, *arguments: Any) -> None:
        """Change rows in a transaction of their own (JournalError: it could not be written down)."""
        try:
            self._db.execute(query, arguments)
        except sqlite3.Error as error:
            raise self._trouble(error, "not committed") from None


def mend_of(error: Exception) -> str:
    """What the operator does about a database error."""
    text = str(error)
    if "full" in text or "No space" in text:
        return "make room on that disk; nothing is lost, the collector tries again"
    if "readonly" in text or "unable to open" in text or "Permission" in text:
        return "make the folder writable for the collector's user"
    if "malformed" in text or "not a database" in text:
        return "start the collector again: it makes the file anew from what can be read of it"
    return "see whether another program holds the file; the collector tries again"
