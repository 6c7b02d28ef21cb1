"""The two programs and the shipped broker together, from the first start of a card to the end of its certificate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(300)]

STORY = Path(__file__).with_name("joint.py")


@pytest.fixture(scope="module")
def chapters(
    namespace_wrapper: tuple[str, ...], tools_bin: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Play the story once."""
    if not (tools_bin / "mosquitto").exists():
        pytest.skip("mosquitto not in .tools/bin; run make setup")
    folder = tmp_path_factory.mktemp("joint")
    done = subprocess.run(
        (*namespace_wrapper, sys.executable, str(STORY), str(folder), str(tools_bin)),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {chapter["chapter"]: chapter for chapter in told}


def test_a_board_that_wakes_before_its_centre_waits_and_enrols(chapters: dict[str, dict[str, Any]]) -> None:
    """No start order, no hand; the fleet's list has it afterwards."""
    assert chapters["no centre"]["troubles"] == ["enrolment-unreachable"]
    assert chapters["no centre"]["state"] == "init"
    assert chapters["enrolled"]["enrolled"] is True
    assert chapters["enrolled"]["fleet"] is True
    assert chapters["measuring"]["troubles"] == []


def test_the_kill_switch_of_a_country_stops_it_over_a_restart(chapters: dict[str, dict[str, Any]]) -> None:
    """Killed and started again it sleeps on, under the same id, until the operator lifts it."""
    assert chapters["halted"]["troubles"] == ["halted"]
    assert chapters["halted after a restart"] == {
        "chapter": "halted after a restart",
        "troubles": ["halted"],
        "probe": True,
    }
    assert chapters["lifted"]["state"] == "ready"


def test_what_is_asked_for_is_done_once_and_answered(chapters: dict[str, dict[str, Any]]) -> None:
    """From the operator's command over the shipped broker's rules to the probe, and its answer and result back."""
    asked = chapters["asked"]
    (kept,) = asked["kept"]
    assert kept["outcome"] == "done", asked["said"]
    assert asked["journal"] == [kept["request"]["id"]]
    assert f"done; measurement {kept['measurement']}" in asked["said"]


def test_a_revoked_probe_knows_and_says_what_to_do(chapters: dict[str, dict[str, Any]]) -> None:
    """The broker refuses it, the collector says why, and the program lives on."""
    assert chapters["revoked"]["troubles"][:2] == ["revoked", "broker-refuses"]
    assert chapters["ended"]["code"] == 0


def test_the_doctor_names_the_same_causes(chapters: dict[str, dict[str, Any]]) -> None:
    """With real programs: nobody there, nothing wrong, the operator's stop, the end of the certificate."""
    told = {name: chapters[name]["doctor"] for name in ("no centre", "measuring", "halted", "revoked")}
    assert told == {"no centre": "enrolment-unreachable", "measuring": None, "halted": "halted", "revoked": "revoked"}
