"""The journal in SQLite: the embedded back end, one file, many readers.

Batches are kept as the exact sealed frames, so that a signature made in the field verifies years later; a measurement
row is a pointer (batch, place) with the key that drops repeats: a rowid table with UNIQUE(probe number, first 64 bits
of the id) is six times faster than a text primary key (tried; storage-and-dashboards.md).

WAL with synchronous=FULL: NORMAL survives a kill, but a power cut takes the last commits with it, and by then the
probe has forgotten them on our receipt. One fsync a group commit is what a receipt costs.
"""

import contextlib
import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import KEPT_MOST, Sighting
from balise_collector.journal import (
    Aside,
    Batch,
    Counts,
    EventRow,
    HealthRow,
    JournalRow,
    Notice,
    NoticeKind,
    NoticeRow,
    Piece,
    Position,
    Presence,
    PresenceRow,
    Refused,
    Report,
    Totals,
)
from balise_collector.journal.clock_offset import TRANSIT
from balise_collector.journal.frames import DamageError, Opened, Pointer, Taken, id64
from balise_collector.journal.receipt_position import StreamPosition
from balise_collector.system.errors import DamagedError, JournalError
from balise_collector.system.faults import Fault
from balise_collector.system.shared_file import is_damage, open_reading
from balise_wire.seal import key_id as signing_id
from balise_wire.seal import public_bytes, signer
from balise_wire.status import Event, EventKind, Health
from balise_wire.words import ClockState, Lifecycle

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS probe(no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS signer(no INTEGER PRIMARY KEY, public_key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS batch(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, signer INTEGER NOT NULL, stream TEXT NOT NULL,
  sequence INTEGER NOT NULL, received_at REAL NOT NULL, sent_at REAL NOT NULL, clock_state TEXT NOT NULL,
  historical INTEGER NOT NULL, frame BLOB NOT NULL, clock_offset REAL, clock_doubtful INTEGER);
CREATE TABLE IF NOT EXISTS measurement(
  seq INTEGER PRIMARY KEY, probe INTEGER NOT NULL, id INTEGER NOT NULL, batch INTEGER NOT NULL, place INTEGER NOT NULL,
  UNIQUE(probe, id));
CREATE TABLE IF NOT EXISTS event(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, received_at REAL NOT NULL, body BLOB NOT NULL, kind TEXT,
  UNIQUE(probe, body));
CREATE TABLE IF NOT EXISTS presence(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, received_at REAL NOT NULL, state TEXT NOT NULL,
  session INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS health(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, received_at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS health_probe ON health(probe, no);
CREATE INDEX IF NOT EXISTS presence_probe ON presence(probe, no);
CREATE INDEX IF NOT EXISTS presence_at ON presence(received_at);
CREATE TABLE IF NOT EXISTS stream(
  probe INTEGER NOT NULL, stream TEXT NOT NULL, through INTEGER NOT NULL, beyond TEXT NOT NULL,
  oldest INTEGER NOT NULL, PRIMARY KEY(probe, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held(
  probe INTEGER NOT NULL, stream TEXT NOT NULL, oldest INTEGER NOT NULL, runs TEXT NOT NULL, touched REAL NOT NULL,
  PRIMARY KEY(probe, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS voice(
  probe INTEGER PRIMARY KEY, session INTEGER NOT NULL, number INTEGER NOT NULL, proves INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine(
  no INTEGER PRIMARY KEY, received_at REAL NOT NULL, probe TEXT NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL,
  bytes INTEGER NOT NULL, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sighting(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, at REAL NOT NULL, asn INTEGER NOT NULL, country TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sighting_probe ON sighting(probe, no);
CREATE TABLE IF NOT EXISTS notice(
  no INTEGER PRIMARY KEY, probe INTEGER NOT NULL, kind TEXT NOT NULL, began REAL NOT NULL, at REAL NOT NULL,
  times INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS notice_probe ON notice(probe, kind, no);
CREATE INDEX IF NOT EXISTS quarantine_probe ON quarantine(probe, no);
CREATE TABLE IF NOT EXISTS allowance(
  probe INTEGER PRIMARY KEY, pool REAL NOT NULL, backlog REAL NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS cursor(name TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS watch(started REAL PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tally(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside(
  no INTEGER PRIMARY KEY, reader TEXT NOT NULL, seq INTEGER NOT NULL, place TEXT NOT NULL, error TEXT NOT NULL,
  first_at REAL NOT NULL, last_at REAL NOT NULL, times INTEGER NOT NULL, rows INTEGER NOT NULL,
  UNIQUE(reader, place, seq));
"""
_SUMS: Final = {
    "frame_bytes": "SELECT coalesce(sum(length(frame)), 0) FROM batch",
    "quarantined": "SELECT count(*) FROM quarantine",
    "quarantined_bytes": "SELECT coalesce(sum(bytes), 0) FROM quarantine",
}
"""What the table ``tally`` keeps, and how it was counted once for a file that was made before."""
_KNOWN: Final = (
    "SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM measurement WHERE probe = ? AND id = j.value)"
)
"""Not a join: the planner would walk everything that the probe ever sent, for each batch."""
_STREAMS_REMEMBERED: Final = 10_000
_STREAMS_KEPT: Final = 100
"""Of one probe: a new one comes with a new card or a damaged file. One that is dropped is asked for again, no more."""
_WATCHES_ASKED: Final = 100
_LATEST: Final = 4e9
"""UNIX seconds no receive time reaches (2096): what lies beyond was not written by us."""
PRESENCE_KEPT: Final = 100_000
"""Newest states of each probe that are kept: five years of a probe that comes and goes fifty times a day."""
_PRESENCE_LOOK: Final = 64
"""One in so many new states looks whether its probe has too many: a probe that says many does it often."""
_HEALTH_KEPT: Final = 500_000
"""Newest health reports that are kept: a hundred probes for a fortnight. They are gauges, no evidence."""
EVENTS_KEPT: Final = 200
"""Newest events of one probe and kind that are kept: a fortnight of one an hour, a year of one a day."""
_KIND: Final = "CASE WHEN json_valid(CAST({0} AS TEXT)) THEN json_extract(CAST({0} AS TEXT), '$.kind') END"
"""The kind of an event, from its body."""
_EVENT_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS event_kind ON event(probe, kind, no);
CREATE INDEX IF NOT EXISTS event_probe ON event(probe, no);
CREATE INDEX IF NOT EXISTS event_unsorted ON event(no) WHERE kind IS NULL;
"""
"""Of a column that an older file is given first. The last: rows that an older version wrote, which knew no kinds."""
_ASIDE_KEPT: Final = 10_000
"""Newest things set aside that are remembered, one by one; all are counted."""
_STATES: Final = frozenset(state.value for state in Lifecycle)
_NOTICED: Final = frozenset(kind.value for kind in NoticeKind)
NOTICE_LASTS: Final = 86_400.0
"""Seconds after which the same, noticed again, is another notice; shorter pauses are one."""
_SIGHTINGS_KEPT: Final = 200_000
"""Changes of the network of a line that are kept."""
_NOTICES_KEPT: Final = 20_000
_DETAIL_MOST: Final = 300
_HEALTH = msgspec.json.Decoder(Health)
_EVENT = msgspec.json.Decoder(Event)


class _Voice(NamedTuple):
    """How far the sealed word of a probe has come: what is older is a repeat."""

    session: int
    """The highest of any message under its seal."""
    number: int
    """Of the last proved state in that session."""
    proves: bool
    """Its program proves its states: an unproved one is not its own."""


_Touched = dict[tuple[int, str], StreamPosition]
"""Streams that a commit has to write down, by probe and stream."""


_FRAME: Final = 9
"""Place of the frame in a row of ``batch``."""
_LATER: Final = {"batch": {"clock_offset": "REAL", "clock_doubtful": "INTEGER"}, "event": {"kind": "TEXT"}}
"""Columns that the first version of a table had not; NULL in the rows that it wrote."""


def _offset_of_older(received_at: float, sent_at: float, clock_state: ClockState, *, historical: bool) -> float:
    """Return the clock's offset of a batch that was journalled before it was decided at receipt."""
    ahead = sent_at - received_at
    return 0.0 if historical or clock_state.vouched or abs(ahead) <= TRANSIT else ahead


class SqliteJournal:
    """One connection to the journal's file. Each thread opens its own; only one of them appends."""

    def __init__(self, path: Path, *, quarantine_bytes: int = 64 * 1024 * 1024, reading: bool = False) -> None:
        """Open the file, and make it where it is new (JournalError when it cannot be opened).

        ``reading``: only to read; the file is neither made nor brought up to date.
        """
        self._path = path
        self._quarantine_bytes = quarantine_bytes
        self._keys_by_id: dict[bytes, Ed25519PublicKey] = {}
        if reading:
            self._db = open_reading(path)
            self._db.text_factory = _text
            self._forget()
            return
        with ExitStack() as undo:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)
                undo.callback(self._db.close)
                # A bit that changed on the disk may make a text no UTF-8: that costs this text, and raises nothing.
                self._db.text_factory = _text
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)
                self._add_columns()
                self._count_older()
            except (sqlite3.Error, OSError) as error:
                told = f"{path}: {error}; {_mend(error)}"
                if isinstance(error, sqlite3.Error) and is_damage(error):
                    raise DamagedError(told, path) from None
                raise JournalError(told) from None
            undo.pop_all()
        self._forget()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _add_columns(self) -> None:
        """Give a file that was made before them the columns that later versions write."""
        for table, columns in _LATER.items():
            have = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for name, kind in columns.items():
                if name not in have:
                    try:
                        self._db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
                    except sqlite3.OperationalError as error:
                        if "duplicate column" not in str(error):  # another connection may have been first
                            raise
        self._db.executescript(_EVENT_INDEXES)
        self._sort_events()

    def _sort_events(self) -> None:
        """Give events that an older version wrote their kinds, and let those go that are too many."""
        if self._db.execute("SELECT 1 FROM event WHERE kind IS NULL LIMIT 1").fetchone() is None:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            unknown = EventKind.UNKNOWN.value
            kind = _KIND.format("body")
            self._db.execute(f"UPDATE event SET kind = coalesce({kind}, '{unknown}') WHERE kind IS NULL")  # noqa: S608 - ours
            for (probe,) in self._db.execute("SELECT DISTINCT probe FROM event").fetchall():
                self._prune_events(probe)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _prune_events(self, probe: int) -> None:
        """Let the oldest events of each kind of a probe go: one kind that is told by the minute crowds no other out."""
        for (kind,) in self._db.execute("SELECT DISTINCT kind FROM event WHERE probe = ?", (probe,)).fetchall():
            self._db.execute(
                "DELETE FROM event WHERE no IN (SELECT no FROM event WHERE probe = ? AND kind = ?"
                " ORDER BY no DESC LIMIT -1 OFFSET ?)",
                (probe, kind, EVENTS_KEPT),
            )

    def _count_older(self) -> None:
        """Count what is in a file that was made before its sums were kept; a new one begins with none."""
        if self._tally("frame_bytes") is not None:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if self._tally("frame_bytes") is None:  # another connection may have been first
                for name, query in _SUMS.items():
                    self._db.execute("INSERT INTO tally VALUES(?,?)", (name, self._one(query)))
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _tally(self, name: str) -> int | None:
        rows = self._ask("SELECT value FROM tally WHERE name = ?", name)
        return int(rows[0][0]) if rows else None

    def _add(self, **more: int) -> None:
        """Add to the sums that are kept, within the transaction that changes what they sum up."""
        self._db.executemany(
            "INSERT INTO tally VALUES(?,?) ON CONFLICT DO UPDATE SET value = value + excluded.value", more.items()
        )

    def _forget(self) -> None:
        """Drop what is remembered between commits; after a failed one it may be untrue."""
        self._numbers: dict[tuple[str, str], int] = {}
        self._streams: dict[tuple[int, str], StreamPosition] = {}
        self._voices: dict[int, _Voice] = {}
        self._watching: float | None = None
        self._next_batch = 0
        self._next_seq = 0
        self._quarantined = -1
        self._quarantined_of: Counter[str] = Counter()

    # ------------------------------------------------------------ writing

    def append(
        self,
        batches: Sequence[Batch],
        refused: Sequence[Refused],
        presence: Sequence[Presence],
        received_at: float,
        health: Sequence[Report] = (),
        notices: Sequence[Notice] = (),
        accounts: Mapping[str, Account] | None = None,
        sightings: Sequence[Sighting] = (),
    ) -> int:
        """Commit durably, all or nothing (see the Protocol)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            touched: dict[tuple[int, str], StreamPosition] = {}
            new = self._append_batches(batches, received_at, touched)
            self._append_health(health, received_at, touched)
            self._append_presence(presence, received_at, touched)
            self._save_streams(touched, received_at)
            self._append_refused(refused, received_at)
            self._append_notices(notices, received_at)
            self._save_accounts(accounts or {})
            self._append_sightings(sightings)
            self._touch_watch(received_at)
            self._db.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.DataError):
            self._roll_back()
            raise
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None
        except BaseException:
            self._roll_back()
            raise
        return new

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        watching, started = self._watching, self._watching is not None
        self._forget()
        self._watching = watching if started else None

    def _append_batches(self, batches: Sequence[Batch], received_at: float, touched: _Touched) -> int:
        if not self._next_batch:
            self._next_batch = self._one("SELECT coalesce(max(no), 0) + 1 FROM batch")
        frames: list[tuple[Any, ...]] = []
        fresh = 0
        for batch in batches:
            probe = self._number("probe", "id", batch.probe)
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO measurement(probe, id, batch, place) VALUES(?,?,?,?)",
                [(probe, id64(id), self._next_batch, place) for place, id in batch.measurements],
            )
            new = self._db.total_changes - before
            if new:
                signer = self._number("signer", "public_key", batch.public_key)
                frames.append(
                    (self._next_batch, probe, signer, batch.stream, batch.sequence, received_at, batch.sent_at,
                     batch.clock_state.value, batch.historical, batch.frame, batch.clock_offset, batch.clock_doubtful)
                )  # fmt: skip
                self._next_batch += 1
                fresh += new
            if batch.events:
                kind = _KIND.format("?3")
                self._db.executemany(
                    "INSERT OR IGNORE INTO event(probe, received_at, body, kind)"
                    f" VALUES(?1, ?2, ?3, coalesce({kind}, '{EventKind.UNKNOWN.value}'))",
                    [(probe, received_at, body) for body in batch.events],
                )
                self._prune_events(probe)
            if batch.sequence:
                position = touched[probe, batch.stream] = self._stream(probe, batch.stream)
                position.note(batch.sequence)
            self._heard(probe, batch.session, batch.stream, batch.oldest, touched)
        self._db.executemany("INSERT INTO batch VALUES(?,?,?,?,?,?,?,?,?,?,?,?)", frames)
        if frames:
            self._add(frame_bytes=sum(len(frame[_FRAME]) for frame in frames))
        return fresh

    def _heard(self, probe: int, session: int, stream: str, oldest: int, touched: _Touched) -> None:
        """Take from a sealed message how far its probe's sessions have come, and what it still holds."""
        voice = self._voice(probe)
        if session > voice.session:
            # A program that does not say what it holds does not prove its states either: it was put back.
            self._speaks(probe, _Voice(session, 0, voice.proves and oldest > 0))
        if stream and oldest > 0:
            position = touched[probe, stream] = self._stream(probe, stream)
            position.holds_from(oldest)

    def _append_presence(self, presence: Sequence[Presence], received_at: float, touched: _Touched) -> None:
        for heard in presence:
            probe = self._number("probe", "id", heard.probe)
            last = self._db.execute(
                "SELECT state, session FROM presence WHERE probe = ? ORDER BY no DESC LIMIT 1", (probe,)
            ).fetchone()
            if not self._believed(probe, heard, last[1] if last else 0):
                continue
            if heard.proved:
                self._heard(probe, heard.session, heard.stream, heard.oldest, touched)
                number = heard.number or self._voice(probe).number
                self._speaks(probe, _Voice(heard.session, number, proves=True))
            if last != (heard.state.value, heard.session):
                added = self._db.execute(
                    "INSERT INTO presence(probe, received_at, state, session) VALUES(?,?,?,?)",
                    (probe, received_at, heard.state.value, heard.session),
                )
                if (added.lastrowid or 0) % _PRESENCE_LOOK == 0:
                    self._db.execute(
                        "DELETE FROM presence WHERE probe = ? AND no <= (SELECT no FROM presence WHERE probe = ?"
                        " ORDER BY no DESC LIMIT 1 OFFSET ?)",
                        (probe, probe, PRESENCE_KEPT),
                    )

    def _believed(self, probe: int, heard: Presence, last: int) -> bool:
        """Whether a state is news: no late will of an earlier session, no repeat, no forgery where proofs are given.

        The retained state comes again with each of our connections; a broker may repeat any that it ever saw. The
        session that an unproved state names counts (``last``) only as long as nothing was heard under the probe's seal:
        a forged one must not bury all that follow.
        """
        voice = self._voice(probe)
        if heard.session < (voice.session or last) or (voice.proves and not heard.proved):
            return False
        repeated = heard.session == voice.session and heard.number <= voice.number
        return not (heard.proved and voice.proves and heard.number and repeated)

    def _voice(self, probe: int) -> _Voice:
        """Return how far the sealed word of a probe has come."""
        voice = self._voices.get(probe)
        if voice is None:
            rows = self._ask("SELECT session, number, proves FROM voice WHERE probe = ?", probe)
            known = (_Voice(session, number, bool(proves)) for session, number, proves in rows)
            voice = self._voices[probe] = next(known, _Voice(0, 0, proves=False))
        return voice

    def _speaks(self, probe: int, voice: _Voice) -> None:
        self._voices[probe] = voice
        self._db.execute(
            "INSERT OR REPLACE INTO voice VALUES(?,?,?,?)", (probe, voice.session, voice.number, voice.proves)
        )

    def _append_health(self, health: Sequence[Report], received_at: float, touched: _Touched) -> None:
        if not health:
            return
        for report in health:
            probe = self._number("probe", "id", report.probe)
            self._heard(probe, report.session, report.stream, report.oldest, touched)
        self._db.executemany(
            "INSERT INTO health(probe, received_at, body) VALUES(?,?,?)",
            [
                (self._number("probe", "id", report.probe), received_at, msgspec.json.encode(report.health))
                for report in health
            ],
        )
        self._db.execute("DELETE FROM health WHERE no <= (SELECT max(no) FROM health) - ?", (_HEALTH_KEPT,))

    def _append_sightings(self, sightings: Sequence[Sighting]) -> None:
        """Keep from where a probe was seen to connect, where that has changed; an address never comes this far."""
        fresh = 0
        for seen in sightings:
            probe = self._number("probe", "id", seen.probe)
            last = self._db.execute(
                "SELECT asn, country FROM sighting WHERE probe = ? ORDER BY no DESC LIMIT 1", (probe,)
            ).fetchone()
            if last != (seen.asn, seen.country):
                self._db.execute(
                    "INSERT INTO sighting(probe, at, asn, country) VALUES(?,?,?,?)",
                    (probe, seen.at, seen.asn, seen.country),
                )
                self._db.execute(
                    "DELETE FROM sighting WHERE probe = ? AND no <= (SELECT no FROM sighting WHERE probe = ?"
                    " ORDER BY no DESC LIMIT 1 OFFSET ?)",
                    (probe, probe, KEPT_MOST),
                )
                fresh += 1
        if fresh:
            self._db.execute("DELETE FROM sighting WHERE no <= (SELECT max(no) FROM sighting) - ?", (_SIGHTINGS_KEPT,))

    def sightings(self, after: int) -> list[Sighting]:
        """Return the sightings with ``no`` above ``after``, in order."""
        rows = self._db.execute(
            "SELECT s.no, p.id, s.at, s.asn, s.country FROM sighting s JOIN probe p ON p.no = s.probe"
            " WHERE s.no > ? ORDER BY s.no",
            (after,),
        )
        return [Sighting(no=no, probe=probe, at=at, asn=asn, country=country) for no, probe, at, asn, country in rows]

    def _append_notices(self, notices: Sequence[Notice], received_at: float) -> None:
        for notice in notices:
            probe = self._number("probe", "id", notice.probe)
            last = self._db.execute(
                "SELECT no, at FROM notice WHERE probe = ? AND kind = ? ORDER BY no DESC LIMIT 1",
                (probe, notice.kind.value),
            ).fetchone()
            if last is not None and received_at - last[1] <= NOTICE_LASTS:
                self._db.execute(
                    "UPDATE notice SET at = ?, times = times + 1, detail = ? WHERE no = ?",
                    (received_at, notice.detail[:_DETAIL_MOST], last[0]),
                )
            else:
                self._db.execute(
                    "INSERT INTO notice(probe, kind, began, at, times, detail) VALUES(?,?,?,?,1,?)",
                    (probe, notice.kind.value, received_at, received_at, notice.detail[:_DETAIL_MOST]),
                )
        if notices:
            self._db.execute("DELETE FROM notice WHERE no <= (SELECT max(no) FROM notice) - ?", (_NOTICES_KEPT,))

    def _append_refused(self, refused: Sequence[Refused], received_at: float) -> None:
        if not refused:
            return
        if self._quarantined < 0:
            self._quarantined = self._tally("quarantined_bytes") or 0
            held = self._ask("SELECT probe, sum(bytes) FROM quarantine GROUP BY probe")
            self._quarantined_of = Counter(dict(held))
        rows = [(received_at, r.probe, r.topic[:300], r.reason, len(r.raw) + 200, r.raw) for r in refused]
        self._db.executemany(
            "INSERT INTO quarantine(received_at, probe, topic, reason, bytes, raw) VALUES(?,?,?,?,?,?)", rows
        )
        before = self._quarantined
        for row in rows:
            self._quarantined += row[4]
            self._quarantined_of[row[1]] += row[4]
        dropped = 0
        while self._quarantined > self._quarantine_bytes:
            # Who filled it makes room: one that is refused all day must not push out what others were refused for.
            ((most, _),) = self._quarantined_of.most_common(1)
            oldest = self._db.execute(
                "SELECT no, bytes FROM quarantine WHERE probe = ? ORDER BY no LIMIT 16", (most,)
            ).fetchall()
            if not oldest:
                del self._quarantined_of[most]
            for no, size in oldest:
                if self._quarantined <= self._quarantine_bytes:
                    break
                self._db.execute("DELETE FROM quarantine WHERE no = ?", (no,))
                self._quarantined -= size
                self._quarantined_of[most] -= size
                dropped += 1
        self._add(
            quarantined=len(rows) - dropped,
            quarantined_bytes=self._quarantined - before,
            quarantine_dropped=dropped,
        )

    def _number(self, table: str, column: str, text: str) -> int:
        """Return the small number that stands for a probe's id or a key, and give one to a new one."""
        number = self._numbers.get((table, text))
        if number is None:
            # Table and column are names of ours, not input.
            self._db.execute(f"INSERT OR IGNORE INTO {table}({column}) VALUES(?)", (text,))
            number = self._one(f"SELECT no FROM {table} WHERE {column} = ?", text)  # noqa: S608 - as above
            self._numbers[table, text] = number
        return number

    def _one(self, query: str, *arguments: Any) -> int:
        return int(self._ask(query, *arguments)[0][0])

    def _ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a question (JournalError; DamagedError where the file is no sound database)."""
        try:
            return self._db.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from None

    # ------------------------------------------------------------ quotas

    def fresh(self, probe: str, ids: Sequence[str]) -> frozenset[str]:
        """Return which measurements of a probe are not here yet: a repeat is dropped, and costs its sender nothing."""
        rows = self._ask("SELECT no FROM probe WHERE id = ?", probe)
        if not rows:
            return frozenset(ids)
        by_number = {id64(one): one for one in ids}
        known = self._ask(_KNOWN, json.dumps(list(by_number)), rows[0][0])
        return frozenset(ids) - {by_number[number] for (number,) in known}

    def accounts(self) -> dict[str, Account]:
        """Return what each probe had left when it was last written down."""
        rows = self._ask("SELECT p.id, a.pool, a.backlog, a.at FROM allowance a JOIN probe p ON p.no = a.probe")
        return {probe: Account(pool, backlog, at) for probe, pool, backlog, at in rows}

    def _save_accounts(self, accounts: Mapping[str, Account]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO allowance VALUES(?,?,?,?)",
            [(self._number("probe", "id", probe), one.pool, one.backlog, one.at) for probe, one in accounts.items()],
        )

    # ------------------------------------------------------------ streams, cursors, watch

    def position(self, probe: str, stream: str) -> Position:
        """Return what is committed of a stream."""
        rows = self._ask("SELECT no FROM probe WHERE id = ?", probe)
        if not rows:
            return Position(stream=stream, through=0)
        held = self._stream(rows[0][0], stream)
        return Position(stream=stream, through=held.through, beyond=tuple(sorted(held.beyond)))

    def _stream(self, probe: int, stream: str) -> StreamPosition:
        held = self._streams.get((probe, stream))
        if held is None:
            # The column ``oldest`` of ``stream`` is not read: earlier versions kept what anybody could have written.
            rows = self._ask(
                "SELECT s.through, s.beyond, coalesce(h.oldest, 0), coalesce(h.runs, '[]') FROM stream s"
                " LEFT JOIN held h ON h.probe = s.probe AND h.stream = s.stream WHERE s.probe = ? AND s.stream = ?",
                probe,
                stream,
            )
            held = _position_of(rows[0]) if rows else StreamPosition()
            if len(self._streams) >= _STREAMS_REMEMBERED:
                self._streams.clear()
            self._streams[probe, stream] = held
        return held

    def _save_streams(self, touched: _Touched, at: float) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO stream VALUES(?,?,?,?,?)",
            [
                (probe, stream, held.through, json.dumps(held.heard()), held.oldest)
                for (probe, stream), held in touched.items()
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO held VALUES(?,?,?,?,?)",
            [(probe, stream, held.oldest, json.dumps(held.runs), at) for (probe, stream), held in touched.items()],
        )
        for probe in {probe for probe, _ in touched}:
            self._drop_streams(probe)

    def _drop_streams(self, probe: int) -> None:
        """Forget a probe's streams beyond the newest hundred: a hostile one could begin a stream with every batch."""
        old = self._db.execute(
            "SELECT stream FROM held WHERE probe = ? ORDER BY touched DESC LIMIT -1 OFFSET ?", (probe, _STREAMS_KEPT)
        ).fetchall()
        for (stream,) in old:
            self._db.execute("DELETE FROM stream WHERE probe = ? AND stream = ?", (probe, stream))
            self._db.execute("DELETE FROM held WHERE probe = ? AND stream = ?", (probe, stream))
            self._streams.pop((probe, stream), None)

    def watch(self, at: float | None) -> None:
        """Begin to watch at ``at`` (connected to a broker), or stop: a silence counts only while we listened.

        Raises:
            JournalError: it could not be written down.
        """
        if at is None:
            self._watching = None
            return
        try:
            self._db.execute("INSERT OR REPLACE INTO watch VALUES(?,?)", (at, at))
        except sqlite3.Error as error:
            raise self._trouble(error, "not committed") from None
        self._watching = at

    def _touch_watch(self, until: float) -> None:
        if self._watching is not None:
            self._db.execute("UPDATE watch SET until = ? WHERE started = ?", (until, self._watching))

    def watched(self, before: float | None = None) -> list[tuple[float, float]]:
        """Return the last times that we listened, as intervals of UNIX seconds, oldest first.

        With ``before``, those that began before it; a few suffice to know whether the last hour was watched.
        """
        rows = self._ask(
            "SELECT started, until FROM watch WHERE started <= ? ORDER BY started DESC LIMIT ?",
            float("inf") if before is None else before,
            -1 if before is None else _WATCHES_ASKED,
        )
        return [(started, until) for started, until in reversed(rows)]

    def cursor(self, name: str) -> int:
        """Return how far the reader ``name`` has come; 0 for a new one."""
        rows = self._ask("SELECT seq FROM cursor WHERE name = ?", name)
        return int(rows[0][0]) if rows else 0

    def advance(self, name: str, seq: int) -> None:
        """Set how far the reader ``name`` has come."""
        try:
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES(?,?)", (name, seq))
        except sqlite3.Error as error:
            raise self._trouble(error, "not committed") from None

    # ------------------------------------------------------------ what was set aside

    def set_aside(self, reader: str, faults: Sequence[Fault], at: float) -> list[Fault]:
        """Remember what a reader could not deal with; returns what is new, to be told.

        Raises:
            JournalError: it could not be written down.
        """
        if not faults:
            return []
        fresh = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for fault in faults:
                known = self._db.execute(
                    "UPDATE aside SET times = times + 1, last_at = ?, error = ?"
                    " WHERE reader = ? AND place = ? AND seq = ?",
                    (at, fault.error, reader, fault.place, fault.seq),
                )
                if not known.rowcount:
                    self._db.execute(
                        "INSERT INTO aside(reader, seq, place, error, first_at, last_at, times, rows)"
                        " VALUES(?,?,?,?,?,?,1,?)",
                        (reader, fault.seq, fault.place, fault.error, at, at, fault.rows),
                    )
                    fresh.append(fault)
            self._add(set_aside=sum(fault.rows for fault in fresh))
            self._db.execute("DELETE FROM aside WHERE no <= (SELECT max(no) FROM aside) - ?", (_ASIDE_KEPT,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None
        return fresh

    def take_up(self, reader: str) -> None:
        """Forget what a reader had set aside: it begins anew (JournalError where that cannot be written)."""
        try:
            self._db.execute("DELETE FROM aside WHERE reader = ?", (reader,))
        except sqlite3.Error as error:
            raise self._trouble(error, "not committed") from None

    def hand_on(self, reader: str, other: str) -> None:
        """Put what one reader set aside in the place of what another had (JournalError as above)."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM aside WHERE reader = ?", (other,))
            self._db.execute("UPDATE aside SET reader = ? WHERE reader = ?", (other, reader))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise self._trouble(error, "not committed") from None

    def asides(self, most: int = 100) -> list[Aside]:
        """Return the newest things that were set aside."""
        rows = self._ask(
            "SELECT reader, seq, place, error, rows, first_at, last_at, times FROM aside ORDER BY no DESC LIMIT ?", most
        )
        return [
            Aside(
                reader=reader,
                fault=Fault(place=place, seq=seq, error=error, rows=rows),
                first_at=first,
                last_at=last,
                times=times,
            )
            for reader, seq, place, error, rows, first, last, times in rows
        ]

    def aside_counts(self) -> dict[str, int]:
        """Return how many things each reader has set aside and not dealt with since."""
        return dict(self._ask("SELECT reader, sum(rows) FROM aside GROUP BY reader"))

    # ------------------------------------------------------------ reading

    def piece(self, after: int, most: int) -> Piece:
        """Return a stretch of the journal (see the Protocol).

        Raises:
            DamagedError: the file is damaged so that what lies behind cannot be found.
        """
        pointers, broken = self._pointers(after, most)
        if not pointers and broken is not None:
            following = self._behind(after)
            lost = Fault(
                place="journal",
                seq=after + 1,
                rows=following - after - 1,
                error=f"rows {after + 1} to {following - 1} cannot be read: {broken}",
            )
            return Piece(damaged=(lost,), through=following - 1, ended=False)
        rows: list[JournalRow] = []
        damaged: list[Fault] = []
        for batch, group in groupby(pointers, key=itemgetter(3)):
            self._unpack(batch, [Pointer(*one[:3]) for one in group], rows, damaged)
        through = pointers[-1][0] if pointers else after
        ended = len(pointers) < most and broken is None
        return Piece(rows=tuple(rows), damaged=tuple(damaged), through=through, ended=ended)

    def _pointers(self, after: int, most: int) -> tuple[list[tuple[int, int, int, int]], sqlite3.Error | None]:
        """Return (seq, id, place, batch) of the rows behind ``after`` up to where they cannot be read, and why."""
        found: list[tuple[int, int, int, int]] = []
        try:
            for row in self._db.execute(
                "SELECT seq, id, place, batch FROM measurement WHERE seq > ? ORDER BY seq LIMIT ?", (after, most)
            ):
                found.append(row)  # noqa: PERF402 - what came before the damage is kept
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            # The module steps ahead of the row that it gives, so that the last sound one went down with the step.
            sound = self._pointer((found[-1][0] if found else after) + 1)
            return [*found, *([sound] if sound else [])], error
        return found, None

    def _pointer(self, seq: int) -> tuple[int, int, int, int] | None:
        """Return (seq, id, place, batch) of one row by its number; ``None`` where there is none, or it is damaged."""
        try:
            found = self._db.execute("SELECT seq, id, place, batch FROM measurement WHERE seq = ?", (seq,)).fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            return None
        return None if found is None else (found[0], found[1], found[2], found[3])

    def _behind(self, after: int) -> int:
        """Return the first row that can be read behind damage which begins at ``after`` (DamagedError: none can)."""
        head = self.head()
        unread, step = after, 1
        while True:
            readable = min(unread + step, head)
            if self._pointer(readable) is not None:
                break
            if readable >= head:
                raise DamagedError(f"{self._path}: nothing behind row {after} can be read", self._path)
            unread, step = readable, step * 2
        while readable - unread > 1:
            middle = (unread + readable) // 2
            if self._pointer(middle) is not None:
                readable = middle
            else:
                unread = middle
        return readable

    def read(self, after: int, most: int) -> list[JournalRow]:
        """Return the measurements that can be read of a stretch (see the Protocol)."""
        return list(self.piece(after, most).rows)

    def rows(self, places: Sequence[int]) -> list[JournalRow]:
        """Return the measurements at given places, in order; unknown and damaged ones are left out."""
        pointers: list[tuple[int, int, int, int]] = []
        for seq in sorted(set(places)):
            found = self._pointer(seq)
            pointers.extend([found] if found else [])
        rows: list[JournalRow] = []
        for batch, group in groupby(pointers, key=itemgetter(3)):
            self._unpack(batch, [Pointer(*one[:3]) for one in group], rows, [])
        return rows

    def find(self, measurement_id: str) -> JournalRow | None:
        """Return one measurement by its id, for evidence; ``None`` where there is none, or it is damaged."""
        found = self._find(measurement_id)
        return found[0] if found else None

    def _find(self, measurement_id: str) -> tuple[JournalRow, int] | None:
        """Return one measurement by its id, and the number of its batch."""
        if not measurement_id or any(c not in "0123456789abcdef" for c in measurement_id) or len(measurement_id) != 32:
            return None
        try:
            pointers = self._db.execute(
                "SELECT m.seq, m.id, m.place, m.batch FROM probe p JOIN measurement m ON m.probe = p.no AND m.id = ?",
                (id64(measurement_id),),
            ).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            return None
        for *pointer, batch in pointers:
            rows: list[JournalRow] = []
            self._unpack(batch, [Pointer(*pointer)], rows, [])
            for row in rows:
                if row.measurement.id == measurement_id:
                    return row, batch
        return None

    def frame_of(self, measurement_id: str) -> tuple[bytes, str] | None:
        """Return the sealed frame that holds a measurement, and the public key it verifies against."""
        found = self._find(measurement_id)
        if found is None:
            return None
        ((frame,),) = self._ask("SELECT frame FROM batch WHERE no = ?", found[1])
        key = self._key(signer(frame))
        return None if key is None else (frame, public_bytes(key).hex())

    def _unpack(self, batch: int, wanted: list[Pointer], rows: list[JournalRow], damaged: list[Fault]) -> None:
        """Open one frame, and sort what is wanted of it into what is sound and what is damaged."""
        try:
            opened, taken = self._open(batch)
        except DamageError as error:
            damaged.extend(Fault(place="journal", seq=one.seq, error=f"batch {batch}: {error}") for one in wanted)
            return
        for pointer in wanted:
            try:
                rows.append(opened.row(pointer, taken))
            except DamageError as error:
                damaged.append(Fault(place="journal", seq=pointer.seq, error=f"batch {batch}: {error}"))

    def _open(self, batch: int) -> tuple[Opened, Taken]:
        """Return a verified frame, and what was noted when it was taken in (DamageError)."""
        try:
            found = self._db.execute(
                "SELECT received_at, clock_offset, clock_doubtful, frame FROM batch WHERE no = ?", (batch,)
            ).fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._trouble(error) from None
            raise DamageError(f"its page cannot be read ({error})") from None
        if found is None:
            raise DamageError("it is gone")
        received_at, offset, doubtful, frame = found
        opened = Opened(frame, self._key)
        if not isinstance(received_at, float) or not 0.0 < received_at < _LATEST:
            raise DamageError("when it was received is lost")
        if offset is None:
            sealed = opened.envelope
            offset = _offset_of_older(received_at, sealed.sent_at, sealed.clock_state, historical=sealed.historical)
        if not isinstance(offset, float) or not -_LATEST < offset < _LATEST:
            raise DamageError("how far its probe's clock was off is lost")
        return opened, Taken(received_at, offset, bool(doubtful))

    def _key(self, key_id: bytes) -> Ed25519PublicKey | None:
        """Return the public key that a frame names; read again where it is unknown, for another thread adds some."""
        if key_id not in self._keys_by_id:
            for (text,) in self._ask("SELECT public_key FROM signer"):
                with contextlib.suppress(ValueError):  # a damaged one, which no frame names
                    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
                    self._keys_by_id[signing_id(key)] = key
        return self._keys_by_id.get(key_id)

    def _trouble(self, error: sqlite3.Error, what: str = "not read") -> JournalError:
        """Return a database error as our own, with its mend."""
        told = f"{self._path}: {what}: {error}; {_mend(error)}"
        return DamagedError(told, self._path) if is_damage(error) else JournalError(told)

    def presence(self, after: float, until: float) -> list[PresenceRow]:
        """Return the state messages received in (after, until], in order."""
        rows = self._ask(
            "SELECT s.received_at, p.id, s.state FROM presence s JOIN probe p ON p.no = s.probe"
            " WHERE s.received_at > ? AND s.received_at <= ? ORDER BY s.no",
            after,
            until,
        )
        return [_presence_row(*row) for row in rows if row[2] in _STATES]

    def latest_presence(self) -> dict[str, PresenceRow]:
        """Return the last state message of each probe."""
        rows = self._ask(
            "SELECT s.received_at, p.id, s.state FROM probe p JOIN presence s"
            " ON s.no = (SELECT max(no) FROM presence WHERE probe = p.no)"
        )
        return {row[1]: _presence_row(*row) for row in rows if row[2] in _STATES}

    def health(self, after: int, most: int) -> list[HealthRow]:
        """Return up to ``most`` health reports with ``no`` above ``after``, in order, without damaged ones."""
        while True:
            rows = self._ask(
                "SELECT h.no, h.received_at, p.id, h.body FROM health h JOIN probe p ON p.no = h.probe"
                " WHERE h.no > ? ORDER BY h.no LIMIT ?",
                after,
                most,
            )
            found = [row for row in itertools.starmap(_health_row, rows) if row is not None]
            if found or not rows:
                return found
            after = rows[-1][0]

    def latest_health(self) -> dict[str, HealthRow]:
        """Return the last health report of each probe."""
        rows = self._ask(
            "SELECT h.no, h.received_at, p.id, h.body FROM probe p JOIN health h"
            " ON h.no = (SELECT max(no) FROM health WHERE probe = p.no)"
        )
        found = itertools.starmap(_health_row, rows)
        return {row.probe: row for row in found if row is not None}

    def events(self, after: int, most: int) -> list[EventRow]:
        """Return up to ``most`` events of any probe with ``no`` above ``after``, in order, without damaged ones."""
        while True:
            rows = self._ask(
                "SELECT e.no, e.received_at, p.id, e.body FROM event e JOIN probe p ON p.no = e.probe"
                " WHERE e.no > ? ORDER BY e.no LIMIT ?",
                after,
                most,
            )
            found = [row for row in itertools.starmap(_event_row, rows) if row is not None]
            if found or not rows:
                return found
            after = rows[-1][0]

    def events_of(self, probe: str, most: int, kind: EventKind | None = None) -> list[EventRow]:
        """Return the newest events of one probe (of one kind where that is given), the newest first."""
        only = " AND e.kind = ?" if kind is not None else ""
        rows = self._ask(
            "SELECT e.no, e.received_at, p.id, e.body FROM probe p JOIN event e ON e.probe = p.no"  # noqa: S608 - as above
            f" WHERE p.id = ?{only} ORDER BY e.no DESC LIMIT ?",
            *((probe,) if kind is None else (probe, kind.value)),
            most,
        )
        return [row for row in itertools.starmap(_event_row, rows) if row is not None]

    def last_event(self) -> int:
        """Return the position of the newest event; 0 where there is none."""
        return self._one("SELECT coalesce(max(no), 0) FROM event")

    def latest_notices(self) -> dict[str, tuple[NoticeRow, ...]]:
        """Return the newest notice of each kind, by probe."""
        rows = self._db.execute(
            "SELECT n.no, p.id, n.kind, n.began, n.at, n.times, n.detail FROM notice n JOIN probe p ON p.no = n.probe"
            " WHERE n.no = (SELECT max(no) FROM notice WHERE probe = n.probe AND kind = n.kind)"
            " ORDER BY n.at DESC, n.no"
        )
        found: dict[str, tuple[NoticeRow, ...]] = {}
        for no, probe, kind, began, at, times, detail in rows:
            if kind not in _NOTICED:
                continue
            row = NoticeRow(no=no, probe=probe, kind=NoticeKind(kind), began=began, at=at, times=times, detail=detail)
            found[probe] = (*found.get(probe, ()), row)
        return found

    def last_health(self) -> int:
        """Return the position of the newest health report; 0 where there is none."""
        return self._one("SELECT coalesce(max(no), 0) FROM health")

    def head(self) -> int:
        """Return the seq of the last measurement; 0 for an empty journal."""
        return self._one("SELECT coalesce(max(seq), 0) FROM measurement")

    def totals(self) -> Totals:
        """Say how much was ever taken, without counting rows."""
        last = self._ask("SELECT received_at FROM batch ORDER BY no DESC LIMIT 1")
        return Totals(
            measurements=self.head(),
            batches=self._one("SELECT coalesce(max(no), 0) FROM batch"),
            events=self.last_event(),
            refused=self._one("SELECT coalesce(max(no), 0) FROM quarantine"),
            refused_dropped=self._tally("quarantine_dropped") or 0,
            set_aside=self._tally("set_aside") or 0,
            health=self.last_health(),
            last_received=float(last[0][0]) if last else None,
        )

    def counts(self) -> Counts:
        """Say what is here, without counting rows.

        Measurements and batches are numbered from 1 and never removed, so the last number is the count; that of events,
        the oldest of which make room, is how many there ever were. Sums are kept in the transactions that change them.
        """
        totals = self.totals()
        return Counts(
            measurements=totals.measurements,
            batches=totals.batches,
            frame_bytes=self._tally("frame_bytes") or 0,
            quarantined=self._tally("quarantined") or 0,
            quarantined_bytes=self._tally("quarantined_bytes") or 0,
            quarantine_dropped=totals.refused_dropped,
            events=totals.events,
            cursors=dict(self._ask("SELECT name, seq FROM cursor")),
            set_aside=self.aside_counts(),
        )

    def quarantine(self, most: int = 100) -> list[tuple[float, str, str, str]]:
        """Return the newest refusals: time, probe, topic and reason."""
        rows = self._ask("SELECT received_at, probe, topic, reason FROM quarantine ORDER BY no DESC LIMIT ?", most)
        return [(at, probe, topic, reason) for at, probe, topic, reason in rows]


def _health_row(no: int, received_at: float, probe: str, body: bytes) -> HealthRow | None:
    """Return one health report; ``None`` for one that was damaged on the disk."""
    try:
        return HealthRow(no=no, received_at=received_at, probe=probe, health=_HEALTH.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _event_row(no: int, received_at: float, probe: str, body: bytes) -> EventRow | None:
    """Return one event; ``None`` for one that was damaged on the disk."""
    try:
        return EventRow(no=no, received_at=received_at, probe=probe, event=_EVENT.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _position_of(row: tuple[Any, ...]) -> StreamPosition:
    """Return a stream's position; where it was damaged on the disk, nothing of it counts: the probe sends it again."""
    try:
        return StreamPosition(row[0], json.loads(row[1]), row[2], json.loads(row[3]))
    except (ValueError, TypeError):
        return StreamPosition()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _presence_row(at: float, probe: str, state: str) -> PresenceRow:
    return PresenceRow(at=at, probe=probe, state=Lifecycle(state))


def _mend(error: Exception) -> str:
    """What the operator does about a database error."""
    text = str(error)
    if "full" in text or "No space" in text:
        return "make room on that disk; nothing is lost, the collector tries again"
    if "readonly" in text or "unable to open" in text or "Permission" in text:
        return "make the folder writable for the collector's user"
    if "malformed" in text or "not a database" in text:
        return "start the collector again: it makes the file anew from what can be read of it"
    return "see whether another program holds the file; the collector tries again"
