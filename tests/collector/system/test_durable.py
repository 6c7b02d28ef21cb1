"""Files that are whole or absent: one of two writers wins, and a failure leaves what was there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from balise_collector.system import durable


def test_the_first_one_wins(tmp_path: Path) -> None:
    """The second writer learns that it lost; nothing else is left in the folder."""
    path = tmp_path / "key"
    assert durable.write_once(path, b"first", durable.SECRET)
    assert not durable.write_once(path, b"second", durable.SECRET)
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the old file stays, and no draft is left."""
    path = tmp_path / "list"
    durable.replace(path, b"old", durable.PUBLIC)
    assert path.stat().st_mode & 0o777 == 0o644

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.replace(path, b"new", durable.PUBLIC)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
