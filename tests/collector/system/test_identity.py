"""The collector's key: made once, kept safe, and refused rather than silently replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_collector.system.errors import ConfigError
from balise_collector.system.identity import KEY_FILE, load_or_create, public_hex


def test_it_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    """Every probe trusts this key: a second start must find the same one."""
    first = public_hex(load_or_create(tmp_path / "state"))
    path = tmp_path / "state" / KEY_FILE
    assert public_hex(load_or_create(tmp_path / "state")) == first
    assert len(first) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) == 65


@pytest.mark.parametrize("text", ["", "short", "g" * 64, "\xff" * 64])
def test_a_damaged_key_is_never_replaced(tmp_path: Path, text: str) -> None:
    """A new key would cut off every probe: the operator restores the old one."""
    path = tmp_path / KEY_FILE
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="backup"):
        load_or_create(tmp_path)
    assert path.read_bytes() == text.encode("latin-1")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The message gives the command that mends it."""
    load_or_create(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create(tmp_path)
