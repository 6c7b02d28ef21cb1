"""Which incidents' evidence the operator has released to the public, in ``releases.sqlite``.

A decision of a person, so it is kept apart from the derived store, which a replay makes anew. Lives here: the table.
Must not live here: what may be shown of a released incident (pages/public.py, pages/redraw.py).
"""

import sqlite3
from pathlib import Path
from typing import Final

from balise_collector.system.errors import JournalError
from balise_collector.system.shared_file import make_tables, open_reading, open_shared

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS release(incident TEXT PRIMARY KEY, released_at REAL NOT NULL)"


class Releases:
    """One connection to the file; each thread opens its own."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, and make it where it is new (ConfigError when it cannot be opened).

        ``reading``: only to read (JournalError when that is not possible).
        """
        self._path = path
        self._db = open_reading(path) if reading else open_shared(path, lambda db: make_tables(db, _SCHEMA))

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def release(self, incident: str, at: float) -> None:
        """Release an incident's evidence (JournalError when it could not be written)."""
        self._write("INSERT OR IGNORE INTO release VALUES(?,?)", (incident, at))

    def hold(self, incident: str) -> bool:
        """Take a release back; False where there was none (JournalError when it could not be written)."""
        return self._write("DELETE FROM release WHERE incident = ?", (incident,)) == 1

    def _write(self, query: str, values: tuple[object, ...]) -> int:
        try:
            return self._db.execute(query, values).rowcount
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: not written: {error}; make room and see that it is writable") from None

    def all(self) -> dict[str, float]:
        """Return when (UNIX seconds) each incident was released."""
        return dict(self._db.execute("SELECT incident, released_at FROM release ORDER BY incident").fetchall())
