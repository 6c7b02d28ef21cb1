"""The tables of the journal's file, and how a file of an earlier version comes to have them.

Must not live here: rows (the modules beside this one, by subject).
"""

import sqlite3
from typing import Final

from balise_collector.journal.sqlite.events import KIND_OF_BODY, prune
from balise_collector.system.migrations import Migration, bring_up, columns
from balise_wire.status import EventKind

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
CREATE INDEX IF NOT EXISTS health_at ON health(received_at, probe);
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
_EVENT_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS event_kind ON event(probe, kind, no);
CREATE INDEX IF NOT EXISTS event_probe ON event(probe, no);
CREATE INDEX IF NOT EXISTS event_unsorted ON event(no) WHERE kind IS NULL;
"""
"""Of a column that an older file is given first. The last: rows that an older version wrote, which knew no kinds."""


def make(db: sqlite3.Connection) -> None:
    """Make what the file lacks (sqlite3.Error)."""
    db.executescript(_SCHEMA)
    bring_up(db, _LATER)
    db.executescript(_EVENT_INDEXES)
    bring_up(db, _ONCE)


def _has_unsorted_events(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM event WHERE kind IS NULL LIMIT 1").fetchone() is not None


def _sort_events(db: sqlite3.Connection) -> None:
    """Give events that an older version wrote their kinds, and let those go that are too many."""
    kind = KIND_OF_BODY.format("body")
    unknown = EventKind.UNKNOWN.value
    db.execute(f"UPDATE event SET kind = coalesce({kind}, '{unknown}') WHERE kind IS NULL")  # noqa: S608 - ours
    for (probe,) in db.execute("SELECT DISTINCT probe FROM event").fetchall():
        prune(db, probe)


def _is_uncounted(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM tally WHERE name = 'frame_bytes'").fetchone() is None


def _count(db: sqlite3.Connection) -> None:
    """Count what is in a file that was made before its sums were kept; a new one begins with none."""
    for name, query in _SUMS.items():
        db.execute("INSERT INTO tally VALUES(?,?)", (name, db.execute(query).fetchone()[0]))


_LATER: Final = (
    columns("batch", {"clock_offset": "REAL", "clock_doubtful": "INTEGER"}),
    columns("event", {"kind": "TEXT"}),
)
"""Columns that the first version of a table had not; NULL in the rows that it wrote."""
_ONCE: Final = (Migration(_has_unsorted_events, _sort_events), Migration(_is_uncounted, _count))
