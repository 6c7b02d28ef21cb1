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
    "many-ways",
    "broad",
    "two-families",
    "calls",
    "voice-one-way",
    "vpn-handshakes",
    "proxies",
    "experiments/clienthello",
)
BOTH = ("pk-2020-zoom-global-fault-first", "cn-zoom-geoblock", "tm-imo-feature-by-feature", "ir-whatsapp-proxy")
OWN = ("own-doing", "changes")
"""What services do by themselves, some of which looks like a box's doing."""
FAULTS = ("homes", "rough-afternoon", "ordinary-faults", "servers-down", "nobody-blocks")
PLAYED = BOTH + CENSORED + FAULTS + OWN


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


@pytest.mark.parametrize("scenario", ["changes"])
def test_what_changes_is_measured_as_it_is_from_then_on(play: Play, scenario: str) -> None:
    """A board that moved is judged by where it stands, and a host by whether it is asked for."""
    _, said, result = play(scenario)
    moved = [(one["at_local"][11:16], one["asn"]) for one in result["verdicts"] if one["probe"] == "asn64501p4"]
    assert {asn for at, asn in moved if at < "10:24"} == {64501}, said
    assert {asn for at, asn in moved if at > "10:30"} == {64502}, said
    late = {one["target"].split("/")[2] for one in result["verdicts"] if one["at_local"][11:16] > "10:55"}
    assert "chat.whatsapp.lab" in late, said
    assert "api.zoom.lab" not in late, said
    early = {one["target"].split("/")[2] for one in result["verdicts"] if one["at_local"][11:16] < "10:35"}
    assert "api.zoom.lab" in early, said
    assert "chat.whatsapp.lab" not in early, said


@pytest.mark.parametrize("scenario", OWN)
def test_what_a_service_does_itself_is_claimed_by_no_proof(play: Play, scenario: str) -> None:
    """A front that acts by name or country looks like a box: it is told with a grade that claims no proof, or not."""
    status, said, result = play(scenario)
    assert status == 0, said
    assert all(fired(result).values()), result["boxes"]
    told = [one for one in result["incidents"] if one["kind"] == "interference" and one.get("confirmed", True)]
    assert [one["service"] for one in told if one.get("grade", "") in {"A", "B"}] == []
