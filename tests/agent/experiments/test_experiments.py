"""The registry of the agent's experiments: nothing is measured by half a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import balise_agent
from balise_agent.experiments import REGISTRY, SCRUB_RULES, reader_of
from balise_wire.experiments import MEASURED, OBSERVATIONS
from balise_wire.experiments.path import PathObservation
from balise_wire.words import Arm

PACKAGE = Path(balise_agent.__file__).parent


def test_every_measured_word_has_all_its_parts() -> None:
    """What may be asked for is planned, read and consented to; every observation is readable."""
    assert tuple(REGISTRY) == MEASURED
    assert set(SCRUB_RULES) == set(OBSERVATIONS.values())
    trial = PathObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443)
    assert reader_of(trial).describe(trial).sent == "connection to 198.18.1.1"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the agent's experiments in a copy of the package that programs find first."""
    shutil.copytree(PACKAGE, tmp_path / "balise_agent", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "balise_agent" / "experiments"


@pytest.mark.slow
def test_without_a_part_no_program_starts_and_all_of_it_is_named(copy: Path) -> None:
    """A forgotten folder, file or attribute stops `balise-agent` before a packet leaves, with one message."""
    shutil.rmtree(copy / "tls")
    (copy / "tcp" / "contacts.py").unlink()
    (copy / "path" / "outcome.py").unlink()
    outcome = copy / "line" / "outcome.py"
    outcome.write_text(outcome.read_text().replace("READER: Final = LineReader()", ""))
    ended = subprocess.run(
        [sys.executable, "-m", "balise_agent", "list"],
        cwd=copy.parents[1],
        env={"PYTHONPATH": str(copy.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    for missing in (
        "agent/experiments/tls.py is missing",
        "agent/experiments/tcp/contacts.py is missing",
        "agent/experiments/path/outcome.py is missing",
        "agent/experiments/line/outcome.py lacks READER",
    ):
        assert missing in last
