"""The tables of ``derived.sqlite``, and how a file of an earlier version comes to have them.

Must not live here: rows (the modules beside this one, by subject).
"""

import logging
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from balise_collector.conclude.store.sqlite import counts, incidents
from balise_collector.system.migrations import Migration, bring_up

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS verdict(
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, probe TEXT NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL,
  service TEXT NOT NULL, role TEXT NOT NULL, layer TEXT NOT NULL, reference INTEGER NOT NULL, state TEXT NOT NULL,
  change INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS verdict_at ON verdict(at, country, service, asn, role, layer, state);
CREATE INDEX IF NOT EXISTS verdict_probe ON verdict(probe, at);
CREATE INDEX IF NOT EXISTS verdict_change ON verdict(change);
CREATE TABLE IF NOT EXISTS incident(
  id TEXT NOT NULL, revision INTEGER NOT NULL, noted_at REAL NOT NULL, change INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(id, revision)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS incident_change ON incident(change);
CREATE INDEX IF NOT EXISTS incident_unwitnessed ON incident(id)
  WHERE json_extract(CAST(body AS TEXT), '$.witnesses') IS NULL;
CREATE TABLE IF NOT EXISTS memory(name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tally(
  day INTEGER NOT NULL, country TEXT NOT NULL, asn INTEGER NOT NULL, reference INTEGER NOT NULL, service TEXT NOT NULL,
  role TEXT NOT NULL, layer TEXT NOT NULL, state TEXT NOT NULL, counts BLOB NOT NULL,
  PRIMARY KEY(day, country, asn, reference, service, role, layer, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS total(state TEXT PRIMARY KEY, verdicts INTEGER NOT NULL) WITHOUT ROWID;
"""
_TALLIED: Final = 2
"""``user_version`` of a file whose tally and totals count its verdicts; one that was made before they did has less."""
_log = logging.getLogger(__name__)


def make(db: sqlite3.Connection, path: Path) -> None:
    """Make what the file lacks (sqlite3.Error); ``path`` is its name in the log."""

    def count(within: sqlite3.Connection) -> None:
        """Count the verdicts of a file that was made before they were counted as they came."""
        found = counts.count_anew(within)
        within.execute(f"PRAGMA user_version = {_TALLIED}")
        if found:
            _log.info("%s: counted %d verdicts of an earlier version", path, found)

    def confirm(within: sqlite3.Connection) -> None:
        """Give the incidents that an earlier version wrote the witnesses that can be known of them."""
        if revisions := incidents.confirm(within):
            _log.info("%s: %d revisions of incidents say now whether they are confirmed", path, revisions)

    db.executescript(_SCHEMA)
    bring_up(db, (Migration(_is_uncounted, count), Migration(incidents.is_unwitnessed, confirm)))
    begin(db)


def _is_uncounted(db: sqlite3.Connection) -> bool:
    return int(db.execute("PRAGMA user_version").fetchone()[0]) < _TALLIED


def begin(db: sqlite3.Connection) -> None:
    """Give an empty store a beginning of its own: a reader that stood in another one must not skip what comes."""
    if db.execute("SELECT 1 FROM verdict UNION ALL SELECT 1 FROM incident LIMIT 1").fetchone() is None:
        named = b"%d" % (secrets.randbits(52) + 1)
        db.execute("INSERT OR IGNORE INTO memory VALUES('generation', ?)", (named,))
