"""What the broker saved and cannot read again is moved aside before it starts; what it can read stays as it is."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.fleet.broker_files import Settings, listeners
from balise_collector.fleet.broker_files.render import before_start
from balise_collector.system.errors import ConfigError
from tests.testbed.waiting import eventually

RETAINED = 40
Damage = Callable[[bytes], bytes]
DAMAGES: dict[str, Damage] = {
    "zeros, as long as before": lambda good: bytes(len(good)),
    "zeros, of another length": lambda _good: bytes(4096),
    "the first page lost": lambda good: bytes(4096) + good[4096:],
    "cut off": lambda good: good[: len(good) // 2],
    "cut off in its head": lambda good: good[:10],
    "of a version that is none": lambda good: good[:19] + b"\0\0\0\x63" + good[23:],
}


class Saved:
    """A broker's folder with a saved database, and the shipped script beside it."""

    def __init__(self, folder: Path, tools: Path, port: int) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.port = port
        self._tools = tools
        settings = Settings(
            listeners=listeners(["*"], 443, 0, 8883), folder=str(folder), data=str(self.data), user="root"
        )
        self.script = folder / "before-start"
        self.script.write_text(before_start(settings))
        self.plain = folder / "plain.conf"
        self.plain.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {self.data}/\n"
        )

    @property
    def database(self) -> Path:
        """Where mosquitto saves."""
        return self.data / "mosquitto.db"

    @property
    def aside(self) -> Path:
        """Where what cannot be read is put."""
        return self.data / "mosquitto.db.damaged"

    def start(self) -> subprocess.Popen[bytes]:
        """Start mosquitto on the folder, and return when it answers or has ended."""
        broker = subprocess.Popen([self._tools / "mosquitto", "-c", self.plain], stderr=subprocess.DEVNULL)
        eventually(lambda: broker.poll() is not None or self.answers(), "it answers or has ended")
        return broker

    def answers(self) -> bool:
        """Whether a client can publish."""
        return self.client("mosquitto_pub", "-t", "x", "-m", "y").returncode == 0

    def client(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of mosquitto's clients."""
        command = [str(self._tools / program), "-p", str(self.port), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    def retained(self) -> int:
        """Count what a new subscriber is given."""
        heard = self.client("mosquitto_sub", "-t", "r/#", "-W", "1", "-F", "%t")
        return len(heard.stdout.split())

    def look(self, tools: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script as the service does."""
        path = f"{tools or self._tools}:/usr/bin:/bin"
        return subprocess.run(
            ["/bin/sh", str(self.script)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PATH": path},
        )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, tools_bin: Path) -> bytes:
    """Return a database that mosquitto saved: a queue for somebody who is away, and retained messages."""
    saved = Saved(tmp_path_factory.mktemp("good"), tools_bin, _free_port())
    broker = saved.start()
    saved.client("mosquitto_sub", "-i", "away", "-c", "-q", "1", "-t", "#", "-E")
    for number in range(RETAINED):
        saved.client("mosquitto_pub", "-q", "1", "-r", "-t", f"r/{number}", "-m", "x" * 500)
    broker.terminate()
    broker.wait(10)
    return saved.database.read_bytes()


@pytest.fixture
def saved(tmp_path: Path, tools_bin: Path, good: bytes) -> Saved:
    """Return a folder with a good database."""
    made = Saved(tmp_path / "broker", tools_bin, _free_port())
    made.database.write_bytes(good)
    return made


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGES)
def test_what_cannot_be_read_is_moved_aside_and_the_broker_starts(saved: Saved, good: bytes, what: str) -> None:
    """Whatever ends mosquitto at its start: the next start is an ordinary one."""
    damaged = DAMAGES[what](good)
    saved.database.write_bytes(damaged)
    told = saved.look()
    assert told.returncode == 0
    assert "moved to" in told.stderr
    assert (saved.aside.read_bytes(), saved.database.exists()) == (damaged, False)
    broker = saved.start()
    assert broker.poll() is None
    broker.terminate()
    broker.wait(10)


@pytest.mark.slow
def test_a_file_that_is_read_in_part_starts_as_well(saved: Saved, good: bytes) -> None:
    """mosquitto passes over zeros behind its head: whichever of the two it is, the broker comes up."""
    saved.database.write_bytes(good[: len(good) // 2] + bytes(len(good) - len(good) // 2))
    assert saved.look().returncode == 0
    broker = saved.start()
    assert broker.poll() is None
    broker.terminate()
    broker.wait(10)


@pytest.mark.slow
def test_what_can_be_read_is_left_byte_by_byte(saved: Saved, good: bytes) -> None:
    """The look changes nothing, opens no listener, leaves nothing running, and the broker has what it had."""
    told = saved.look()
    assert (told.returncode, told.stderr) == (0, "")
    assert saved.database.read_bytes() == good
    assert sorted(path.name for path in saved.data.iterdir()) == ["mosquitto.db"]
    broker = saved.start()
    assert saved.retained() == RETAINED
    broker.terminate()
    broker.wait(10)


def test_the_first_start_has_nothing_to_look_at(saved: Saved) -> None:
    """No file, no trial."""
    saved.database.unlink()
    assert saved.look().returncode == 0
    assert list(saved.data.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["no mosquitto", "one that never starts"])
def test_a_trial_that_fails_for_another_reason_leaves_the_file(
    saved: Saved, good: bytes, what: str, tmp_path: Path
) -> None:
    """Only a file without which the broker does start is at fault."""
    if what == "one that never starts":
        (tmp_path / "mosquitto").write_text("#!/bin/sh\nexit 3\n")
        (tmp_path / "mosquitto").chmod(0o755)
    told = saved.look(tools=tmp_path)
    assert told.returncode == 0
    assert (saved.database.read_bytes(), saved.aside.exists()) == (good, False)


def test_a_folder_cannot_end_the_scripts_quotes() -> None:
    """Names come from the operator's command line into a script of root's."""
    for data, user in (("/var/lib/it's", "mosquitto"), ("/var/lib/$(x)", "mosquitto"), ("/x", "a\nb"), ("/a b", "x")):
        settings = Settings(listeners=listeners(["*"], 443, 0, 8883), folder="/x", data=data, user=user)
        with pytest.raises(ConfigError, match="no such name"):
            before_start(settings)


def test_the_unit_and_the_container_look_before_they_start(repo_root: Path) -> None:
    """Wherever the shipped files run."""
    unit = (repo_root / "collector/systemd/mosquitto.service.d/balise.conf").read_text()
    lines = [line for line in unit.splitlines() if line.startswith("Exec")]
    assert lines.index("ExecStartPre=-/bin/sh /etc/balise/broker/before-start") > lines.index("ExecStartPre=")
    compose = (repo_root / "compose.yml").read_text()
    assert compose.index("sh ./before-start") < compose.index("mosquitto -c mosquitto.conf")
