"""What the collector's files ask of InfluxDB, read by SQL; and which of its readers are behind."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from balise_lab.centre import influx
from balise_lab.compare import points

_DERIVED = """
CREATE TABLE verdict(seq INTEGER PRIMARY KEY, at REAL, layer TEXT, change INTEGER, body BLOB);
CREATE TABLE incident(id TEXT, revision INTEGER, change INTEGER, body BLOB);
INSERT INTO incident VALUES('i1', 1, 3, '{"state":"open","witnesses":2}'), ('i1', 2, 5, '{"state":"closed"}');
INSERT INTO incident VALUES('i2', 1, 3, '{"state":"unconfirmed","witnesses":1}');
INSERT INTO incident VALUES('i3', 1, 3, '{"state":"open","witnesses":2}');
INSERT INTO incident VALUES('i3', 2, 3, '{"state":"unconfirmed","witnesses":1}');
INSERT INTO incident VALUES('i3', 3, 3, '{"state":"closed","witnesses":1}');
"""
_JOURNAL = """
CREATE TABLE probe(no INTEGER PRIMARY KEY, id TEXT);
CREATE TABLE health(no INTEGER PRIMARY KEY, probe INTEGER, received_at REAL);
CREATE TABLE batch(no INTEGER PRIMARY KEY, sent_at REAL, received_at REAL, historical INTEGER);
CREATE TABLE measurement(seq INTEGER PRIMARY KEY, batch INTEGER);
CREATE TABLE cursor(name TEXT PRIMARY KEY, seq INTEGER);
INSERT INTO probe VALUES(1, 'p1');
INSERT INTO health VALUES(7, 1, 1000.5);
INSERT INTO batch VALUES(1, 10.0, 11.0, 0), (2, 10.0, 900.0, 1);
INSERT INTO measurement VALUES(1, 1), (2, 1), (3, 2);
"""
POINTS, ROLLUPS = f"influx:{influx.URL}#{influx.POINTS}", f"influx:{influx.URL}#{influx.ROLLUPS}"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return a journal and a derived store with two verdicts, one incident and one health report."""
    journal, derived = tmp_path / "journal.sqlite", tmp_path / points.DERIVED
    with closing(sqlite3.connect(journal)) as database:
        database.executescript(_JOURNAL)
    with closing(sqlite3.connect(derived, isolation_level=None)) as database:
        database.executescript(_DERIVED)
        for seq, at, layer, change in ((1, 3599.25, "tls", 1), (2, 3600.0, "line", 4)):
            body = json.dumps({"measurement": f"m{seq}"}).encode()
            database.execute("INSERT INTO verdict VALUES(?,?,?,?,?)", (seq, at, layer, change, body))
    return journal, derived


def test_every_kind_of_point_has_its_keys(files: tuple[Path, Path]) -> None:
    """An id and its microsecond, an incident and each of its revisions, a window and how many verdicts are in it."""
    wanted = points.wanted(*files)
    assert wanted["balise_verdict"] == {"m1 3599250000": 1, "m2 3600000000": 1}
    assert wanted["balise_line"] == {"m2": 1}
    assert wanted["balise_health"] == {"p1 1000500000": 1}
    # What one witness saw is told to nobody; what was told and has lost its second witness is taken back once.
    assert wanted["balise_incident"] == {"i1 1": 1, "i1 2": 1, "i3 1": 1, "i3 2": 1}
    assert wanted["balise_event"] == {"i1": 2, "i3": 2}
    assert wanted["balise_annotation"] == {"i1": 1, "i3": 1}
    assert wanted["balise_rollup 5m"] == {"3300": 1, "3600": 1}
    assert wanted["balise_rollup 1h"] == {"0": 1, "3600": 1}


def test_a_reader_that_is_behind_is_named(files: tuple[Path, Path]) -> None:
    """Points go to the newest change, roll-ups to the newest verdict; a reader without a cursor is behind."""
    journal, derived = files
    assert len(points.behind(journal, derived)) == 4
    with closing(sqlite3.connect(journal, isolation_level=None)) as database:
        cursors = {POINTS: 5, f"{POINTS}:health": 7, f"{ROLLUPS}:5m": 4, f"{ROLLUPS}:1h": 3}
        database.executemany("INSERT INTO cursor VALUES(?,?)", cursors.items())
    assert points.behind(journal, derived) == [f"{ROLLUPS}:1h"]


def test_what_waited_in_a_probe_says_nothing_of_the_ingest(files: tuple[Path, Path]) -> None:
    """Batches sent after an outage of the probe's own are old on arrival; they are left out."""
    assert [(one.sent, one.received, one.measurements) for one in points.arrivals(files[0])] == [(10.0, 11.0, 2)]
