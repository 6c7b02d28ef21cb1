"""Backup and restore: the same answers elsewhere, taken while all is written, never over a living collector."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.authority import Authority
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.run.backup import back_up, examine, restore
from balise_collector.run.cli import main
from balise_collector.system.errors import ConfigError
from balise_collector.system.identity import load_or_create, public_hex
from tests.collector.afternoon import Afternoon
from tests.collector.field_probe import FieldProbe

Run = Callable[..., tuple[int, str, str]]
WORDS = b"correct horse battery staple"


@pytest.fixture
def run_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Run]:
    """Return a maker of runners: commands on a state folder of a name."""

    def make(name: str) -> Run:
        settings = tmp_path / f"{name}.toml"
        settings.write_text(f'[collector]\nstate_dir = "{tmp_path}/{name}"\n[broker]\nhost = "127.0.0.1"\n')

        def call(*arguments: str) -> tuple[int, str, str]:
            status = main(["--config", str(settings), *arguments])
            said = capsys.readouterr()
            return status, said.out, said.err

        return call

    return make


@pytest.fixture
def lived(tmp_path: Path, probe: FieldProbe) -> Path:
    """Return the state folder of a collector with a key, an authority, a probe and a measurement."""
    state = tmp_path / "state"
    load_or_create(state)
    with closing(SqliteRegistry(state / "fleet.sqlite")) as registry:
        registry.approve(probe.member)
        registry.issue(probe.id, Issued(7, "digest", 99.0, 300))
    Authority.open_or_create(state / "authority").close()
    with closing(SqliteJournal(state / "journal.sqlite")) as journal:
        journal.append((), (), (), 1000.0)
    return state


@pytest.mark.slow
def test_the_same_answers_elsewhere(run_in: Any, afternoon: Afternoon, tmp_path: Path) -> None:
    """An afternoon, backed up, restored in another place and judged anew: every incident, the release, the keys."""
    here, there = run_in("here"), run_in("there")
    state = tmp_path / "here"
    key = here("key")[1]
    fingerprint = json.loads(here("authority", "show", "--json")[1])["fingerprint"]
    with closing(SqliteRegistry(state / "fleet.sqlite")) as registry:
        for probe in afternoon.probes:
            registry.approve(probe.member)
    with closing(SqliteJournal(state / "journal.sqlite")) as journal:
        afternoon.fill(journal)
    here("replay")
    told = json.loads(here("incidents", "--json")[1])["incidents"]
    assert here("release", told[0]["id"])[0] == 0
    (tmp_path / "words").write_bytes(WORDS + b"\n")
    sealed = ("--passphrase-file", str(tmp_path / "words"))
    status, out, _ = here("backup", str(tmp_path / "saved"), *sealed)
    assert (status, "sealed" in out, "read back" in out) == (0, True, True)
    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o600
    assert there("restore", str(tmp_path / "saved"), *sealed, "--dry-run")[0] == 0
    assert not (tmp_path / "there").exists()
    assert there("restore", str(tmp_path / "saved"), *sealed)[0] == 0
    there("replay")
    assert json.loads(there("incidents", "--json")[1])["incidents"] == told
    assert there("key")[1] == key
    assert json.loads(there("authority", "show", "--json")[1])["fingerprint"] == fingerprint
    assert told[0]["id"] in there("release")[1]
    assert there("fleet", "list", "--json")[1] == here("fleet", "list", "--json")[1]


def test_it_is_taken_while_everything_is_written(
    lived: Path, tmp_path: Path, make_probe: Callable[..., FieldProbe]
) -> None:
    """A registry that is written all the time: the copy opens, is whole, and holds what was there when it began."""
    stopping = threading.Event()
    written: list[str] = []

    def write() -> None:
        with closing(SqliteRegistry(lived / "fleet.sqlite")) as registry:
            while not stopping.is_set():
                name = f"probe{len(written):05d}"
                registry.approve(make_probe(id=name).member)
                written.append(name)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(written) < 5:
            stopping.wait(0.01)
        before = len(written)
        back_up(lived, tmp_path / "saved", b"", 5.0)
    finally:
        stopping.set()
        thread.join()
    found = examine(tmp_path / "saved", b"")
    assert before + 1 <= found.probes <= len(written) + 1
    assert found.made_at == 5.0


def test_assignments_go_on_from_above(lived: Path, tmp_path: Path, probe: FieldProbe) -> None:
    """Probes ignore a version that is not newer: what was given out after the backup must be overtaken."""
    back_up(lived, tmp_path / "saved", b"", 5.0)
    restore(tmp_path / "saved", b"", tmp_path / "there")
    with closing(SqliteRegistry(tmp_path / "there" / "fleet.sqlite")) as registry:
        assert registry.issued(probe.id).version >= 1000
        assert registry.issued(probe.id).digest == ""
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "there").rglob("*") if path.is_file()}
    assert {name for name, mode in modes.items() if mode != 0o600} == {"ca.pem", "crl.pem"}


def test_a_restore_overwrites_nothing(lived: Path, tmp_path: Path) -> None:
    """Neither a living collector nor the rest of one; and the backup itself is never overwritten either."""
    back_up(lived, tmp_path / "saved", b"", 5.0)
    with pytest.raises(ConfigError, match="overwrites nothing"):
        restore(tmp_path / "saved", b"", lived)
    (tmp_path / "rest").mkdir()
    (tmp_path / "rest" / "collector.lock").touch()
    with pytest.raises(ConfigError, match="overwrites nothing"):
        restore(tmp_path / "saved", b"", tmp_path / "rest")
    with pytest.raises(ConfigError, match="never overwritten"):
        back_up(lived, tmp_path / "saved", b"", 5.0)
    with pytest.raises(ConfigError, match="no collector"):
        back_up(tmp_path / "nowhere", tmp_path / "other", b"", 5.0)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.slow
@pytest.mark.parametrize("passphrase", [b"", WORDS])
def test_a_damaged_backup_is_noticed(lived: Path, tmp_path: Path, passphrase: bytes) -> None:
    """Cut anywhere, or one bit turned: nothing is put in place."""
    saved = tmp_path / "saved"
    back_up(lived, saved, passphrase, 5.0)
    whole = saved.read_bytes()
    database = whole.find(b"SQLite format 3") if not passphrase else len(whole) // 2
    turned = bytearray(whole)
    turned[database + 200] ^= 1
    for data in (whole[: len(whole) // 3], whole[:100], b"", bytes(turned), b"x" * 5000):
        saved.write_bytes(data)
        with pytest.raises(ConfigError):
            restore(saved, passphrase, tmp_path / "there")
        assert not list((tmp_path / "there").rglob("*"))
    saved.write_bytes(whole)
    restore(saved, passphrase, tmp_path / "there")
    assert public_hex(load_or_create(tmp_path / "there")) == public_hex(load_or_create(lived))


@pytest.mark.slow
def test_a_sealed_backup_opens_for_its_words_only(lived: Path, tmp_path: Path) -> None:
    """Nothing of it can be read without them, and the message says which flag to give."""
    back_up(lived, tmp_path / "saved", WORDS, 5.0)
    held = (tmp_path / "saved").read_bytes()
    assert b"SQLite" not in held
    assert b"PRIVATE KEY" not in held
    with pytest.raises(ConfigError, match="passphrase"):
        examine(tmp_path / "saved", b"wrong words, quite")
    with pytest.raises(ConfigError, match="--passphrase-file"):
        examine(tmp_path / "saved", b"")


def test_what_cannot_work_is_said(run_in: Any, tmp_path: Path) -> None:
    """One line, status 2."""
    run = run_in("state")
    run("key")
    (tmp_path / "words").write_text("short")
    for arguments, word in (
        (("backup", str(tmp_path / "saved"), "--passphrase-file", str(tmp_path / "words")), "12 or more"),
        (("backup", str(tmp_path / "saved"), "--passphrase-file", str(tmp_path / "none")), "none"),
        (("backup", "/proc/nowhere/saved"), "/proc/nowhere/saved"),
        (("restore", str(tmp_path / "none"), "--dry-run"), "none"),
    ):
        status, _, err = run(*arguments)
        assert (status, word in err, len(err.strip().splitlines())) == (2, True, 1)
