"""The fleet's registry: which probe has which key and stands where, on the operator's word, in ``fleet.sqlite``.

Lives here: approving, revoking, listing, who waits for approval, and the version counter of each probe's assignment.
The command line and the running collector share the file; ``changed`` tells the collector that the other wrote. Must
not live here: what a member may send (validate.py) or what it is asked to do (assignment.py).
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from balise_collector.assignment import Issued
from balise_collector.errors import ConfigError, JournalError
from balise_collector.members import Fleet, Member, Pending
from balise_wire.measurement import Network
from balise_wire.words import Access, ProbeRole

_PENDING_MOST: Final = 1000
"""Strangers remembered; a flood of invented ids ends here."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS member(
  id TEXT PRIMARY KEY, public_key TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL, access TEXT NOT NULL,
  region TEXT NOT NULL, role TEXT NOT NULL, approved_at REAL NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pending(
  id TEXT PRIMARY KEY, public_key TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL, access TEXT NOT NULL,
  role TEXT NOT NULL, software TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL);
CREATE TABLE IF NOT EXISTS assignment(
  probe TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL, expires REAL NOT NULL);
"""


class FleetRegistry:
    """One connection to the registry's file; each thread opens its own."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it where it is new (ConfigError when it cannot be opened)."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"{path}: {error}; make [collector] state_dir writable for the collector's user"
            ) from None
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

    def _write(self, query: str, values: tuple[Any, ...]) -> int:
        """Write one row durably; returns how many changed (JournalError when it could not be written)."""
        try:
            return self._db.execute(query, values).rowcount
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: not written: {error}; make room and see that it is writable") from None

    def approve(self, member: Member) -> None:
        """Approve a probe, or change what is vouched for; a revoked one is let in again."""
        network = member.network
        self._write(
            "INSERT OR REPLACE INTO member VALUES(?,?,?,?,?,?,?,?,?)",
            (
                member.id, member.public_key, network.country, network.asn, network.access.value, network.region,
                member.role.value, member.approved_at, member.revoked,
            ),
        )  # fmt: skip
        self._write("DELETE FROM pending WHERE id = ? AND public_key = ?", (member.id, member.public_key))

    def revoke(self, probe: str) -> bool:
        """Refuse a probe from now on; what it sent stays. False where there is no such member."""
        return self._write("UPDATE member SET revoked = 1 WHERE id = ?", (probe,)) == 1

    def fleet(self) -> Fleet:
        """Return every member as the frozen table."""
        rows = self._db.execute(
            "SELECT id, public_key, country, asn, access, region, role, approved_at, revoked FROM member ORDER BY id"
        )
        return Fleet.of(
            Member(
                id=name,
                public_key=key,
                network=Network(country=country, asn=asn, access=Access(access), region=region),
                role=ProbeRole(role),
                approved_at=approved_at,
                revoked=bool(revoked),
            )
            for name, key, country, asn, access, region, role, approved_at, revoked in rows
        )

    def note_pending(self, pending: Pending) -> None:
        """Remember a stranger for the operator; a flood of strangers pushes the longest silent ones out."""
        self._write(
            "INSERT INTO pending VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
            " public_key = excluded.public_key, country = excluded.country, asn = excluded.asn,"
            " access = excluded.access, role = excluded.role, software = excluded.software,"
            " last_seen = excluded.last_seen",
            (
                pending.id, pending.public_key, pending.country, pending.asn, pending.access, pending.role,
                pending.software, pending.first_seen, pending.last_seen,
            ),
        )  # fmt: skip
        self._write(
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

    def issued(self, probe: str) -> Issued:
        """Return the last assignment given to a probe; version 0 before the first."""
        row = self._db.execute("SELECT version, digest, expires FROM assignment WHERE probe = ?", (probe,)).fetchone()
        return Issued(*row) if row else Issued()

    def issue(self, probe: str, issued: Issued) -> None:
        """Write down an assignment before it is published: its version never goes back."""
        self._write(
            "INSERT OR REPLACE INTO assignment VALUES(?,?,?,?)", (probe, issued.version, issued.digest, issued.expires)
        )
