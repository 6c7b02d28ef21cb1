"""kill -9 at random moments: every measurement that an agent recorded is in the journal exactly once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Play = Callable[..., tuple[int, str, dict[str, Any]]]
KILLS = 20


@pytest.mark.lab
@pytest.mark.chaos
@pytest.mark.timeout(1_800)
def test_twenty_kills_lose_nothing_and_repeat_nothing(play: Play, tools_bin: Path) -> None:
    """Broker, collector, agents and InfluxDB die without warning; after the restarts both auditors count even."""
    beside = ["--influx"] if (tools_bin / "influxd").exists() else []
    status, said, result = play("chaos", "--kills", str(KILLS), "--seed", "20", *beside)
    assert result, said
    counts = result["counts"]
    killed = [kill["program"] for kill in result["kills"]]
    print(f"{len(killed)} kills ({', '.join(killed)}): {counts}")  # noqa: T201 - the counts are the finding
    assert len(killed) == KILLS
    assert counts["recorded"] > 0
    assert (counts["missing"], counts["repeated"], counts["unknown"]) == (0, 0, 0), said
    assert status == 0, said
