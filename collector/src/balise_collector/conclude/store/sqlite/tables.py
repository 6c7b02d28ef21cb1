"""What the tables of every subject stand on: one connection, its transactions, and reading what was written here.

Must not live here: any subject.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import words_of
from balise_collector.system.shared_file import is_damage

_log = logging.getLogger(__name__)
_Body = TypeVar("_Body")
_TOLD_MOST: Final = 1000
"""Damaged rows that are named in the log, each once."""


class StoreTables:
    """One connection, on which the class of each subject stands."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Take an open file of this schema; ``path`` is its name in messages."""
        self._path = path
        self._db = db
        self._seen = self._data_version()
        self._told: set[str] = set()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Open a transaction, unless another connection has written since we last looked (JournalError)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if self._data_version() != self._seen:
                raise JournalError(f"{self._path}: a replay was swapped in; going on from it")
            yield
            self._db.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.DataError):
            raise  # no disk's fault: a value that cannot be a row
        except sqlite3.Error as error:
            told = f"{self._path}: not saved: {error}; make room and see that it is writable"
            raise (DamagedError(told, self._path) if is_damage(error) else JournalError(told)) from None
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def last_change(self) -> int:
        """Return the number of the newest change; 0 for an empty store."""
        row = self._db.execute(
            "SELECT max(coalesce((SELECT max(change) FROM verdict), 0),"
            " coalesce((SELECT max(change) FROM incident), 0))"
        ).fetchone()
        return int(row[0])

    def changed_by_another(self) -> bool:
        """Whether another connection wrote since the last call: a replay was swapped in."""
        version = self._data_version()
        before, self._seen = self._seen, version
        return version != before

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def _read(self, decoder: "msgspec.json.Decoder[_Body]", body: bytes, what: str) -> _Body | None:
        """Decode what was written here; ``None``, told once, for what was damaged on the disk or is of another version.

        It costs itself: whoever asked goes on without it, and a replay makes it again.
        """
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if what not in self._told and len(self._told) < _TOLD_MOST:
                self._told.add(what)
                _log.error(
                    "%s: %s cannot be read (%s) and is left out; `balise-collector replay` makes it again",
                    self._path, what, words_of(error),
                )  # fmt: skip
            return None

    def _read_all(
        self, decoder: "msgspec.json.Decoder[_Body]", rows: Iterable[tuple[Any, bytes]], what: str
    ) -> list[tuple[Any, _Body]]:
        """Decode the second column of rows, leaving out what cannot be."""
        read = ((key, self._read(decoder, body, f"{what} {key}")) for key, body in rows)
        return [(key, found) for key, found in read if found is not None]
