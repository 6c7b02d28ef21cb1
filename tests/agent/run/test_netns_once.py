"""``balise-agent once`` with real packets: what a person reads, the JSON, the packets' file, the exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Design

pytestmark = pytest.mark.netns

GROUND = Path(__file__).with_name("netns_once.py")
Once = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def once(namespace_wrapper: tuple[str, ...], tools_bin: Path, tmp_path: Path) -> Once:
    """Return a function that runs ``once`` with arguments in a namespace of its own."""
    settings = tmp_path / "agent.toml"
    settings.write_text(
        f'[probe]\nid = "k7m2q9xd"\ncountry = "PK"\nasn = 64501\nstate_dir = "{tmp_path}"\n'
        f'[collector]\nkey = "{"ab" * 32}"\n[[broker]]\nhost = "127.0.0.1"\n'
        '[network]\nresolvers = ["198.18.53.53"]\nlaboratory = ["198.18.0.0/15"]\n'
        '[consent]\nversion = "t"\naccepted = true\n'
        f'[timeouts]\ndns = 0.5\nlinger = 0.2\n[tls]\nca_file = "{tmp_path}/server.pem"\n'
    )

    def run(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        program = (*before, sys.executable, "-m", "balise_agent", "--config", str(settings), "once", *arguments)
        command = (*namespace_wrapper, sys.executable, str(GROUND), str(tmp_path), *program)
        environment = {**os.environ, "PATH": f"{tools_bin}:{os.environ['PATH']}"}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)

    return run


@pytest.mark.parametrize(
    ("experiment", "told"),
    [
        ("dns", "198.18.1.1"),
        ("tcp", "SYN-ACK"),
        ("tls", "chain verified"),
        ("http", "'A page'"),
    ],
)
def test_a_person_reads_what_was_sent_and_what_came_back(once: Once, experiment: str, told: str) -> None:
    """Subject and control, packets, and no verdict; exit code 0."""
    done = once(experiment, "www.test.example")
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert "subject" in done.stdout
    assert "packets of trial" in done.stdout
    assert "not a verdict" in done.stdout


def test_the_json_is_a_measurement_and_the_pcap_a_capture(once: Once, tmp_path: Path) -> None:
    """Both can be taken elsewhere: to the judge, and to any reader of captures."""
    done = once("tls", "www.test.example", "--json", "--pcap", str(tmp_path / "out.pcap"))
    assert done.returncode == 0, done.stderr
    made = msgspec.json.decode(done.stdout, type=Measurement)
    assert made.design is Design.MANUAL
    assert {Arm.SUBJECT, Arm.CONTROL, Arm.SCRAMBLED} <= {trial.arm for trial in made.observations}
    assert all(trial.packets for trial in made.observations)
    capture = (tmp_path / "out.pcap").read_bytes()
    assert capture[:4] == bytes.fromhex("4d3cb2a1")
    assert len(capture) > 2000


def test_without_the_right_to_capture_the_mend_is_told(once: Once) -> None:
    """An ordinary user gets exit code 1 and what to do."""
    done = once("tls", "www.test.example", before=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
    assert done.returncode == 1
    assert "CAP_NET_RAW" in done.stderr
