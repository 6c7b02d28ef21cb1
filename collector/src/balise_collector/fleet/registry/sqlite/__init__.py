"""The registry in SQLite: ``fleet.sqlite``, which the command line and the running collector write at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balise_collector.fleet.members import Fleet, Member
from balise_collector.fleet.registry import RegistryTransaction
from balise_collector.fleet.registry.sqlite import members, schema, tokens
from balise_collector.fleet.registry.sqlite.assignments import SqliteAssignments
from balise_collector.fleet.registry.sqlite.members import SqliteMembers
from balise_collector.fleet.registry.sqlite.pending import SqlitePending
from balise_collector.fleet.registry.sqlite.requests import SqliteRequests
from balise_collector.fleet.registry.sqlite.tokens import SqliteTokens
from balise_collector.fleet.registry.sqlite.watches import SqliteWatches
from balise_collector.fleet.token import Token
from balise_collector.system.shared_file import open_reading, open_shared


class SqliteRegistry(SqliteMembers, SqliteAssignments, SqlitePending, SqliteRequests, SqliteTokens, SqliteWatches):
    """One connection to the registry's file; each thread opens its own."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, and make it where it is new (ConfigError when it cannot be opened).

        ``reading``: only to read (JournalError when that is not possible).
        """
        super().__init__(path, open_reading(path) if reading else open_shared(path, schema.make))

    def fleet(self) -> Fleet:
        """Return every member, every halt and every probe's pace as the frozen table (DamagedError)."""
        with self._reading():
            known = self._members()
            return Fleet.of(
                known.values(),
                self.halts(),
                self._paces(known),
                records=self._records(),
                tasks=self._tasks(known),
                orders=self._orders(known),
            )

    @contextmanager
    def transaction(self) -> Iterator[RegistryTransaction]:
        """Hold the file for one change of several parts; it is on disk at the end, or nothing of it is."""
        with self._changing() as db:
            yield SqliteTransaction(db)


class SqliteTransaction:
    """One change of several parts, under the write lock."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Take a connection that holds the write lock."""
        self._db = db

    def member(self, *, id: str = "", key: str = "") -> Member | None:
        """Return the member with an id, or the one with a key (hex)."""
        return members.get(self._db, id=id, key=key)

    def put(self, member: Member, since: float | None = None) -> None:
        """Write a member in the place of the one with its id."""
        members.put(self._db, member, since)

    def retire(self, probe: str, now: float) -> bool:
        """Finish a probe; False where there is no such member."""
        return members.retire(self._db, probe, now)

    def speaking_keys(self) -> dict[str, str]:
        """Return the key of every member; empty for one that may not speak."""
        return members.speaking_keys(self._db)

    def token(self, digest: str) -> Token | None:
        """Return the token with a hash."""
        return tokens.find(self._db, digest)

    def add_token(self, token: Token) -> None:
        """Keep a new token."""
        tokens.add(self._db, token)

    def spend_token(self, token: Token, key: str, probe: str, now: float) -> None:
        """Note that a board spent a token."""
        tokens.spend(self._db, token, key, probe, now)

    def refuse_token(self, token: Token, refusal: str, now: float) -> None:
        """Note why a board with this token was refused."""
        tokens.note_refusal(self._db, token, refusal, now)

    def ids(self) -> set[str]:
        """Return every id that is or was promised to a card or a probe."""
        return tokens.ids(self._db)
