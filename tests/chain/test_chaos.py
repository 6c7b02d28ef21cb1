"""kill -9 at random moments: every measurement that an agent recorded is in the journal exactly once."""

from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., tuple[int, str, dict[str, Any]]]
KILLS = 20


@pytest.mark.lab
@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_twenty_kills_lose_nothing_and_repeat_nothing(play: Play) -> None:
    """Broker, collector and agents die without warning; after the restarts the auditor's two sets are the same."""
    _, said, result = play("chaos", "--kills", str(KILLS), "--seed", "20")
    assert result, said
    counts = result["counts"]
    killed = [kill["program"] for kill in result["kills"]]
    print(f"{len(killed)} kills ({', '.join(killed)}): {counts}")  # noqa: T201 - the counts are the finding
    assert len(killed) == KILLS
    assert counts["recorded"] > 0
    assert (counts["missing"], counts["repeated"], counts["unknown"]) == (0, 0, 0), said
