"""``balise-collector servers``: addresses, networks and their source, from the journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from tests.collector.afternoon import Afternoon


@pytest.mark.slow
def test_servers_are_told_with_the_tables_source(
    run: Callable[..., tuple[int, str, str]], afternoon: Afternoon, tmp_path: Path
) -> None:
    """Without a table networks are unknown, and that is said; with one each has its AS and country."""
    assert "nothing was collected" in run("servers")[2]
    registry = SqliteRegistry(tmp_path / "state" / "fleet.sqlite")
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite")
    afternoon.fill(journal)
    journal.close()
    status, out, _ = run("servers")
    assert status == 0
    assert out.startswith("networks: no table ([network] origins;")
    assert "AS? ??" in out
    lines = [json.loads(line) for line in run("servers", "--json")[1].splitlines()]
    assert lines
    assert all(line["addresses"] and line["runs"] and line["first"] <= line["last"] for line in lines)
    table = tmp_path / "origins.csv"
    prefixes = {
        address.rsplit(".", 1)[0] + ".0/24" for line in lines for address in line["addresses"] if "." in address
    }
    table.write_text("".join(f"{prefix},64999,DE\n" for prefix in sorted(prefixes)))
    settings = tmp_path / "collector.toml"
    settings.write_text(settings.read_text() + f'[network]\norigins = "{table}"\n')
    out = run("servers")[1]
    assert f"networks: {table}, of " in out
    assert "AS64999 DE" in out
    assert "AS?" not in out
