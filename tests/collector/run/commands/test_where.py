"""``balise-collector where``: places of boxes, from the journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal


def test_where_nothing_was_collected_or_asked_it_says_so(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    """With the mend; a program is told nothing."""
    assert "nothing was collected" in run("where")[2]
    SqliteRegistry(tmp_path / "state" / "fleet.sqlite").close()
    SqliteJournal(tmp_path / "state" / "journal.sqlite").close()
    status, out, _ = run("where")
    assert status == 0
    assert out.splitlines()[1].startswith("nothing was looked for; ask for it: balise-collector request")
    assert run("where", "--json")[1] == ""
