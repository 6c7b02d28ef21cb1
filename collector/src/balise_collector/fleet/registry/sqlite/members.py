"""Members, where each stood from when on, and halts."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from balise_collector.fleet.members import Halt, Member, Record
from balise_collector.fleet.registry.sqlite import tokens
from balise_collector.fleet.registry.sqlite.tables import RegistryTables
from balise_wire.measurement import Network
from balise_wire.words import Access, ProbeRole, Profile

_RECORDS_MOST: Final = 256
"""Places remembered of one probe; the oldest go first, and the next one then holds for what was before."""
LATER: Final = {
    "retired_at": "REAL",
    "profile": "TEXT NOT NULL DEFAULT 'standard'",
    "provider": "TEXT NOT NULL DEFAULT ''",
    "tags": "TEXT NOT NULL DEFAULT '[]'",
    "consent": "TEXT NOT NULL DEFAULT ''",
    "enrolled_at": "REAL",
    "expires": "REAL",
    "host": "TEXT NOT NULL DEFAULT ''",
}
"""Columns of ``member`` that the first version did not have."""
_COLUMNS: Final = ("id, public_key, country, asn, access, region, role, approved_at, revoked", *LATER)
_COLUMN_LIST: Final = ", ".join(_COLUMNS)
_PLACES: Final = ",".join("?" * (9 + len(LATER)))


class SqliteMembers(RegistryTables):
    """The tables ``member``, ``record`` and ``halt``."""

    def approve(self, member: Member, since: float | None = None) -> None:
        """Approve a probe, or change what is vouched for."""
        with self._changing() as db:
            put(db, member, since)

    def revoke(self, probe: str) -> bool:
        """Refuse a probe from now on; what it sent stays. False where there is no such member.

        Tokens for its id are worth nothing any more.
        """
        with self._changing() as db:
            tokens.withdraw(db, probe)
            return db.execute("UPDATE member SET revoked = 1 WHERE id = ?", (probe,)).rowcount == 1

    def retire(self, probe: str, now: float) -> bool:
        """Finish a probe: it stays in the history, and nobody waits for it. False where there is no such member."""
        with self._changing() as db:
            tokens.withdraw(db, probe)
            return retire(db, probe, now)

    def tag(self, probe: str, tags: tuple[str, ...]) -> bool:
        """Write the operator's words on a probe in the place of those it had. False where there is no such member."""
        return self._write("UPDATE member SET tags = ? WHERE id = ?", (json.dumps(tags), probe)) == 1

    def set_host(self, probe: str, host: str) -> bool:
        """Write down who keeps a board; the empty text is nobody. False where there is no such member."""
        return self._write("UPDATE member SET host = ? WHERE id = ?", (host, probe)) == 1

    def hosts_apart(self) -> int:
        """Give every board without a label a host of its own, named by the board's id; returns how many there were."""
        return self._write("UPDATE member SET host = id WHERE host = ''", ())

    def member(self, *, id: str = "", key: str = "") -> Member | None:
        """Return the member with an id, or the one with a key (hex)."""
        with self._reading():
            return get(self._db, id=id, key=key)

    def _members(self) -> dict[str, Member]:
        rows = self._db.execute(f"SELECT {_COLUMN_LIST} FROM member ORDER BY id")  # noqa: S608 - our own column names
        return {member.id: member for member in map(_member, rows)}

    def _records(self) -> Mapping[str, tuple[Record, ...]]:
        """Return where each probe stood from when on."""
        found: defaultdict[str, list[Record]] = defaultdict(list)
        rows = self._db.execute(
            "SELECT probe, since, country, asn, access, region, role FROM record ORDER BY probe, since"
        )
        for probe, since, country, asn, access, region, role in rows:
            network = Network(country=country, asn=asn, access=Access(access), region=region)
            found[probe].append(Record(since=since, network=network, role=ProbeRole(role)))
        return {probe: tuple(records) for probe, records in found.items()}

    def halt(self, country: str, reason: str, now: float) -> None:
        """Stop every probe of a country, or change the reason."""
        with self._changing() as db:
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


def put(db: sqlite3.Connection, member: Member, since: float | None = None) -> None:
    """Write a member in the place of the one with its id, and take it off the waiting list, within a ``turn``.

    Where it stands is written down with the time from which on it holds: ``since``, or when it was let in.
    """
    network = member.network
    _note_record(db, member, member.approved_at if since is None else since)
    db.execute(
        f"INSERT OR REPLACE INTO member({_COLUMN_LIST}) VALUES({_PLACES})",
        (
            member.id, member.public_key, network.country, network.asn, network.access.value, network.region,
            member.role.value, member.approved_at, member.revoked, member.retired_at, member.profile.value,
            member.provider, json.dumps(member.tags), member.consent, member.enrolled_at, member.expires, member.host,
        ),
    )  # fmt: skip
    db.execute("DELETE FROM pending WHERE id = ? AND public_key = ?", (member.id, member.public_key))


def _note_record(db: sqlite3.Connection, member: Member, since: float) -> None:
    """Keep where a member stands from ``since`` (UNIX seconds) on, where that is news; later records give way."""
    network = member.network
    told = (network.country, network.asn, network.access.value, network.region, member.role.value)
    db.execute("DELETE FROM record WHERE probe = ? AND since >= ?", (member.id, since))
    last = db.execute(
        "SELECT country, asn, access, region, role FROM record WHERE probe = ? ORDER BY since DESC LIMIT 1",
        (member.id,),
    ).fetchone()
    if last != told:
        db.execute("INSERT INTO record VALUES(?,?,?,?,?,?,?)", (member.id, since, *told))
    db.execute(
        "DELETE FROM record WHERE probe = ? AND since IN"
        " (SELECT since FROM record WHERE probe = ? ORDER BY since DESC LIMIT -1 OFFSET ?)",
        (member.id, member.id, _RECORDS_MOST),
    )


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
    retired_at, profile, provider, tags, consent, enrolled_at, expires, host = later
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
        host=host,
        tags=tuple(json.loads(tags)),
        consent=consent,
        enrolled_at=enrolled_at,
        expires=expires,
    )
