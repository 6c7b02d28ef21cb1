"""A wipe destroys the key first, ends what it began whatever happens, and leaves a box that stays silent."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from balise_agent.provisioning.card import store, wiping
from balise_agent.provisioning.card.boot_actions import Places, read_card
from balise_agent.run import cli
from balise_agent.system import disk
from balise_agent.system.errors import ConfigError
from balise_wire import card, card_token
from balise_wire.card import CardSettings

NOW = 1_800_000_000.0
KEPT = {
    "probe.key": b"00" * 32,
    "spool.sqlite": b"results",
    "spool.sqlite-wal": b"more",
    "assignment": b"targets",
    "clock": b"1",
}


@pytest.fixture(name="places")
def _places(tmp_path: Path, flat: Path, data: Path) -> Places:
    """Return a box that worked for a while, with the order to wipe on its card."""
    places = Places(card=flat, data=data, links=tmp_path / "links", run=tmp_path / "run", also=(tmp_path / "log",))
    read_card(places, NOW)
    for name, content in KEPT.items():
        (data / name).write_bytes(content)
    (data / "enrolment").mkdir()
    (data / "enrolment" / "client.key").write_bytes(b"PRIVATE")
    (data / "enrolment" / "enrolled").touch()
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "old.journal").write_bytes(b"lines")
    (flat / "Wipe.TXT").touch()
    return places


def assert_wiped(places: Places, good: CardSettings) -> None:
    """Nothing is left but the mark; the card has no secret and no order."""
    assert {path.name for path in places.data.iterdir()} <= {"wiped", "card.txt"}
    assert list(places.also[0].iterdir()) == []
    everything = b"".join(path.read_bytes() for path in places.card.iterdir())
    for secret in (good.token, good.wifi.password):
        assert secret.encode() not in everything
    assert "Wipe.TXT" not in {path.name for path in places.card.iterdir()}
    assert "This box was wiped" in (places.card / card.STATUS_FILE).read_text()
    assert [path for path in places.links.rglob("*") if path.is_file()] == []
    assert list(places.run.rglob("*")) == []


def test_the_file_on_the_card_wipes_everything(places: Places, good: CardSettings) -> None:
    """One start, and the box knows nothing any more."""
    assert read_card(places, NOW).failures == ()
    assert_wiped(places, good)


def test_the_key_goes_first(places: Places) -> None:
    """What is cut short afterwards is results of nobody."""
    steps = wiping.wipe(places.data, card=places.card, now=NOW)
    names = [next(steps) for _ in range(3)]
    assert names == ["wiping", "probe.key", "client.key"]
    assert not (places.data / "probe.key").exists()
    assert not (places.data / "enrolment" / "client.key").exists()
    assert (places.data / "spool.sqlite").exists()


def test_what_is_removed_was_overwritten(places: Places) -> None:
    """As far as a card does what it is told: the old bytes are gone from the file before its name is."""
    other = os.open(places.data / "probe.key", os.O_RDONLY)
    try:
        list(wiping.wipe(places.data, card=places.card, now=NOW))
        assert len(content := os.pread(other, 100, 0)) == 64
        assert content != KEPT["probe.key"]
    finally:
        os.close(other)


@pytest.mark.slow
@pytest.mark.parametrize("again", [1, 2])
def test_a_wipe_that_lost_its_power_goes_on(
    places: Places, good: CardSettings, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between any two steps, also several times: the next start ends it, before anything else runs."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power goes here, and a disk takes its time
    total = 0
    for kill in range(1, 40):
        for _ in range(again):
            steps = wiping.wipe(places.data, card=places.card, also=places.also, now=NOW)
            total = sum(1 for _ in zip(range(kill), steps, strict=False))
            steps.close()
            if not (places.data / "wiped").exists():
                with pytest.raises(ConfigError, match="not finished"):
                    wiping.refuse(places.data)
        assert read_card(places, NOW).failures == ()
        assert_wiped(places, good)
        with pytest.raises(ConfigError, match="new token"):
            wiping.refuse(places.data)
        if total < kill:
            break
        # The same board once more, set up anew with another token.
        (places.card / card.SETTINGS_FILE).write_bytes(
            card.render(msgspec.structs.replace(good, token=card_token.make(bytes([kill] * 15)))).encode()
        )
        read_card(places, NOW)
        (places.data / "probe.key").write_bytes(KEPT["probe.key"])
        (places.data / "spool.sqlite").write_bytes(KEPT["spool.sqlite"])
        (places.also[0] / "new.journal").touch()
        (places.card / "Wipe.TXT").touch()
    assert total < kill


def test_a_wiped_box_stays_silent_until_a_new_token_comes(places: Places, data: Path, good: CardSettings) -> None:
    """Not by itself, not by the old token on an old card; a new one begins a new life."""
    read_card(places, NOW)
    for _ in range(2):
        assert "This box was wiped" in read_card(places, NOW).told
    (places.card / card.SETTINGS_FILE).write_bytes(card.render(good).encode())
    told = read_card(places, NOW).told
    assert "this token was here when the box was wiped; ask for a new one" in told
    assert not (data / "card.toml").exists()
    fresh = msgspec.structs.replace(good, token=card_token.make(bytes(15)))
    (places.card / card.SETTINGS_FILE).write_bytes(card.render(fresh).encode())
    assert "Starting." in read_card(places, NOW).told
    assert (data / "card.toml").exists()
    assert not (data / "wiped").exists()
    wiping.refuse(data)


def test_a_full_disk_does_not_save_the_key(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the mark can be written, the key goes all the more; the order stays on the card."""

    def full(*_: object, **__: object) -> bool:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", full)
        assert read_card(places, NOW).failures
    assert not (places.data / "probe.key").exists()
    assert not (places.data / "spool.sqlite").exists()
    assert (places.card / "Wipe.TXT").exists()
    assert read_card(places, NOW).failures == ()
    assert (places.data / "wiped").exists()


def test_links_are_removed_and_not_followed(places: Places, tmp_path: Path) -> None:
    """A wipe never reaches outside its folders."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    (places.data / "folder").symlink_to(outside)
    (places.data / "link").symlink_to(outside / "file")
    os.link(outside / "file", places.data / "second-name")
    read_card(places, NOW)
    assert (outside / "file").read_text() == "precious"


def test_the_command_waits_for_the_agent_and_asks(
    places: Places, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing happens without a yes; with it the same end as by the card."""
    arguments = ["wipe", "--data", str(data), "--card", str(places.card)]
    assert cli.main(arguments) == 2
    assert "add --yes" in capsys.readouterr().err
    assert (data / "probe.key").exists()
    assert cli.main([*arguments, "--yes", "--also", str(places.also[0])]) == 0
    assert "stays silent" in capsys.readouterr().out
    assert {path.name for path in data.iterdir()} == {"wiped"}
    assert list(places.also[0].iterdir()) == []


@pytest.mark.slow
def test_a_running_agent_lets_go_and_none_starts_again(tmp_path: Path, data: Path) -> None:
    """The wipe ends whoever runs in the folder, without a kill, and nobody becomes a probe there afterwards."""
    settings = tmp_path / "agent.toml"
    settings.write_text(f'[probe]\nstate_dir = "{data}"\nsettings = "{data}/card.toml"\n')
    run = (sys.executable, "-m", "balise_agent", "--config", str(settings), "run")
    with subprocess.Popen(run, stderr=subprocess.DEVNULL) as agent:
        while not (data / "status.json").exists():
            assert agent.poll() is None
            select.select([], [], [], 0.02)
        wipe = (sys.executable, "-m", "balise_agent", "wipe", "--yes", "--config", str(settings))
        assert subprocess.run(wipe, check=False, timeout=20, stdout=subprocess.DEVNULL).returncode == 0
        assert agent.wait(10) == 0
    assert {path.name for path in data.iterdir()} == {"wiped"}
    again = subprocess.run(run, check=False, timeout=20, capture_output=True, text=True)
    assert again.returncode == 2
    assert "stays silent" in again.stderr
    assert {path.name for path in data.iterdir()} == {"wiped"}


def test_the_mark_is_there_before_the_agent_ends(places: Places, data: Path) -> None:
    """A running agent holds its lock; the mark is what makes it end."""
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wiping.begin(data, card=places.card)
        assert wiping.wanted(data)
    marks = store.marks(data, store.WIPING)
    assert marks is not None
    assert len(marks.tokens) == 1


def test_pause_and_resume_by_command(data: Path, flat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One mark, set and taken away; a pause that the card asked for is told."""
    assert cli.main(["pause", "--data", str(data)]) == 0
    assert (data / "paused").exists()
    assert cli.main(["resume", "--data", str(data)]) == 0
    assert not (data / "paused").exists()
    (flat / "pause.txt").touch()
    read_card(Places(card=flat, data=data, links=data / "links", run=data / "run"), NOW)
    capsys.readouterr()
    assert cli.main(["resume", "--data", str(data)]) == 0
    assert "take the file named pause off the card" in capsys.readouterr().out
    assert cli.main(["resume", "--data", str(data)]) == 0


def test_commands_say_the_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there is an operator's mistake, with the option that mends it."""
    assert cli.main(["pause", "--data", str(tmp_path / "none")]) == 2
    assert "--data" in capsys.readouterr().err


def test_the_boot_actions_by_command(
    tmp_path: Path, flat: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the units call: the same words on the terminal as on the card."""
    links, run = tmp_path / "links", tmp_path / "run"
    read = [
        "card",
        "read",
        "--card",
        str(flat),
        "--data",
        str(data),
        "--network-dir",
        str(links),
        "--run-dir",
        str(run),
    ]
    assert cli.main(read) == 0
    told = capsys.readouterr().out
    assert told.encode() == (flat / card.STATUS_FILE).read_bytes().replace(b"\r\n", b"\n")
    agent = tmp_path / "status.txt"
    agent.write_text("state: working\n")
    assert cli.main(["card", "write", "--card", str(flat), "--data", str(data), "--status", str(agent)]) == 0
    assert "state: working" in (flat / card.STATUS_FILE).read_text()
    assert cli.main([*read, "--card", str(flat / "none"), "--data", str(data / "none")]) == 1
    assert "cannot be written" in capsys.readouterr().err
