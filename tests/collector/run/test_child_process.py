"""What runs beside the collector: started again whenever it ends, and gone when the collector is."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from balise_collector.run import child_process
from balise_collector.run.child_process import ChildProcess
from balise_collector.system.clock import Clock
from tests.testbed.waiting import eventually

HOLD = "import sys\nopen(sys.argv[1], 'a').write('x')\nsys.stdin.read()\n"
STUBBORN = "import signal, sys\nsignal.signal(15, signal.SIG_IGN)\n" + HOLD
DIES = "import sys\nopen(sys.argv[1], 'a').write('x')\n"


@pytest.fixture(autouse=True)
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a test wait as little as possible."""
    monkeypatch.setattr(child_process, "_SHORTEST", 0.01)
    monkeypatch.setattr(child_process, "_PATIENCE", 0.1)


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[[str], tuple[ChildProcess, Path]]]:
    """Return what keeps a script running; each start adds a letter to the file."""
    made: list[ChildProcess] = []

    def call(script: str) -> tuple[ChildProcess, Path]:
        file = tmp_path / "starts"
        part = ChildProcess("the child", (sys.executable, "-c", script, str(file)), Clock().monotonic)
        made.append(part)
        part.start()
        return part, file

    yield call
    for part in made:
        part.stop()
        part.join(10)
        assert not part.is_alive()
        assert part.failed is None
        assert part.child is not None
        assert part.child.returncode is not None


def starts(file: Path) -> int:
    """Return how often the child was started."""
    return len(file.read_text()) if file.exists() else 0


def test_it_is_started_again_however_it_ended(
    keep: Callable[[str], tuple[ChildProcess, Path]], caplog: pytest.LogCaptureFixture
) -> None:
    """By itself or killed: the next one comes, and the log says how the last one ended."""
    with caplog.at_level(logging.ERROR):
        part, file = keep(HOLD)
        eventually(lambda: starts(file) == 1)
        assert part.child is not None
        os.kill(part.child.pid, signal.SIGKILL)
        eventually(lambda: starts(file) == 2)
    assert "the child ended with status -9; it is started again" in caplog.text


def test_one_that_dies_at_once_is_not_started_at_every_moment(
    keep: Callable[[str], tuple[ChildProcess, Path]], caplog: pytest.LogCaptureFixture
) -> None:
    """The pause doubles, up to a minute."""
    with caplog.at_level(logging.ERROR):
        keep(DIES)
        eventually(lambda: len(caplog.records) >= 4)
    pauses = [record.args[2] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.08]


def test_one_that_does_not_listen_is_killed(keep: Callable[[str], tuple[ChildProcess, Path]]) -> None:
    """Who ignores SIGTERM has a moment, and the collector ends in time."""
    part, file = keep(STUBBORN)
    eventually(lambda: starts(file) == 1)
    part.stop()
    part.join(10)
    assert part.child is not None
    assert part.child.returncode == -signal.SIGKILL


def test_it_ends_when_the_collector_was_killed(tmp_path: Path) -> None:
    """Its standard input ends with the program that started it, also with kill -9."""
    file, pid = tmp_path / "starts", tmp_path / "pid"
    script = (
        "import sys, threading\n"
        "from balise_collector.run.child_process import ChildProcess\nfrom balise_collector.system.clock import Clock\n"
        f"part = ChildProcess('x', (sys.executable, '-c', {HOLD!r}, {str(file)!r}), Clock().monotonic)\npart.start()\n"
        "while part.child is None: threading.Event().wait(0.01)\n"
        f"open({str(pid)!r}, 'w').write(f'{{part.child.pid}}.')\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        eventually(lambda: starts(file) == 1 and pid.exists() and pid.read_text().endswith("."))
        parent.kill()
    child = int(pid.read_text().rstrip("."))
    eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
