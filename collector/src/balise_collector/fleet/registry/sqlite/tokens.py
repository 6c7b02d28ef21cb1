"""One-time tokens, as rows of the registry's file: only their hash, what they are bound to, and who spent them.

The functions work on a connection that holds the write lock (or only reads), so that token and member change
together. Must not live here: how a token is spelt (wire's card_token.py), what it is (token.py), or who may use one
(decision.py).
"""

import json
import sqlite3
from typing import Any, Final

from balise_collector.fleet.registry.sqlite.tables import RegistryTables
from balise_collector.fleet.token import Token
from balise_wire.measurement import Network
from balise_wire.words import Access, ProbeRole, Profile

TABLES: Final = """
CREATE TABLE IF NOT EXISTS token(
  hash TEXT PRIMARY KEY, probe TEXT NOT NULL, named INTEGER NOT NULL, country TEXT NOT NULL,
  asn INTEGER NOT NULL, access TEXT NOT NULL, region TEXT NOT NULL, provider TEXT NOT NULL, role TEXT NOT NULL,
  profile TEXT NOT NULL, tags TEXT NOT NULL, batch TEXT NOT NULL, card INTEGER NOT NULL, made_at REAL NOT NULL,
  expires REAL NOT NULL, spent_at REAL, spent_key TEXT NOT NULL DEFAULT '', spent_by TEXT NOT NULL DEFAULT '',
  withdrawn INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS token_batch ON token(batch, card);
"""
_COLUMNS: Final = (
    "hash, probe, named, country, asn, access, region, provider, role, profile, tags, batch, card, made_at, expires,"
    " spent_at, spent_key, spent_by, withdrawn, refused, refused_at, host"
)
LATER: Final = {"refused": "TEXT NOT NULL DEFAULT ''", "refused_at": "REAL", "host": "TEXT NOT NULL DEFAULT ''"}
"""Columns of ``token`` that the first version did not have."""


class SqliteTokens(RegistryTables):
    """The table ``token``, to be read."""

    def token(self, digest: str) -> Token | None:
        """Return the token with a hash."""
        with self._reading():
            return find(self._db, digest)

    def batches(self) -> list[tuple[str, float, int, int]]:
        """Return (batch, when it was made, cards, spent ones), newest first."""
        return self._db.execute(
            "SELECT batch, min(made_at), count(*), count(spent_at) FROM token GROUP BY batch ORDER BY 2 DESC, 1"
        ).fetchall()

    def cards(self, batch: str) -> list[Token]:
        """Return the tokens of a batch by card number."""
        query = f"SELECT {_COLUMNS} FROM token WHERE batch = ? ORDER BY card, made_at"  # noqa: S608 - our own names
        return [_token(row) for row in self._db.execute(query, (batch,))]

    def waiting_tokens(self, now: float) -> int:
        """Return how many tokens would enrol a board now (UNIX seconds)."""
        query = "SELECT count(*) FROM token WHERE spent_at IS NULL AND NOT withdrawn AND expires > ?"
        return int(self._db.execute(query, (now,)).fetchone()[0])


def add(db: sqlite3.Connection, token: Token) -> None:
    """Keep a new token."""
    network = token.network
    db.execute(
        f"INSERT INTO token({_COLUMNS}) VALUES({','.join('?' * 22)})",
        (
            token.hash, token.probe, token.named, network.country, network.asn, network.access.value, network.region,
            token.provider, token.role.value, token.profile.value, json.dumps(token.tags), token.batch, token.card,
            token.made_at, token.expires, token.spent_at, token.spent_key, token.spent_by, token.withdrawn,
            token.refused, token.refused_at, token.host,
        ),
    )  # fmt: skip


def find(db: sqlite3.Connection, digest: str) -> Token | None:
    """Return the token with a hash.

    The index may take longer or shorter with the hash's first digits: that tells a guesser something of a hash that he
    computed himself, and nothing of any token.
    """
    row = db.execute(f"SELECT {_COLUMNS} FROM token WHERE hash = ?", (digest,)).fetchone()  # noqa: S608 - as above
    return _token(row) if row else None


def spend(db: sqlite3.Connection, token: Token, key: str, probe: str, now: float) -> None:
    """Note that a board spent a token."""
    db.execute(
        "UPDATE token SET spent_at = coalesce(spent_at, ?), spent_key = ?, spent_by = ?, refused = '' WHERE hash = ?",
        (now, key, probe, token.hash),
    )


def note_refusal(db: sqlite3.Connection, token: Token, refusal: str, now: float) -> None:
    """Note why a board with this token was refused, for who stands before it and wonders."""
    db.execute("UPDATE token SET refused = ?, refused_at = ? WHERE hash = ?", (refusal, now, token.hash))


def withdraw(db: sqlite3.Connection, probe: str) -> None:
    """Make every token for an id worthless, also for the board that spent it."""
    db.execute("UPDATE token SET withdrawn = 1 WHERE probe = ? OR spent_by = ?", (probe, probe))


def ids(db: sqlite3.Connection) -> set[str]:
    """Return every id that is or was promised to a card or a probe."""
    return {
        row[0] for row in db.execute("SELECT probe FROM token UNION SELECT id FROM member UNION SELECT id FROM pending")
    }


def _token(row: tuple[Any, ...]) -> Token:
    (
        digest, probe, named, country, asn, access, region, provider, role, profile, tags, batch, card, made_at,
        expires, spent_at, spent_key, spent_by, withdrawn, refused, refused_at, host,
    ) = row  # fmt: skip
    return Token(
        hash=digest,
        probe=probe,
        named=bool(named),
        network=Network(country=country, asn=asn, access=Access(access), region=region),
        provider=provider,
        role=ProbeRole(role),
        profile=Profile(profile),
        host=host,
        tags=tuple(json.loads(tags)),
        batch=batch,
        card=card,
        made_at=made_at,
        expires=expires,
        spent_at=spent_at,
        spent_key=spent_key,
        spent_by=spent_by,
        withdrawn=bool(withdrawn),
        refused=refused,
        refused_at=refused_at,
    )
