"""The tables of the registry's file, and how a file of an earlier version comes to have them.

Must not live here: rows (the modules beside this one, by subject).
"""

import sqlite3
from typing import Final

from balise_collector.fleet.registry.sqlite import requests, tokens, watches
from balise_collector.fleet.registry.sqlite.members import LATER
from balise_collector.system.migrations import Migration, bring_up, columns
from balise_collector.system.shared_file import make_tables

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
_LATER_OF_ASSIGNMENT: Final = {
    "interval": "INTEGER NOT NULL DEFAULT 0",
    "halted": "INTEGER NOT NULL DEFAULT 0",
    "turned": "INTEGER NOT NULL DEFAULT 0",
    "left_out": "TEXT NOT NULL DEFAULT '{}'",
}
"""Columns of ``assignment`` that the first version did not have."""


def make(db: sqlite3.Connection) -> None:
    """Make what the file lacks, within the transaction that is open."""
    make_tables(db, _TABLES)
    make_tables(db, tokens.TABLES)
    make_tables(db, requests.TABLES)
    make_tables(db, watches.TABLES)
    bring_up(db, _STEPS)


_UNPLACED: Final = "FROM member WHERE NOT EXISTS (SELECT 1 FROM record WHERE probe = member.id)"


def _has_unplaced(db: sqlite3.Connection) -> bool:
    return db.execute(f"SELECT 1 {_UNPLACED} LIMIT 1").fetchone() is not None


def _place(db: sqlite3.Connection) -> None:
    """Give members a record of where they stand now: an earlier version knew nothing of where they stood before."""
    db.execute(f"INSERT INTO record SELECT id, 0, country, asn, access, region, role {_UNPLACED}")


_STEPS: Final = (
    columns("member", LATER),
    columns("token", tokens.LATER),
    columns("assignment", _LATER_OF_ASSIGNMENT),
    Migration(_has_unplaced, _place),
)
