"""The public view as a process of its own: it serves what may be seen, writes nothing, and ends when it is asked to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from balise_collector.conclude.releases import Releases
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.cli import main
from balise_collector.run.public_server import HANDED, token_of
from balise_collector.system import identity
from balise_collector.system.config import Broker, CollectorSettings, Config, PagesSettings
from balise_collector.system.errors import ConfigError
from balise_collector.system.listening import listen
from tests.testbed.waiting import eventually

BASE = re.compile(rb"public view on (http://\S+/)")


def config_of(folder: Path, **more: object) -> Config:
    """Return settings with everything in a folder."""
    return Config(collector=CollectorSettings(state_dir=str(folder)), broker=(Broker(host="127.0.0.1"),), **more)  # type: ignore[arg-type]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a folder with what the collector makes at its start."""
    config = config_of(tmp_path / "state")
    key = identity.load_or_create(config.state_dir)
    identity.keep_public_id_key(config.state_dir, key)
    SqliteJournal(config.journal_file).close()
    SqliteStore(config.derived_file).close()
    SqliteRegistry(config.fleet_file).close()
    Releases(config.releases_file).close()
    return config.state_dir


@pytest.fixture
def settings(tmp_path: Path, state: Path) -> Path:
    """Return the settings as a file."""
    file = tmp_path / "collector.toml"
    file.write_text(
        f'[collector]\nstate_dir = "{state}"\n[broker]\nhost = "127.0.0.1"\nport = 9\n[pages]\nport = 0\n'
        "[public]\nport = 0\n"
    )
    return file


@contextmanager
def program(settings: Path, command: str, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the collector."""
    line = [sys.executable, "-m", "balise_collector.run.cli", "--config", str(settings), command]
    with subprocess.Popen(line, stderr=subprocess.PIPE, **more) as running:  # type: ignore[call-overload]
        try:
            yield running
        finally:
            running.kill()


def base_of(running: subprocess.Popen[bytes]) -> str:
    """Return where the program says that the public view is."""
    assert running.stderr is not None
    for line in running.stderr:
        if found := BASE.search(line):
            # The pipe must not fill.
            threading.Thread(target=running.stderr.read, daemon=True).start()
            return found[1].decode()
    raise AssertionError


def get(base: str, path: str) -> tuple[int, str, bytes]:
    """Return status, Cache-Control and body of an answer."""
    asking = http.client.HTTPConnection(base.removeprefix("http://").rstrip("/"), timeout=60)
    with closing(asking):
        asking.request("GET", path)
        answer = asking.getresponse()
        return answer.status, answer.headers.get("Cache-Control", ""), answer.read()


def ask(base: str) -> list[object]:
    """Return the incidents that are told there."""
    status, kept, body = get(base, "/api/v1/incidents")
    assert (status, kept) == (200, "public, max-age=60")
    found: list[object] = json.loads(body)["incidents"]
    return found


def ended(pid: int) -> Callable[[], bool]:
    """Return what says whether a process is gone."""

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    return gone


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] or [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


@pytest.mark.slow
def test_it_runs_alone_and_ends_when_asked(settings: Path, state: Path) -> None:
    """Nothing in the folder is written, no route of the operator's is there, and SIGTERM ends it with 0."""
    kept = {path.name: path.read_bytes() for path in state.iterdir() if path.suffix in {".key", ".sqlite"}}
    with program(settings, "public") as running:
        base = base_of(running)
        assert ask(base) == []
        assert get(base, "/api/v1/status")[0] == 404
        running.terminate()
        assert running.wait(10) == 0
    assert {name: (state / name).read_bytes() for name in kept} == kept


@pytest.mark.slow
def test_it_has_no_use_for_the_collectors_key(settings: Path, state: Path) -> None:
    """Whoever breaks into it finds the secret of the public ids, and nothing that seals a message."""
    (state / identity.KEY_FILE).unlink()
    with program(settings, "public") as running:
        assert ask(base_of(running)) == []


@pytest.mark.slow
def test_it_may_see_neither_token_nor_certificates(settings: Path) -> None:
    """What opens the operator's pages and the broker can be kept from the process that strangers talk to."""
    text = settings.read_text().replace("[pages]", '[pages]\ntoken_file = "/nowhere/token"')
    text = text.replace("port = 9", 'port = 9\ntls = true\nca_file = "/nowhere/ca.pem"')
    settings.write_text(text)
    with program(settings, "public") as running:
        assert ask(base_of(running)) == []


@pytest.mark.parametrize("name", ["derived.sqlite", "journal.sqlite", "fleet.sqlite", "releases.sqlite", "public.key"])
def test_what_is_missing_is_named(settings: Path, state: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It makes nothing itself: the message names the file, and what makes it."""
    for path in state.glob(f"{name}*"):
        path.unlink()
    assert main(["--config", str(settings), "public"]) == 2
    told = capsys.readouterr().err
    assert f"{state / name}" in told
    assert "balise-collector run" in told


def test_files_of_an_earlier_version_are_left_alone(
    settings: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the collector brings them up to date; until it has, the message says so, and the service tries again."""
    with closing(sqlite3.connect(state / "fleet.sqlite")) as db:
        db.execute("ALTER TABLE member DROP COLUMN tags")
    assert main(["--config", str(settings), "public"]) == 2
    assert "balise-collector run, which brings files of an earlier version up" in capsys.readouterr().err


def test_without_the_table_there_is_nothing_to_serve(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says so."""
    settings.write_text(settings.read_text().replace("[public]\nport = 0\n", ""))
    assert main(["--config", str(settings), "public"]) == 2
    assert "[public] is not in the settings" in capsys.readouterr().err


@pytest.mark.slow
def test_a_socket_is_handed_over_and_the_process_ends_with_its_starter(settings: Path) -> None:
    """The collector keeps the port, so that readers wait while the process is started again."""
    with closing(listen("127.0.0.1", 0, "public")) as listening:
        port = listening.getsockname()[1]
        more = {"env": {**os.environ, HANDED: str(listening.fileno())}, "pass_fds": (listening.fileno(),)}
        with program(settings, "public", stdin=subprocess.PIPE, **more) as running:
            assert base_of(running) == f"http://127.0.0.1:{port}/"
            assert ask(f"http://127.0.0.1:{port}/") == []
            assert running.stdin is not None
            running.stdin.close()
            assert running.wait(10) == 0


@pytest.mark.slow
def test_the_collector_starts_it_again_and_takes_it_along(settings: Path) -> None:
    """Killed, it comes again on the same port; and when the collector is killed, it is gone and the port free."""
    with program(settings, "run") as running:
        base = base_of(running)
        assert ask(base) == []
        first = children(running.pid)
        assert len(first) == 1
        os.kill(first[0], signal.SIGKILL)
        assert ask(base) == []
        second = children(running.pid)
        assert len(second) == 1
        assert second != first
        running.kill()
        running.wait(10)
        eventually(ended(second[0]))
    listen("127.0.0.1", int(base.rstrip("/").rpartition(":")[2]), "public").close()


@pytest.mark.slow
def test_it_can_be_left_to_another_service(settings: Path, state: Path) -> None:
    """With ``apart`` the collector starts no process and takes no port, and writes what the service needs."""
    settings.write_text(settings.read_text() + "apart = true\n")
    for path in (*state.glob("releases.sqlite*"), *state.glob("fleet.sqlite*"), state / identity.PUBLIC_ID_FILE):
        path.unlink()
    with program(settings, "run") as running:
        eventually((state / "releases.sqlite").exists)
    with program(settings, "run") as running, program(settings, "public") as beside:
        assert ask(base_of(beside)) == []
        assert children(running.pid) == []


def test_a_port_that_is_taken_is_named() -> None:
    """The operator reads which table to change."""
    taken = listen("127.0.0.1", 0, "public")
    with closing(taken), pytest.raises(ConfigError, match=r"\[public\] 127\.0\.0\.1:\d+: .*choose another"):
        listen("127.0.0.1", taken.getsockname()[1], "public")


def test_a_port_that_is_given_back_in_a_moment_is_waited_for() -> None:
    """The view of a collector that was killed ends a moment after it."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    threading.Timer(0.2, taken.close).start()
    listen("127.0.0.1", port, "public", patience=10.0).close()


def test_the_token_is_read_and_must_not_be_guessable(tmp_path: Path) -> None:
    """One line of 32 characters or more; anything less is refused at the start, with the mend."""
    file = tmp_path / "token"
    assert token_of(config_of(tmp_path)) == ""
    config = config_of(tmp_path, pages=PagesSettings(token_file=str(file)))
    with pytest.raises(ConfigError, match="token_file"):
        token_of(config)
    for bad in ("", "short", "a b" * 20):
        file.write_text(bad, encoding="ascii")
        with pytest.raises(ConfigError, match="openssl rand"):
            token_of(config)
    file.write_text("f" * 64 + "\n", encoding="ascii")
    assert token_of(config) == "f" * 64
