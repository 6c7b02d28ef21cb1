"""The whole chain, packet to incident: scenarios played by the command line must come out as they expect."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Play = Callable[..., tuple[int, str, dict[str, Any]]]

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1_800)]

CENSORED = (
    "dns-nxdomain",
    "http-blockpage",
    "ip-drop",
    "sni-rst-residual",
    "isp-shutdown",
    "lying-clocks",
    "three-ways",
)
BOTH = ("pk-2020-zoom-global-fault-first",)
FAULTS = ("rough-afternoon", "ordinary-faults", "server-down", "edge-down", "nobody-blocks")


def fired(result: Mapping[str, Any]) -> dict[str, int]:
    """Return how often each box acted."""
    return {box["id"]: box["counters"].get("fired", 0) for box in result["boxes"]}


@pytest.mark.parametrize("scenario", BOTH + CENSORED)
def test_a_block_is_reported_as_it_was_played(play: Play, scenario: str) -> None:
    """Services, onset, end, scope and mechanism are the played ones, the box did fire, and nothing was lost."""
    status, said, result = play(scenario)
    assert status == 0, said
    assert all(fired(result).values()), result["boxes"]
    assert (result["counts"]["missing"], result["counts"]["repeated"]) == (0, 0)


@pytest.mark.parametrize("scenario", FAULTS)
def test_an_ordinary_fault_is_not_called_interference(play: Play, scenario: str) -> None:
    """Lossy, slow and policed lines, dead or unwilling servers: no verdict says blocked, no incident interference."""
    status, said, result = play(scenario)
    assert status == 0, said
    assert [one for one in result["verdicts"] if one["state"] in {"blocked", "throttled"}] == []
    assert [one for one in result["incidents"] if one["kind"] == "interference"] == []
