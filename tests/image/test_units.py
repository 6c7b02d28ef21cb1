"""The systemd units of agent and collector: correct, hardened, and one copy each for the card and for the playbooks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = (
    "agent/systemd/balise-agent.service",
    "agent/systemd/balise-card.service",
    "agent/systemd/balise-status.path",
    "agent/systemd/balise-status.service",
    "collector/systemd/balise-collector.service",
    "collector/systemd/balise-public.service",
)
SERVICES = tuple(unit for unit in UNITS if unit.endswith(".service"))
THRESHOLD = 20
"""Tenths of systemd's exposure level: RIPE Atlas' probe has 83, Debian's mosquitto 92 (fleet.md)."""


@pytest.fixture(scope="session")
def systemd_analyze(repo_root: Path) -> str:
    """The machine's own systemd-analyze, or the one that tools/fetch-tools brought."""
    found = shutil.which("systemd-analyze") or shutil.which(repo_root / ".tools/bin/systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze here: apt-get install systemd")
    return found


@pytest.fixture
def machine(repo_root: Path, tmp_path: Path) -> Path:
    """A root with our units in it and stand-ins for the programs that they start."""
    for folder in ("usr/bin", "etc/systemd/system", "usr/lib/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    for program in ("balise-agent", "balise-collector"):
        (tmp_path / "usr/bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "usr/bin" / program).chmod(0o755)
    for unit in UNITS:
        shutil.copy(repo_root / unit, tmp_path / "etc/systemd/system")
    return tmp_path


def test_systemd_understands_every_line(systemd_analyze: str, machine: Path) -> None:
    """A directive that is misspelt is ignored by systemd, silently: here it is an error."""
    files = sorted(str(unit) for unit in (machine / "etc/systemd/system").iterdir())
    command = [systemd_analyze, "verify", f"--root={machine}", "--man=no", "--recursive-errors=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_what_a_break_in_could_reach_is_little(systemd_analyze: str, repo_root: Path, unit: str) -> None:
    """systemd's own score of each service stays at 2.0 of 10 or below."""
    command = [systemd_analyze, "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager"]
    done = subprocess.run([*command, repo_root / unit], capture_output=True, text=True, check=False)
    level = re.search(r"Overall exposure level for \S+: [\d.]+", done.stdout)
    assert level is not None, done.stderr
    assert done.returncode == 0, level[0]


def test_the_probe_has_one_capability_and_never_waits_for_the_time(repo_root: Path) -> None:
    """Raw packets are all it may do as root would; time and network are what a censor breaks, so nothing waits."""
    text = (repo_root / UNITS[0]).read_text()
    directives = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in directives if "CAP_" in line] == [
        "AmbientCapabilities=CAP_NET_RAW",
        "CapabilityBoundingSet=CAP_NET_RAW",
    ]
    ordered = " ".join(line for line in directives if line.startswith(("After=", "Requires=", "Wants=")))
    assert "time-sync" not in ordered
    assert "network-online" not in ordered
    # kernel_synced() asks with adjtimex(2), which glibc sends as clock_adjtime(2) on arm64.
    assert "SystemCallFilter=adjtimex clock_adjtime" in directives


@pytest.mark.parametrize("unit", [UNITS[0], UNITS[4]])
def test_a_service_always_comes_back(repo_root: Path, unit: str) -> None:
    """In the field nobody is there to reset a start limit."""
    directives = (repo_root / unit).read_text().splitlines()
    assert "Restart=always" in directives
    assert "StartLimitIntervalSec=0" in directives
