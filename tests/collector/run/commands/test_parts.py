"""``balise-collector parts``: each part of a service in a word, for the operator's terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from tests.collector.afternoon import Afternoon


def test_each_part_has_a_line(run: Callable[..., tuple[int, str, str]], afternoon: Afternoon, tmp_path: Path) -> None:
    """What nobody measured is there too, and says so; a wrong place is said with the right ones."""
    assert "nothing was collected" in run("parts")[2]
    registry = SqliteRegistry(tmp_path / "state" / "fleet.sqlite")
    for probe in afternoon.probes:
        registry.approve(probe.member)
    registry.close()
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite")
    SqliteStore(tmp_path / "state" / "derived.sqlite", journal).close()
    status, out, _ = run("parts", "pk", "twitter")
    assert status == 0
    assert [line.split()[:3] for line in out.splitlines()] == [
        ["PK", "twitter", role] for role in ("web", "api", "media-image", "media-video")
    ]
    assert all("not measured" in line for line in out.splitlines())
    lines = [json.loads(line) for line in run("parts", "PK", "--json")[1].splitlines()]
    assert {line["word"] for line in lines} == {"not_measured"}
    assert {line["service"] for line in lines} == {"twitter", "periscope", "whatsapp", "zoom"}
    status, _, err = run("parts", "PK", "signal")
    assert (status, "signal: no service that is measured; there are periscope, twitter" in err) == (2, True)
