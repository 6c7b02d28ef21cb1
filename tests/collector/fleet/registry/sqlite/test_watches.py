"""Watch windows are kept, end when the operator says so, and stay to be shown; by each back end alike."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from tests.collector.fleet.registry.memory import MemoryRegistry
from tests.collector.fleet.test_watches import NOW, window


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_the_registry_keeps_them_and_ends_them(tmp_path: Path, kind: str) -> None:
    """One that is on ends now and stays to be shown; one that has not begun never was."""
    with closing(SqliteRegistry(tmp_path / "fleet.sqlite") if kind == "sqlite" else MemoryRegistry()) as registry:
        registry.add_watch(window())
        registry.add_watch(window(id="00000002", since=NOW - 60.0))
        assert [one.id for one in registry.watches()] == ["00000002", "00000001"]
        assert registry.end_watch("00000002", NOW)
        assert registry.end_watch("00000001", NOW)
        assert not registry.end_watch("00000001", NOW)
        (left,) = registry.watches()
        assert (left.id, left.until) == ("00000002", NOW)


def test_a_file_of_an_earlier_version_that_is_only_read_has_none(tmp_path: Path) -> None:
    """The public view may be started before the collector has brought the file up to date."""
    file = tmp_path / "fleet.sqlite"
    SqliteRegistry(file).close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("DROP TABLE watch")
        db.commit()
    with closing(SqliteRegistry(file, reading=True)) as registry:
        assert registry.watches() == []
