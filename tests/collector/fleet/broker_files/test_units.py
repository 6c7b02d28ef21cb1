"""The units of a broker on the collector's machine: systemd understands them, and a break-in would reach little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = ("balise-broker.service", "balise-broker.path", "balise-broker.timer")
DROP_IN = "mosquitto.service.d/balise.conf"
THRESHOLD = 20
"""Tenths of systemd's exposure level; Debian's mosquitto.service has 92."""
DEBIAN = """[Unit]
Description=Mosquitto MQTT Broker
After=network.target
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
ExecStartPre=/bin/chown mosquitto /var/log/mosquitto
[Install]
WantedBy=multi-user.target
"""
"""What Debian 12 and 13 ship, as far as our drop-in meets it."""


@pytest.fixture
def machine(repo_root: Path, tmp_path: Path) -> Path:
    """Return a root with Debian's unit, our drop-in and units, and stand-ins for the programs that they start."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here: apt-get install systemd")
    units = tmp_path / "etc/systemd/system"
    for folder in ("usr/bin", "usr/sbin", "bin", "usr/lib/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(repo_root / "collector/systemd", units)
    (units / "mosquitto.service").write_text(DEBIAN)
    for program in ("usr/bin/balise-collector", "usr/sbin/mosquitto", "bin/kill"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    return tmp_path


def test_systemd_understands_every_line(machine: Path) -> None:
    """A misspelt directive is ignored by systemd, silently: here it is an error, in the drop-in, too."""
    names = (*UNITS, "mosquitto.service")
    files = [str(machine / "etc/systemd/system" / name) for name in names]
    command = ["systemd-analyze", "verify", f"--root={machine}", "--man=no", "--recursive-errors=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("unit", ["mosquitto.service", "balise-broker.service"])
def test_what_a_break_in_could_reach_is_little(machine: Path, unit: str) -> None:
    """systemd's own score stays at 2.0 of 10 or below, for Debian's unit with our drop-in."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager"]
    done = subprocess.run([*command, f"--root={machine}", unit], capture_output=True, text=True, check=False)
    level = re.search(r"Overall exposure level for \S+: [\d.]+", done.stdout)
    assert level is not None, done.stderr
    print(level[0])  # noqa: T201 - the figure
    assert done.returncode == 0, done.stdout


def test_the_drop_in_says_what_the_configuration_cannot(repo_root: Path) -> None:
    """The oldest TLS of every listener, whoever adds one; port 443 as the one right of root's."""
    text = (repo_root / "collector/systemd" / DROP_IN).read_text()
    assert "Environment=OPENSSL_CONF=/etc/balise/broker/openssl.cnf\n" in text
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in text
