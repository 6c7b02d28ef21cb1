"""Each probe's assignments: the version counter, which targets they had, and what became of them."""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.claims import Asked, Tasks, tasks_of
from balise_collector.fleet.members import Member
from balise_collector.fleet.orders import UNREAD_MOST, Able, Order, Taken
from balise_collector.fleet.registry.sqlite.tables import RegistryTables
from balise_wire.profiles import pace_of

TASKS_KEPT: Final = 430 * 86_400.0
"""Seconds for which a task that was replaced is remembered: what a spool may hold (validate.Limits.past), and the month
for which the task itself was in force."""
_TASKS_MOST: Final = 512
"""Different tasks remembered of one probe: a catalogue that changes daily reaches back as far as TASKS_KEPT."""
_UNRECORDED: Final = ""
"""Digest of a task that was given before tasks were written down."""
_task = msgspec.json.Decoder(tuple[Asked, ...])


class SqliteAssignments(RegistryTables):
    """The tables ``assignment``, ``task``, ``given``, ``able``, ``taken`` and ``unread``."""

    def _paces(self, members: Mapping[str, Member]) -> dict[str, int]:
        """Return after how many seconds each probe sends at the latest."""
        return {
            probe: max(interval, int(pace_of(members[probe].profile).batch_seconds)) if probe in members else interval
            for probe, interval in self._db.execute("SELECT probe, interval FROM assignment")
        }

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
        with self._changing() as db:
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

    def skip_versions(self, versions: int) -> None:
        """Count every probe's assignments on from so much further."""
        self._write("UPDATE assignment SET version = version + ?, digest = ''", (versions,))

    def note_able(self, member: Member, able: Able) -> bool:
        """Write down what a member can do; whether that was news."""
        skills = json.dumps(sorted(able.skills))
        with self._changing() as db:
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
        with self._changing() as db:
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
