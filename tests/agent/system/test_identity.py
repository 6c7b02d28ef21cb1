"""The key is made once, kept private, and never silently replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from balise_agent.system.errors import ConfigError
from balise_agent.system.identity import ephemeral, load_or_create

if TYPE_CHECKING:
    from pathlib import Path


def test_the_key_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    """Same key, same secret; 64 hex digits and a newline; nobody else can read it."""
    first = load_or_create(tmp_path / "state")
    again = load_or_create(tmp_path / "state")
    path = tmp_path / "state" / "probe.key"
    assert first.public_hex == again.public_hex
    assert first.jitter_secret == again.jitter_secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) == 65
    assert [found.name for found in path.parent.iterdir()] == ["probe.key"]


def test_two_devices_jitter_differently() -> None:
    """The secret is the device's own, and it is not the key."""
    one, two = ephemeral(), ephemeral()
    assert one.jitter_secret != two.jitter_secret
    assert one.jitter_secret != one.key.private_bytes_raw()


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 33])
def test_a_spoilt_key_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    """A new key would make the probe a stranger to its collector: the operator decides."""
    path = tmp_path / "probe.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"probe\.key: not a 64-digit hex seed; restore it"):
        load_or_create(tmp_path)
    assert path.read_text() == content


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With the mend in the message."""
    load_or_create(tmp_path)
    (tmp_path / "probe.key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The message names the setting."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"\[probe\] state_dir"):
        load_or_create(tmp_path / "file" / "state")
