"""The fleet's registry: which probe has which key and stands where, on the operator's word, in ``fleet.sqlite``.

Lives here: approving, revoking, retiring, tagging, halting countries, listing, who waits for approval, and the version
counter of each probe's assignment. The command line and the running collector share the file; ``changed`` tells the
collector that the other wrote. Must not live here: tokens (enrolment/tokens.py, in the same file), what a member may
send (validate.py) or what it is asked to do (assignment.py).
"""

import json
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from balise_collector.assignment import Issued
from balise_collector.enrolment import tokens
from balise_collector.enrolment.token import Token
from balise_collector.errors import JournalError
from balise_collector.members import Fleet, Halt, Member, Pending
from balise_collector.shared_file import make_tables, missing_columns, open_reading, open_shared, turn
from balise_wire.delivery import PACES
from balise_wire.measurement import Network
from balise_wire.words import Access, ProbeRole, Profile

_PENDING_MOST: Final = 1000
"""Strangers remembered; a flood of invented ids ends here."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS member(
  id TEXT PRIMARY KEY, public_key TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL,
  access TEXT NOT NULL, region TEXT NOT NULL, role TEXT NOT NULL, approved_at REAL NOT NULL,
  revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pending(
  id TEXT PRIMARY KEY, public_key TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL,
  access TEXT NOT NULL, role TEXT NOT NULL, software TEXT NOT NULL, first_seen REAL NOT NULL,
  last_seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS assignment(
  probe TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS halt(
  country TEXT NOT NULL, since REAL NOT NULL, reason TEXT NOT NULL, until REAL);
"""
_LATER: Final = {
    "retired_at": "REAL",
    "profile": "TEXT NOT NULL DEFAULT 'standard'",
    "provider": "TEXT NOT NULL DEFAULT ''",
    "tags": "TEXT NOT NULL DEFAULT '[]'",
    "consent": "TEXT NOT NULL DEFAULT ''",
    "enrolled_at": "REAL",
    "expires": "REAL",
}
"""Columns of ``member`` that the first version did not have."""
_COLUMNS: Final = ("id, public_key, country, asn, access, region, role, approved_at, revoked", *_LATER)
_COLUMN_LIST: Final = ", ".join(_COLUMNS)
_PLACES: Final = ",".join("?" * (9 + len(_LATER)))


class FleetRegistry:
    """One connection to the registry's file; each thread opens its own."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open the file, and make it where it is new (ConfigError when it cannot be opened).

        ``reading``: only to read (JournalError when that is not possible).
        """
        self._path = path
        self._db = open_reading(path) if reading else open_shared(path, _bring_up)
        self._seen = self._data_version()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def changed(self) -> bool:
        """Whether another connection wrote since the last call."""
        version = self._data_version()
        before, self._seen = self._seen, version
        return version != before

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def turn(self) -> AbstractContextManager[sqlite3.Connection]:
        """Hold the file for one change of several parts; it is on disk at the end, or nothing of it is.

        What is called within gets the connection that this gives (JournalError when it could not be written).
        """
        return turn(self._db, self._path)

    def _write(self, query: str, values: tuple[Any, ...]) -> int:
        """Write one row durably; returns how many changed (JournalError when it could not be written)."""
        try:
            return self._db.execute(query, values).rowcount
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: not written: {error}; make room and see that it is writable") from None

    # ------------------------------------------------------------ members

    def approve(self, member: Member) -> None:
        """Approve a probe, or change what is vouched for; a revoked or retired one is let in again."""
        with self.turn() as db:
            put(db, member)

    def revoke(self, probe: str) -> bool:
        """Refuse a probe from now on; what it sent stays. False where there is no such member.

        Tokens for its id are worth nothing any more.
        """
        with self.turn() as db:
            tokens.withdraw(db, probe)
            return db.execute("UPDATE member SET revoked = 1 WHERE id = ?", (probe,)).rowcount == 1

    def retire(self, probe: str, now: float) -> bool:
        """Finish a probe: it stays in the history, and nobody waits for it. False where there is no such member."""
        with self.turn() as db:
            tokens.withdraw(db, probe)
            return retire(db, probe, now)

    def tag(self, probe: str, tags: tuple[str, ...]) -> bool:
        """Write the operator's words on a probe in the place of those it had. False where there is no such member."""
        return self._write("UPDATE member SET tags = ? WHERE id = ?", (json.dumps(tags), probe)) == 1

    def fleet(self) -> Fleet:
        """Return every member, every halt and every probe's pace as the frozen table."""
        rows = self._db.execute(f"SELECT {_COLUMN_LIST} FROM member ORDER BY id")  # noqa: S608 - our own column names
        members = {member.id: member for member in map(_member, rows)}
        paces = {
            probe: max(interval, int(PACES.get(members[probe].profile, PACES[Profile.METERED]).batch_seconds))
            if probe in members
            else interval
            for probe, interval in self._db.execute("SELECT probe, interval FROM assignment")
        }
        return Fleet.of(members.values(), self.halts(), paces)

    # ------------------------------------------------------------ cards

    def batches(self) -> list[tuple[str, float, int, int]]:
        """Return (batch, when it was made, cards, spent ones), newest first."""
        return tokens.batches(self._db)

    def cards(self, batch: str) -> list[Token]:
        """Return the tokens of a batch by card number."""
        return tokens.of_batch(self._db, batch)

    # ------------------------------------------------------------ halts

    def halt(self, country: str, reason: str, now: float) -> None:
        """Stop every probe of a country, or change the reason."""
        with self.turn() as db:
            changed = db.execute("UPDATE halt SET reason = ? WHERE country = ? AND until IS NULL", (reason, country))
            if not changed.rowcount:
                db.execute("INSERT INTO halt VALUES(?,?,?,NULL)", (country, now, reason))

    def lift(self, country: str, now: float) -> bool:
        """Let a country's probes measure again; False where they were not halted."""
        return self._write("UPDATE halt SET until = ? WHERE country = ? AND until IS NULL", (now, country)) > 0

    def halts(self) -> list[Halt]:
        """Return every halt, also those that are over, oldest first."""
        rows = self._db.execute("SELECT country, since, reason, until FROM halt ORDER BY since, country")
        return [
            Halt(country=country, since=since, reason=reason, until=until) for country, since, reason, until in rows
        ]

    # ------------------------------------------------------------ who waits

    def note_pending(self, pending: Pending) -> None:
        """Remember a stranger for the operator; a flood of strangers pushes the longest silent ones out."""
        with self.turn() as db:
            db.execute(
                "INSERT INTO pending VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
                " public_key = excluded.public_key, country = excluded.country, asn = excluded.asn,"
                " access = excluded.access, role = excluded.role, software = excluded.software,"
                " last_seen = excluded.last_seen",
                (
                    pending.id, pending.public_key, pending.country, pending.asn, pending.access, pending.role,
                    pending.software, pending.first_seen, pending.last_seen,
                ),
            )  # fmt: skip
            db.execute(
                "DELETE FROM pending WHERE id IN (SELECT id FROM pending ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                (_PENDING_MOST,),
            )

    def pending(self) -> list[Pending]:
        """Return who waits for approval, longest waiting first."""
        rows = self._db.execute(
            "SELECT id, public_key, country, asn, access, role, software, first_seen, last_seen FROM pending"
            " ORDER BY first_seen, id"
        )
        return [Pending(**dict(zip(Pending.__struct_fields__, row, strict=True))) for row in rows]

    # ------------------------------------------------------------ assignments

    def issued(self, probe: str) -> Issued:
        """Return the last assignment given to a probe; version 0 before the first."""
        row = self._db.execute(
            "SELECT version, digest, expires, interval FROM assignment WHERE probe = ?", (probe,)
        ).fetchone()
        return Issued(*row) if row else Issued()

    def issue(self, probe: str, issued: Issued) -> None:
        """Write down an assignment before it is published: its version never goes back."""
        self._write(
            "INSERT OR REPLACE INTO assignment(probe, version, digest, expires, interval) VALUES(?,?,?,?,?)",
            (probe, issued.version, issued.digest, issued.expires, issued.interval),
        )


def put(db: sqlite3.Connection, member: Member) -> None:
    """Write a member in the place of the one with its id, and take it off the waiting list, within a ``turn``."""
    network = member.network
    db.execute(
        f"INSERT OR REPLACE INTO member({_COLUMN_LIST}) VALUES({_PLACES})",
        (
            member.id, member.public_key, network.country, network.asn, network.access.value, network.region,
            member.role.value, member.approved_at, member.revoked, member.retired_at, member.profile.value,
            member.provider, json.dumps(member.tags), member.consent, member.enrolled_at, member.expires,
        ),
    )  # fmt: skip
    db.execute("DELETE FROM pending WHERE id = ? AND public_key = ?", (member.id, member.public_key))


def retire(db: sqlite3.Connection, probe: str, now: float) -> bool:
    """Finish a probe within a ``turn``; False where there is no such member."""
    done = db.execute("UPDATE member SET retired_at = coalesce(retired_at, ?) WHERE id = ?", (now, probe))
    return done.rowcount == 1


def speaking_keys(db: sqlite3.Connection) -> dict[str, str]:
    """Return the key of every member, within a ``turn``; empty for one that may not speak."""
    rows = db.execute("SELECT id, CASE WHEN revoked OR retired_at IS NOT NULL THEN '' ELSE public_key END FROM member")
    return dict(rows.fetchall())


def get(db: sqlite3.Connection, *, id: str = "", key: str = "") -> Member | None:
    """Return the member with an id, or the one with a key (hex), as a ``turn`` sees it now."""
    row = db.execute(
        f"SELECT {_COLUMN_LIST} FROM member WHERE {'public_key' if key else 'id'} = ?"  # noqa: S608 - our own names
        " ORDER BY revoked, retired_at IS NOT NULL, id LIMIT 1",
        (key or id,),
    ).fetchone()
    return _member(row) if row else None


def _member(row: tuple[Any, ...]) -> Member:
    """Read one row of ``_COLUMNS``."""
    name, key, country, asn, access, region, role, approved_at, revoked, *later = row
    retired_at, profile, provider, tags, consent, enrolled_at, expires = later
    return Member(
        id=name,
        public_key=key,
        network=Network(country=country, asn=asn, access=Access(access), region=region),
        role=ProbeRole(role),
        approved_at=approved_at,
        revoked=bool(revoked),
        retired_at=retired_at,
        profile=Profile(profile),
        provider=provider,
        tags=tuple(json.loads(tags)),
        consent=consent,
        enrolled_at=enrolled_at,
        expires=expires,
    )


def _bring_up(db: sqlite3.Connection) -> None:
    """Make what is missing, also in a file of an earlier version."""
    make_tables(db, _TABLES)
    make_tables(db, tokens.TABLES)
    missing_columns(db, "member", _LATER)
    missing_columns(db, "token", tokens.LATER)
    missing_columns(db, "assignment", {"interval": "INTEGER NOT NULL DEFAULT 0"})
