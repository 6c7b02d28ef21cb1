"""The auditor: what was recorded and what arrived, counted independently of the programs that say so."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_lab.compare import tally
from balise_wire.box import Boxer, private_key, public_hex
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer

_SPOOL = """
CREATE TABLE pending (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, notable INTEGER, at REAL, body BLOB);
CREATE TABLE batch (sequence INTEGER PRIMARY KEY AUTOINCREMENT, frame BLOB);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
INSERT INTO meta VALUES ('stream', '00');
"""
ONE, TWO, THREE = "00000000000000010000000000000000", "f" * 32, "2" * 32


def spool(path: Path) -> sqlite3.Connection:
    """Make a spool as a probe does."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(_SPOOL)
    return database


def record(database: sqlite3.Connection, identifier: str, kind: str = "measurement") -> None:
    """Record a measurement as a probe does."""
    body = json.dumps({"id": identifier}).encode()
    database.execute("INSERT INTO pending (kind, notable, at, body) VALUES (?, 1, 0, ?)", (kind, body))


def test_what_is_recorded_is_noted_even_when_the_probe_forgets_it(tmp_path: Path) -> None:
    """The note is made in the recording's own commit and outlives the row; events are not counted."""
    path = tmp_path / tally.SPOOL
    assert not tally.watch(path)
    with closing(spool(path)) as database:
        record(database, ONE)
        assert tally.watch(path)
        assert tally.watch(path)
        record(database, TWO)
        record(database, THREE, "event")
        database.execute("DELETE FROM pending")
    assert tally.recorded(path) == {ONE, TWO}


def test_what_is_boxed_is_counted_with_the_collectors_secret(tmp_path: Path) -> None:
    """A real probe's spool, which nobody else reads: each record counts once, in a batch or before."""
    collector = Ed25519PrivateKey.generate()
    own = Ed25519PrivateKey.generate()
    for name, key in (("collector.key", collector), ("probe.key", own)):
        (tmp_path / name).write_text(key.private_bytes_raw().hex(), encoding="ascii")
    database = sqlite3.connect(tmp_path / tally.SPOOL, isolation_level=None)
    database.executescript(f"{_SPOOL}CREATE TABLE boxed (id INTEGER PRIMARY KEY, kind TEXT, frame BLOB);")
    boxer = Boxer(public_hex(private_key(collector.private_bytes_raw()).public_key()))
    with closing(database):
        assert tally.watch(tmp_path / tally.SPOOL)
        for identifier in (ONE, TWO):
            body = msgspec.Raw(json.dumps([{"id": identifier}]).encode())
            envelope = Envelope(kind=Kind.MEASUREMENT, id="0" * 32, probe="k7m2q9xd", sent_at=0.0, body=body)
            box = boxer.box(Sealer(own).seal(encode_envelope(envelope)))
            database.execute("INSERT INTO boxed (kind, frame) VALUES ('measurement', ?)", (box,))
        database.execute("DELETE FROM boxed")
    assert tally.recorded(tmp_path / tally.SPOOL, tally.Keys(tmp_path, tmp_path)) == {ONE, TWO}


def test_a_spool_that_is_still_being_made_is_asked_again(tmp_path: Path) -> None:
    """Its tables come one by one, and one without a trigger would not be counted: its stream is written down last."""
    path = tmp_path / tally.SPOOL
    with closing(spool(path)) as database:
        database.execute("DELETE FROM meta")
        assert not tally.watch(path)
        database.execute("CREATE TABLE boxed (kind TEXT, frame BLOB)")
        database.execute("INSERT INTO meta VALUES ('stream', '00')")
        assert tally.watch(path)
        assert database.execute("SELECT count(*) FROM lab_boxed").fetchone() == (0,)


def test_a_rolled_back_recording_is_not_noted(tmp_path: Path) -> None:
    """What was never committed was never recorded."""
    path = tmp_path / tally.SPOOL
    with closing(spool(path)) as database:
        assert tally.watch(path)
        database.execute("BEGIN")
        record(database, ONE)
        database.execute("ROLLBACK")
    assert tally.recorded(path) == frozenset()


def test_counts_tell_missing_repeated_and_unknown_apart() -> None:
    """Exactly once means: none missing, none twice; and ids of two probes are not mixed up."""
    rows = {"a": [tally.id64(ONE), tally.id64(ONE), tally.id64(THREE)]}
    counts = tally.count({"a": [ONE, TWO], "b": [ONE]}, rows, 4)
    assert counts == tally.Counts(recorded=3, journalled=3, missing=2, repeated=1, unknown=1, quarantined=4)


def test_ids_are_cut_as_the_journal_cuts_them() -> None:
    """The first 64 bits, as a signed number."""
    assert tally.id64(ONE) == 1
    assert tally.id64(TWO) == -1
