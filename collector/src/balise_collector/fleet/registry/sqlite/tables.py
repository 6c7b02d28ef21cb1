"""What the tables of every subject stand on: one connection to the registry's file. Must not live here: any subject."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.shared_file import is_damage, transaction


class RegistryTables:
    """One connection, on which the class of each subject stands."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Take an open file of this schema; ``path`` is its name in messages."""
        self._path = path
        self._db = db
        self._seen = self._data_version()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def changed(self) -> bool:
        """Whether another connection wrote since the last call (DamagedError where the file is no database)."""
        with self._reading():
            version = self._data_version()
        before, self._seen = self._seen, version
        return version != before

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one change of several parts (JournalError when it could not be written)."""
        with transaction(self._db, self._path) as db:
            yield db

    def _write(self, query: str, values: tuple[Any, ...]) -> int:
        """Write one row durably; returns how many changed (JournalError when it could not be written)."""
        try:
            return self._db.execute(query, values).rowcount
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: not written: {error}; make room and see that it is writable") from None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Within it, what cannot be read says that the file is damaged: nobody writes such values."""
        try:
            yield
        except sqlite3.Error as error:
            told = f"{self._path}: not read: {error}"
            raise (DamagedError(told, self._path) if is_damage(error) else JournalError(told)) from None
        except (ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
            raise DamagedError(f"{self._path}: holds what nobody wrote: {error}", self._path) from None
