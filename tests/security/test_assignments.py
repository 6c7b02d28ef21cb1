"""What a probe does not do although somebody holds its broker: nothing unsigned, nothing of others, nothing at home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(120)]

PLAY = Path(__file__).with_name("netns_assignments.py")


def test_an_agent_refuses_what_it_should_not_do(
    namespace_wrapper: tuple[str, ...], tools_bin: Path, tmp_path: Path
) -> None:
    """Each refusal is a line in the agent's log that says why; the assignment in force stays, and the agent lives."""
    if not (tools_bin / "mosquitto").exists():
        pytest.skip("mosquitto: not in .tools/bin; run make setup")
    command = [*namespace_wrapper, sys.executable, str(PLAY), str(tmp_path), str(tools_bin / "mosquitto")]
    environment = {**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110, env=environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["alive"]
    assert said["ended"] == 0
    log = said["log"]
    for reason in (
        "event assignment_refused: not a sealed frame",
        "event assignment_refused: signed by another key than the one approved for this sender",
        "event assignment_refused: kind assignment for agent002, not assignment for this probe",
        "event assignment_refused: kind receipt for agent001, not assignment for this probe",
        "event assignment_refused: version 0 is older than",
        "event assignment_refused: version 90: expired at 1",
        "event target_refused: home-router:",
        "event target_refused: loopback:",
        "event target_refused: cloud-secrets:",
        "event target_refused: local-name:",
    ):
        assert reason in log, f"{reason!r} is not in:\n{log}"
