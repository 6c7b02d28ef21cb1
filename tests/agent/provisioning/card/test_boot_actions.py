"""The two boot actions on real folders: nothing speaks before consent, nothing good is lost, secrets leave the card."""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from balise_agent.provisioning.card import boot_actions, boot_partition, store
from balise_agent.provisioning.card.boot_actions import Places, read_card, write_card
from balise_agent.provisioning.card.merge import digest
from balise_agent.system import config, disk
from balise_wire import card, card_token
from balise_wire.card import CardConsent, CardSettings, HardwareAddress, Ssh, Wifi

NOW = 1_800_000_000.0
LINKS = ["20-wired.network.d/card.conf", "20-wireless.network.d/card.conf"]
"""What lifts the image's own order to keep every link down."""


@pytest.fixture(name="places")
def _places(tmp_path: Path, flat: Path, data: Path) -> Places:
    return Places(card=flat, data=data, links=tmp_path / "run" / "network", run=tmp_path / "run" / "own")


def put(flat: Path, settings: CardSettings) -> None:
    """Write a settings file onto the card."""
    (flat / card.SETTINGS_FILE).write_bytes(card.render(settings).encode())


def status(flat: Path) -> str:
    """Return what a person reads."""
    return (flat / card.STATUS_FILE).read_bytes().decode()


def enrol(data: Path, token: str) -> None:
    """Leave what the agent leaves after it was enrolled."""
    (data / "enrolment").mkdir(exist_ok=True)
    (data / "enrolment" / "token").write_text(digest(card_token.normalise(token)))
    (data / "enrolment" / "enrolled").touch()


def tree(folder: Path) -> list[str]:
    """Return the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_first_start_prepares_everything(places: Places, flat: Path, data: Path, good: CardSettings) -> None:
    """Overlay for the agent, Wi-Fi, made-up addresses, the key for logging in, a status; each for whom it is meant."""
    outcome = read_card(places, NOW)
    assert outcome.failures == ()
    overlay = data / "card.toml"
    loaded = config.parse(config.overlaid({"probe": {"settings": "/x"}}, tomllib.loads(overlay.read_text()), "x"), "x")
    assert loaded.enrolment.urls == good.enrol
    assert loaded.enrolment.token == card_token.normalise(good.token)
    assert (loaded.probe.country, loaded.probe.provider) == ("PK", "cable")
    assert loaded.consent.accepted
    assert loaded.consent.version == card.CONSENT_VERSION
    assert overlay.stat().st_mode & 0o777 == 0o600
    assert (data / "card.json").stat().st_mode & 0o777 == 0o600
    assert tree(places.links) == LINKS
    assert tree(places.run) == ["authorized_keys", "wlan0.conf"]
    assert (places.run / "wlan0.conf").stat().st_mode & 0o777 == 0o600
    assert (places.links / LINKS[0]).stat().st_mode & 0o777 == 0o644
    assert "everything was understood" in status(flat)
    assert "2027-01-15 08:00 UTC" in status(flat)
    assert status(flat).count("\r\n") == status(flat).count("\n")


def test_without_consent_the_network_stays_down(places: Places, flat: Path, data: Path, good: CardSettings) -> None:
    """Before the first packet comes the host's word; a word that is taken back ends everything at the next start."""
    put(flat, msgspec.structs.replace(good, consent=CardConsent()))
    read_card(places, NOW)
    assert tree(places.links) == []
    assert tree(places.run) == []
    assert not tomllib.loads((data / "card.toml").read_text())["consent"]["accepted"]
    assert "nobody has agreed yet" in status(flat)
    put(flat, good)
    read_card(places, NOW)
    assert tree(places.links) == LINKS
    assert all("ActivationPolicy=up" in (places.links / name).read_text() for name in LINKS)
    put(flat, msgspec.structs.replace(good, consent=CardConsent()))
    read_card(places, NOW)
    assert tree(places.links) == []


def test_the_made_up_addresses_are_kept(places: Places, flat: Path, good: CardSettings) -> None:
    """Made once, unicast and locally administered, two different ones; or none where the host wants the chip's own."""
    read_card(places, NOW)
    first = [(places.links / name).read_text() for name in tree(places.links)]
    read_card(places, NOW)
    assert [(places.links / name).read_text() for name in tree(places.links)] == first
    assert len(set(first)) == 2
    assert all(re.search(r"^MACAddress=[0-9a-f]2(:[0-9a-f]{2}){5}$", text, re.MULTILINE) for text in first)
    own = card.CardNetwork(hardware_address=HardwareAddress.OWN)
    put(flat, msgspec.structs.replace(good, network=own))
    read_card(places, NOW)
    assert ["MACAddress" in (places.links / name).read_text() for name in LINKS] == [False, False]


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"what is this", bytes(range(256)) * 20, None])
def test_a_spoilt_card_never_bricks(places: Places, flat: Path, data: Path, content: bytes | None) -> None:
    """The last good settings stay in force in every file that was made of them, and the status says what to do."""
    read_card(places, NOW)
    enrol(data, "x")
    before = {
        path: path.read_bytes()
        for folder in (data, places.links, places.run)
        for path in folder.rglob("*.*")
        if path.is_file()
    }
    if content is None:
        (flat / card.SETTINGS_FILE).unlink()
    else:
        (flat / card.SETTINGS_FILE).write_bytes(content)
    outcome = read_card(places, NOW + 60)
    after = {path: path.read_bytes() for path in before}
    assert {path.name for path in before if after[path] != before[path]} <= {"card.txt"}
    assert "the last good settings stay in force" in outcome.told
    assert "copy the file you were given" in outcome.told


def test_secrets_leave_the_card_once_they_are_used(places: Places, flat: Path, data: Path, good: CardSettings) -> None:
    """Not before: the token is still needed. Then every copy is blanked, and the next start works without."""
    (flat / "balise (1).toml").write_bytes(card.render(good).encode("utf-16"))
    original = (flat / card.SETTINGS_FILE).read_bytes()
    read_card(places, NOW)
    agent = data / "agent.txt"
    agent.write_text("state: working\nwritten: 2026-11-21 22:00 UTC\n")
    write_card(flat, data, agent)
    assert (flat / card.SETTINGS_FILE).read_bytes() == original
    enrol(data, good.token)
    write_card(flat, data, agent)
    for path in flat.iterdir():
        for secret in (good.token, card_token.normalise(good.token), good.wifi.password):
            assert secret.encode() not in path.read_bytes()
            assert secret.encode("utf-16-le") not in path.read_bytes()
    assert (flat / card.SETTINGS_FILE).read_bytes() == card.blank(original.decode()).encode()
    assert "state: working\r\n" in status(flat)
    read_card(places, NOW + 600)
    assert tomllib.loads((data / "card.toml").read_text())["enrolment"].keys() == {"urls", "fingerprint"}
    assert "sae_password=" + good.wifi.password.encode().hex() in (places.run / "wlan0.conf").read_text()
    assert "empty" not in status(flat)


def test_a_second_token_waits_until_it_is_used(places: Places, flat: Path, data: Path, good: CardSettings) -> None:
    """A box that is enrolled and gets a new token keeps it on the card until the agent has spent that one."""
    enrol(data, good.token)
    token = card_token.make(bytes(15))
    put(flat, msgspec.structs.replace(good, token=token))
    read_card(places, NOW)
    write_card(flat, data, data / "none")
    assert token.encode() in (flat / card.SETTINGS_FILE).read_bytes()
    assert card_token.normalise(token) in (data / "card.toml").read_text()


@pytest.mark.parametrize("name", ["pause", "PAUSE.TXT", "pause.txt"])
def test_a_pause_on_the_card_is_followed_and_ended(places: Places, flat: Path, data: Path, name: str) -> None:
    """The agent looks for one mark; who set it ends it."""
    (flat / name).touch()
    read_card(places, NOW)
    assert (data / "paused").exists()
    assert "Paused" in status(flat)
    (flat / name).unlink()
    read_card(places, NOW)
    assert not (data / "paused").exists()


def test_a_pause_by_command_outlives_a_start(places: Places, data: Path) -> None:
    """The card's silence says nothing against it."""
    (data / "paused").write_bytes(store.BY_COMMAND)
    read_card(places, NOW)
    assert (data / "paused").exists()


def test_a_card_that_turned_read_only_costs_the_status_only(
    places: Places, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worn-out cards do that; the box goes on, and the command says what failed."""

    def refuse(*_: object) -> bool:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(boot_partition, "write_status", refuse)
    outcome = read_card(places, NOW)
    assert outcome.failures == ("the card cannot be written: Read-only file system",)
    assert (data / "card.toml").exists()
    assert tree(places.run) == ["authorized_keys", "wlan0.conf"]


def test_a_full_data_partition_still_gives_a_network(
    places: Places, flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be done is done, and the status says the rest."""
    whole = disk.replace

    def full(path: Path, text: bytes, **more: object) -> bool:
        if path.parent == places.data:
            raise OSError(28, os.strerror(28))
        return whole(path, text, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(disk, "replace", full)
    assert read_card(places, NOW).failures
    assert "the data partition cannot be written: No space left on device" in status(flat)
    assert tree(places.run) == ["authorized_keys", "wlan0.conf"]


def test_no_secret_is_logged_or_told(places: Places, good: CardSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log nor the status nor the notes know token or password, also in a spoilt file."""
    text = card.render(good).replace(good.token, good.token[:-1] + "=").replace("password =", "pass word =")
    (places.card / card.SETTINGS_FILE).write_text(text)
    with caplog.at_level(logging.DEBUG):
        outcome = read_card(places, NOW)
    told = outcome.told + caplog.text + (places.data / "card.txt").read_text()
    for secret in (good.token, good.token[:-1], good.wifi.password):
        assert secret not in told


def test_a_link_is_never_followed(places: Places, data: Path, tmp_path: Path) -> None:
    """Root writes into a folder of the agent's: a link that a broken-into agent leaves there leads nowhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("card.toml", "card.json", "card.txt", ".card.new", "paused"):
        (data / name).symlink_to(victim)
    (places.card / "pause").touch()
    read_card(places, NOW)
    assert victim.read_text() == "precious"


def failing_at(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the power go at the n-th system call that writes."""
    left = calls

    def counted(whole: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return whole(*arguments, **more)

        return call

    for name in ("fsync", "write", "replace", "rename", "unlink", "open"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


def test_a_power_cut_leaves_the_old_settings_or_the_new(
    flat: Path, data: Path, good: CardSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever call: the file on the card is whole, and blanking ends at the next try."""
    enrol(data, good.token)
    path = flat / card.SETTINGS_FILE
    old = path.read_bytes()
    new = card.blank(old.decode()).encode()
    seen, finished = set(), False
    for calls in range(60):
        path.write_bytes(old)
        with monkeypatch.context() as patch:
            failing_at(calls, patch)
            try:
                write_card(flat, data, data / "none")
                finished = True
            except KeyboardInterrupt:
                finished = False
        assert path.read_bytes() in {old, new}
        seen.add(path.read_bytes())
        write_card(flat, data, data / "none")
        assert path.read_bytes() == new
        if finished:
            break
    assert seen == {old, new}
    assert finished


def test_the_status_is_written_when_it_says_something_new(flat: Path, data: Path) -> None:
    """Each write wears the card."""
    agent = data / "agent.txt"
    agent.write_text("state: working\n")
    write_card(flat, data, agent)
    inode = (flat / card.STATUS_FILE).stat().st_ino
    write_card(flat, data, agent)
    assert (flat / card.STATUS_FILE).stat().st_ino == inode


@pytest.mark.parametrize(
    ("wifi", "lines"),
    [
        (
            Wifi(name="IEEE", password="password", country="TM"),
            [
                "country=TM",
                "ssid=49454545",
                "psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e",  # IEEE 802.11-2020, J.4.2
                "sae_password=70617373776f7264",
                "SAE WPA-PSK",
            ],
        ),
        (
            Wifi(name='a"b}', password="ab" * 32),
            [f"psk={'ab' * 32}", "key_mgmt=WPA-PSK\n", "ssid=6122627d", "country=PK"],
        ),
        (Wifi(name="cafe", open=True, hidden=True), ["key_mgmt=NONE", "scan_ssid=1"]),
        (Wifi(name="cafe"), None),
        (Wifi(), None),
    ],
)
def test_the_wireless_file_needs_no_escapes(
    places: Places, flat: Path, good: CardSettings, wifi: Wifi, lines: list[str] | None
) -> None:
    """Names and secrets go in as hex; no name can end its line or its block."""
    put(flat, msgspec.structs.replace(good, wifi=wifi, ssh=Ssh()))
    read_card(places, NOW)
    assert tree(places.run) == ([] if lines is None else [boot_actions.SUPPLICANT])
    if lines is not None:
        text = (places.run / boot_actions.SUPPLICANT).read_text()
        assert [line for line in lines if line not in text] == []
        assert text.count("{") == text.count("}") == 1
