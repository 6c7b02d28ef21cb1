"""Where the rows of a spool lie: one interface, with two implementations: file.py and memory.py.

Must not live here: either of them.
"""

import sqlite3
from typing import Protocol


class Storage(Protocol):
    """A place for one database of the spool's tables."""

    durable: bool
    """Whether what is committed survives this process."""
    max_bytes: int
    """Bound of what is kept there."""

    def open(self) -> sqlite3.Connection:
        """Open the database, with its tables and its stream.

        Raises:
            sqlite3.DatabaseError: it cannot be opened.
            OSError: the disk takes nothing.
        """

    def close(self, database: sqlite3.Connection) -> None:
        """Close it, and leave no copy of its content behind."""

    def scrub_log(self, database: sqlite3.Connection) -> None:
        """Leave no copy of what was deleted or boxed in a log."""

    def give_up(self, count: int) -> None:
        """Count rows that are no longer what was written."""
