"""kill -9 at random moments: every measurement that an agent recorded is in the journal exactly once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chain.kills import KILLS

Play = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.mark.lab
@pytest.mark.chaos
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("scenario", ["chaos"])
def test_twenty_kills_lose_nothing_and_repeat_nothing(play: Play, scenario: str) -> None:
    """Broker, collector, agents and InfluxDB die without warning; after the restarts both auditors count even."""
    status, said, result = play(scenario)
    assert result, said
    counts = result["counts"]
    killed = [kill["program"] for kill in result["kills"]]
    print(f"{len(killed)} kills ({', '.join(killed)}): {counts}")  # noqa: T201 - the counts are the finding
    assert len(killed) == KILLS
    assert counts["recorded"] > 0
    assert (counts["missing"], counts["repeated"], counts["unknown"]) == (0, 0, 0), said
    assert status == 0, said
