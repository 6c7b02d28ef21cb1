"""What the card's tests share: one good file, and a card with a data partition in two folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_wire import card, card_token
from balise_wire.card import CardConsent, CardSettings, Ssh, Wifi

TOKEN = card_token.make(bytes(range(15)))
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDHOZqYO3WZxMZ2VzZCZzlPIyVT1QCMdVlX/jm7GRpcR"
GOOD = CardSettings(
    enrol=("https://198.51.100.7:8443",),
    fingerprint="0123456789abcdef" * 4,
    token=TOKEN,
    country="PK",
    provider="cable",
    wifi=Wifi(name="Zia\u2019s house", password="correct horse", country="PK"),
    ssh=Ssh(key=SSH_KEY),
    consent=CardConsent(version=card.CONSENT_VERSION, accepted=True),
)


@pytest.fixture(name="good")
def _good() -> CardSettings:
    """Settings with every value filled in."""
    return GOOD


@pytest.fixture(name="flat")
def _flat(tmp_path: Path) -> Path:
    """Return the card's FAT partition with the good file on it."""
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / card.SETTINGS_FILE).write_bytes(card.render(GOOD).encode())
    return folder


@pytest.fixture(name="data")
def _data(tmp_path: Path) -> Path:
    """Return the data partition: what a probe that worked for a while has there."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder
