"""A small SQLite file that the command line and the running collector write at once.

Lives here: opening it (a new one is made aside and put in place whole, so that two programs that start together cannot
meet half a schema), and one change at a time under the write lock. Must not live here: any table.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from balise_collector.system import durable
from balise_collector.system.errors import ConfigError, JournalError

_WAIT_SECONDS: Final = 30.0
"""How long a writer waits for another; each holds the lock for milliseconds."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether a database error says that the file is no sound database (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def open_shared(path: Path, bring_up: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Open the file, and make it where it is new, readable for its user only.

    Args:
        path: the file; its folder is made too.
        bring_up: brings the tables up to date, whatever it finds; called under the write lock.

    Raises:
        ConfigError: it cannot be opened, or is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path, bring_up)
        db = _connect(path)
        try:
            _bring_up(db, bring_up)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise ConfigError(f"{path}: {error}; make [collector] state_dir writable for the collector's user") from None
    return db


def open_reading(path: Path) -> sqlite3.Connection:
    """Open a store of the collector's for reading only, whoever keeps it (JournalError when it cannot be read).

    A missing file is not made, a table is not brought up to date, and nothing can be written through it.
    """
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10.0, check_same_thread=False
        )
        try:
            db.execute("PRAGMA query_only = ON")
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {error}; start balise-collector run, which makes it") from None
    return db


def _make(path: Path, bring_up: Callable[[sqlite3.Connection], None]) -> None:
    """Make the file beside its place and link it there; of two programs at once one wins, and both use that one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    durable.write_once(draft, b"", durable.SECRET)
    try:
        with closing(_connect(draft)) as db:
            # Said once, here: SQLite gives up at once, without waiting, where two connections change the mode.
            db.execute("PRAGMA journal_mode=WAL")
            _bring_up(db, bring_up)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_SECONDS, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous=FULL")
    except BaseException:
        db.close()
        raise
    return db


def _bring_up(db: sqlite3.Connection, bring_up: Callable[[sqlite3.Connection], None]) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        bring_up(db)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


@contextmanager
def transaction(db: sqlite3.Connection, name: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock for one change: all of it is on disk at the end, or none.

    BEGIN IMMEDIATE takes the lock before anything is read: two that read first and then both want to write would wait
    for each other, and SQLite fails one of them at once with "database is locked".

    Raises:
        JournalError: it could not be written; ``name`` is the file in the message.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise JournalError(f"{name}: not written: {error}; make room and see that it is writable") from None


def make_tables(db: sqlite3.Connection, script: str) -> None:
    """Make what a script of ``CREATE ... IF NOT EXISTS`` names; unlike ``executescript`` within the transaction."""
    for statement in script.split(";"):
        if statement.strip():
            db.execute(statement)
