"""The spool's stand-in while the disk takes nothing: the same tables in memory, as a stream of its own, within a bound.

Lives here: opening it, with the small facts of the file as far as that can be read. Must not live here: when it is used
(spool.py).
"""

import contextlib
import sqlite3
from typing import Final

from balise_agent.delivery.spool.file import SpoolFile, connect
from balise_agent.delivery.spool.tables import NOTES

MOST_BYTES: Final = 4 * 1024 * 1024
"""What is held in memory while the disk refuses, before the oldest is let go."""


class SpoolMemory:
    """See ``storage.Storage``."""

    durable = False

    def __init__(self, file: SpoolFile) -> None:
        """Stand in for a file, whose losses go on being counted with it."""
        self.max_bytes = min(file.max_bytes, MOST_BYTES)
        self._file = file

    def open(self) -> sqlite3.Connection:
        """See Storage."""
        database = connect(":memory:")
        # immutable: without it even reading wants to write a lock and an index beside the file (sqlite.org/uri.html).
        with contextlib.suppress(sqlite3.Error):
            uri = f"{self._file.path.absolute().as_uri()}?mode=ro&immutable=1"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as file:
                database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", file.execute(NOTES).fetchall())
        return database

    def close(self, database: sqlite3.Connection) -> None:
        """See Storage."""
        database.close()

    def scrub_log(self, database: sqlite3.Connection) -> None:
        """See Storage: there is none."""

    def give_up(self, count: int) -> None:
        """See Storage."""
        self._file.give_up(count)
