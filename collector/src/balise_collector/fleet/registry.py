"""The fleet's registry: which probe has which key and stands where, on the operator's word, in ``fleet.sqlite``.

Lives here: approving, revoking, retiring, tagging, halting countries, listing, who waits for approval, where each probe
stood from when on, and each probe's assignments: the version counter, which targets they had, what became of them. The
command line and the running collector share the file; ``changed`` tells the collector that the other wrote. Must not
live here: tokens (enrolment/tokens.py, in the same file), what a member may send (validate.py) or what it is asked to
do (assignment.py).
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_collector.fleet import tokens
from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.claims import Asked, Tasks, tasks_of
from balise_collector.fleet.members import Fleet, Halt, Member, Pending, Record
from balise_collector.fleet.orders import UNREAD_MOST, Able, Order, Taken
from balise_collector.fleet.token import Token
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.shared_file import is_damage, make_tables, missing_columns, open_reading, open_shared, turn
from balise_wire.measurement import Network
from balise_wire.profiles import pace_of
from balise_wire.words import Access, ProbeRole, Profile

_PENDING_MOST: Final = 1000
"""Strangers remembered; a flood of invented ids ends here."""
_PENDING_EVERY: Final = 300.0
"""Seconds within which the same word of a stranger is not written down again: each writing waits for the disk."""
TASKS_KEPT: Final = 430 * 86_400.0
"""Seconds for which a task that was replaced is remembered: what a spool may hold (validate.Limits.past), and the month
for which the task itself was in force."""
_TASKS_MOST: Final = 512
"""Different tasks remembered of one probe: a catalogue that changes daily reaches back as far as TASKS_KEPT."""
_RECORDS_MOST: Final = 256
"""Places remembered of one probe; the oldest go first, and the next one then holds for what was before."""
_UNRECORDED: Final = ""
"""Digest of a task that was given before tasks were written down."""
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
CREATE TABLE IF NOT EXISTS record(
  probe TEXT NOT NULL, since REAL NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL, access TEXT NOT NULL,
  region TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY(probe, since)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS task(digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS given(
  probe TEXT NOT NULL, digest TEXT NOT NULL, since REAL NOT NULL, until REAL, PRIMARY KEY(probe, digest))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS given_digest ON given(digest);
CREATE TABLE IF NOT EXISTS able(
  probe TEXT PRIMARY KEY, public_key TEXT NOT NULL, software TEXT NOT NULL, skills TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS taken(
  probe TEXT PRIMARY KEY, version INTEGER NOT NULL, halted INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unread(
  probe TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY(probe, word)) WITHOUT ROWID;
"""
_LATER: Final = {
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
_LATER_ASSIGNMENT: Final = {
    "interval": "INTEGER NOT NULL DEFAULT 0",
    "halted": "INTEGER NOT NULL DEFAULT 0",
    "turned": "INTEGER NOT NULL DEFAULT 0",
    "left_out": "TEXT NOT NULL DEFAULT '{}'",
}
"""Columns of ``assignment`` that the first version did not have."""
_COLUMNS: Final = ("id, public_key, country, asn, access, region, role, approved_at, revoked", *_LATER)
_COLUMN_LIST: Final = ", ".join(_COLUMNS)
_PLACES: Final = ",".join("?" * (9 + len(_LATER)))
_task = msgspec.json.Decoder(tuple[Asked, ...])


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
        """Whether another connection wrote since the last call (DamagedError where the file is no database)."""
        with self._reading():
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

    def approve(self, member: Member, since: float | None = None) -> None:
        """Approve a probe, or change what is vouched for; a revoked or retired one is let in again.

        ``since`` (UNIX seconds) is from when on it stands where it says; left out, since it was let in.
        """
        with self.turn() as db:
            put(db, member, since)

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

    def set_host(self, probe: str, host: str) -> bool:
        """Write down who keeps a board; the empty text is nobody. False where there is no such member."""
        return self._write("UPDATE member SET host = ? WHERE id = ?", (host, probe)) == 1

    def hosts_apart(self) -> int:
        """Give every board without a label a host of its own, named by the board's id; returns how many there were."""
        return self._write("UPDATE member SET host = id WHERE host = ''", ())

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

    def fleet(self) -> Fleet:
        """Return every member, every halt and every probe's pace as the frozen table (DamagedError)."""
        with self._reading():
            return self._fleet()

    def _fleet(self) -> Fleet:
        rows = self._db.execute(f"SELECT {_COLUMN_LIST} FROM member ORDER BY id")  # noqa: S608 - our own column names
        members = {member.id: member for member in map(_member, rows)}
        paces = {
            probe: max(interval, int(pace_of(members[probe].profile).batch_seconds)) if probe in members else interval
            for probe, interval in self._db.execute("SELECT probe, interval FROM assignment")
        }
        return Fleet.of(
            members.values(),
            self.halts(),
            paces,
            records=self._records(),
            tasks=self._tasks(members),
            orders=self._orders(members),
        )

    def _orders(self, members: Mapping[str, Member]) -> Mapping[str, Order]:
        """Return each member's assignment and what became of it."""
        issued = {
            probe: {"version": version, "halted": bool(halted), "turned": turned, "left_out": json.loads(left_out)}
            for probe, version, halted, turned, left_out in self._db.execute(
                "SELECT probe, version, halted, turned, left_out FROM assignment"
            )
        }
        taken = {
            probe: Taken(version=version, halted=bool(halted), at=at)
            for probe, version, halted, at in self._db.execute("SELECT probe, version, halted, at FROM taken")
        }
        unread: defaultdict[str, list[str]] = defaultdict(list)
        for probe, word in self._db.execute("SELECT probe, word FROM unread ORDER BY probe, word"):
            unread[probe].append(word)
        able = {
            probe: Able(software=software, skills=frozenset(json.loads(skills)))
            for probe, key, software, skills in self._db.execute("SELECT probe, public_key, software, skills FROM able")
            # Another board under the same id says for itself what it can do.
            if probe in members and members[probe].public_key == key
        }
        return {
            probe: Order(
                **issued.get(probe, {}), able=able.get(probe), taken=taken.get(probe), unread=tuple(unread[probe])
            )
            for probe in members
        }

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

    def _tasks(self, members: Mapping[str, Member]) -> Mapping[str, Tasks]:
        """Return what each probe was given to measure; probes with the same tasks share the table."""
        bodies = {digest: _task.decode(body) for digest, body in self._db.execute("SELECT digest, body FROM task")}
        given: defaultdict[str, list[str]] = defaultdict(list)
        unrecorded: dict[str, float] = {}
        rows = self._db.execute("SELECT probe, digest, until FROM given ORDER BY probe, since, digest")
        for probe, digest, until in rows:
            if probe not in members:
                continue
            if digest == _UNRECORDED:
                unrecorded[probe] = until
            else:
                given[probe].append(digest)
        shared: dict[tuple[tuple[str, ...], float], Tasks] = {}
        found: dict[str, Tasks] = {}
        for probe in {*given, *unrecorded}:
            key = (tuple(given[probe]), unrecorded.get(probe, 0.0))
            if key not in shared:
                shared[key] = tasks_of((bodies[digest] for digest in key[0] if digest in bodies), key[1])
            found[probe] = shared[key]
        return found

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
        known = self._db.execute(
            "SELECT public_key, country, asn, access, role, software FROM pending WHERE id = ? AND last_seen > ?",
            (pending.id, pending.last_seen - _PENDING_EVERY),
        ).fetchone()
        if known == (
            pending.public_key, pending.country, pending.asn, pending.access, pending.role, pending.software,
        ):  # fmt: skip
            return
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
            "SELECT version, digest, expires, interval, halted, turned, left_out FROM assignment WHERE probe = ?",
            (probe,),
        ).fetchone()
        if row is None:
            return Issued()
        version, digest, expires, interval, halted, turned, left_out = row
        return Issued(version, digest, expires, interval, bool(halted), turned, json.loads(left_out))

    def issue(self, probe: str, issued: Issued, asked: Sequence[Asked] = (), now: float = 0.0) -> None:
        """Write down an assignment before it is published: its version never goes back.

        Args:
            probe: whose.
            issued: version, digest, end.
            asked: its targets, for as long as results of them may arrive.
            now: UNIX seconds.
        """
        body = msgspec.json.encode(asked)
        digest = hashlib.sha256(body).hexdigest()[:32]
        with self.turn() as db:
            earlier = db.execute("SELECT 1 FROM assignment WHERE probe = ?", (probe,)).fetchone()
            if earlier and not db.execute("SELECT 1 FROM given WHERE probe = ? LIMIT 1", (probe,)).fetchone():
                db.execute("INSERT INTO given VALUES(?,?,0,?)", (probe, _UNRECORDED, now))
            db.execute(
                "INSERT OR REPLACE INTO assignment(probe, version, digest, expires, interval, halted, turned, left_out)"
                " VALUES(?,?,?,?,?,?,?,?)",
                (
                    probe, issued.version, issued.digest, issued.expires, issued.interval, issued.halted,
                    issued.turned, json.dumps(issued.left_out, sort_keys=True),
                ),
            )  # fmt: skip
            db.execute("INSERT OR IGNORE INTO task VALUES(?,?)", (digest, body))
            db.execute("UPDATE given SET until = ? WHERE probe = ? AND until IS NULL", (now, probe))
            db.execute(
                "INSERT INTO given VALUES(?,?,?,NULL) ON CONFLICT(probe, digest) DO UPDATE SET until = NULL",
                (probe, digest, now),
            )
            _forget_tasks(db, probe, now)

    # ------------------------------------------------------------ what probes say of it

    def note_able(self, member: Member, able: Able) -> bool:
        """Write down what a member can do; whether that was news."""
        skills = json.dumps(sorted(able.skills))
        with self.turn() as db:
            told = (member.public_key, able.software, skills)
            held = db.execute("SELECT public_key, software, skills FROM able WHERE probe = ?", (member.id,)).fetchone()
            if held == told:
                return False
            db.execute("INSERT OR REPLACE INTO able VALUES(?,?,?,?)", (member.id, *told))
            # What was strange to us may be no more, and the other way round.
            db.execute("DELETE FROM unread WHERE probe = ?", (member.id,))
        return True

    def note_taken(self, probe: str, taken: Taken) -> None:
        """Write down which assignment a probe has taken up; one that is older than what is known changes nothing."""
        self._write(
            "INSERT INTO taken VALUES(?,?,?,?) ON CONFLICT(probe) DO UPDATE SET version = excluded.version,"
            " halted = excluded.halted, at = excluded.at WHERE excluded.version > version",
            (probe, taken.version, taken.halted, taken.at),
        )

    def catch_up(self, probe: str, version: int) -> bool:
        """Count a probe's assignments from the one that it holds, where our counter is behind; whether it was.

        A probe ignores what is not newer than what it has, a halt too: a registry that was lost must not count anew.
        """
        changed = self._write(
            "UPDATE assignment SET version = ?, turned = ?, digest = '' WHERE probe = ? AND version < ?",
            (version, version + 1, probe, version),
        )
        return changed > 0

    def note_unread(self, probe: str, words: Iterable[str]) -> None:
        """Remember for the operator what could not be read of a probe's messages, as far as there is room."""
        with self.turn() as db:
            for word in sorted(words):
                db.execute(
                    "INSERT OR IGNORE INTO unread SELECT ?, ? WHERE (SELECT count(*) FROM unread WHERE probe = ?) < ?",
                    (probe, word, probe, UNREAD_MOST),
                )


def _forget_tasks(db: sqlite3.Connection, probe: str, now: float) -> None:
    """Let go of a probe's tasks of which nothing can arrive any more, and of tasks that nobody has."""
    gone = db.execute("DELETE FROM given WHERE probe = ? AND until < ?", (probe, now - TASKS_KEPT)).rowcount
    gone += db.execute(
        "DELETE FROM given WHERE probe = ? AND digest IN (SELECT digest FROM given WHERE probe = ?"
        " ORDER BY until IS NOT NULL, until DESC LIMIT -1 OFFSET ?)",
        (probe, probe, _TASKS_MOST),
    ).rowcount
    if gone:
        db.execute("DELETE FROM task WHERE NOT EXISTS (SELECT 1 FROM given WHERE given.digest = task.digest)")


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


def _bring_up(db: sqlite3.Connection) -> None:
    """Make what is missing, also in a file of an earlier version."""
    make_tables(db, _TABLES)
    make_tables(db, tokens.TABLES)
    missing_columns(db, "member", _LATER)
    missing_columns(db, "token", tokens.LATER)
    missing_columns(db, "assignment", _LATER_ASSIGNMENT)
    # A file of an earlier version knows where its members stand now, and nothing of where they stood before.
    db.execute(
        "INSERT INTO record SELECT id, 0, country, asn, access, region, role FROM member"
        " WHERE NOT EXISTS (SELECT 1 FROM record WHERE probe = member.id)"
    )
