"""``balise-collector export``: what was measured, for programs of the operator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from tests.collector.afternoon import Afternoon


@pytest.mark.slow
def test_every_vouched_measurement_is_a_line_of_json(
    run: Callable[..., tuple[int, str, str]], afternoon: Afternoon, tmp_path: Path
) -> None:
    """Records go to standard output alone; who is not in the fleet is left out, and both are said beside it."""
    assert "nothing was collected" in run("export")[2]
    left, *vouched = afternoon.probes
    registry = SqliteRegistry(tmp_path / "state" / "fleet.sqlite")
    for probe in vouched:
        registry.approve(probe.member)
    registry.close()
    journal = SqliteJournal(tmp_path / "state" / "journal.sqlite")
    sent = afternoon.fill(journal)
    journal.close()
    status, out, err = run("export")
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert 0 < len(records) < sent
    assert {one["test_name"] for one in records} <= {"balise_dns", "balise_tcp", "balise_tls", "balise_http"}
    assert all(one["probe_ip"] == "127.0.0.1" for one in records)
    assert left.member.id not in out
    assert vouched[0].member.id not in out
    assert "k-anonymity is not applied" in err
    assert "nobody vouches" in err
    assert run("export", "--since", "2031-01-01")[1] == ""
