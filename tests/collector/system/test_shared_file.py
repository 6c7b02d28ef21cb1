"""A file that several programs open and write at once: none of them is told that it is locked."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.shared_file import make_tables, open_shared, transaction

APPROVE = """
import sys
from pathlib import Path
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.members import Member
from balise_wire.measurement import Network
sys.stdin.read(1)
for number in range(5):
    registry = SqliteRegistry(Path(sys.argv[1]))
    name = f"{sys.argv[2]}{number}"
    registry.approve(Member(id=name, public_key="ab" * 32, network=Network(country="PK", asn=64501)))
    registry.close()
"""


@pytest.mark.slow
def test_programs_that_start_together_all_get_their_turn(tmp_path: Path) -> None:
    """Six at once on a file that does not exist yet: two approvals once gave "database is locked"."""
    path = tmp_path / "state" / "fleet.sqlite"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", APPROVE, str(path), f"probe{letter}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for letter in "abcdef"
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go")
        program.stdin.flush()
    told = [program.communicate(timeout=90)[1] for program in programs]
    assert told == [""] * 6
    with closing(SqliteRegistry(path)) as registry:
        assert len(registry.fleet().members) == 30
    assert path.stat().st_mode & 0o777 == 0o600
    assert [left.name for left in path.parent.iterdir() if left.name.endswith(".new")] == []


def bring_up(db: sqlite3.Connection) -> None:
    """Make one table."""
    make_tables(db, "CREATE TABLE IF NOT EXISTS word(text TEXT);")


def test_a_change_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """What fails in the middle leaves nothing behind, and the next one works."""
    path = tmp_path / "words.sqlite"
    with closing(open_shared(path, bring_up)) as db:

        def fail() -> None:
            with transaction(db, path):
                db.execute("INSERT INTO word VALUES('half')")
                db.execute("INSERT INTO nowhere VALUES(1)")

        with pytest.raises(JournalError, match="make room"):
            fail()
        with transaction(db, path):
            db.execute("INSERT INTO word VALUES('whole')")
        assert db.execute("SELECT text FROM word").fetchall() == [("whole",)]


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "words.sqlite"
    path.write_text("not a database, but long enough to be looked at as one: " * 20)
    with pytest.raises(ConfigError, match=r"words\.sqlite"):
        open_shared(path, bring_up)
