"""Files are replaced whole, and what they were is overwritten where it lies, whenever the kill comes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from balise_agent.system import disk

OLD, NEW = b"the old secret" * 20, b"the new one"


class Killed(Exception):
    """The program ends here."""


@pytest.mark.parametrize("call", ["link", "rename", "sync", "overwrite"])
def test_a_kill_in_the_middle_leaves_nothing_that_is_not_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Before, at and after the rename: the old or the new file stands, and the next start overwrites the other one."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    other = os.open(path, os.O_RDONLY)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if call == "link":
            patch.setattr(os, "link", die)
        elif call == "rename":
            patch.setattr(Path, "replace", die)
        else:
            patch.setattr(disk, {"sync": "sync", "overwrite": "_overwrite"}[call], die)
        with pytest.raises(Killed):
            disk.replace(path, NEW, draft=".file.new")
    stands = path.read_bytes()
    assert stands in {OLD, NEW}
    disk.sweep(tmp_path)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    if stands == NEW:
        assert os.pread(other, len(OLD), 0) != OLD
    os.close(other)


def test_what_is_replaced_is_overwritten(tmp_path: Path) -> None:
    """The blocks that the name stood for hold chance, and no second name is left."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    other = os.open(path, os.O_RDONLY)
    assert disk.replace(path, NEW, draft=".file.new")
    assert os.pread(other, len(OLD), 0) != OLD
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
    os.close(other)


def test_a_file_with_two_names_of_ours_is_overwritten(tmp_path: Path) -> None:
    """A kill while a key was made leaves it under two names; one outside our folder is somebody else's."""
    (tmp_path / "ours").mkdir()
    key, outside = tmp_path / "ours" / "probe.key", tmp_path / "outside"
    key.write_bytes(OLD)
    os.link(key, tmp_path / "ours" / "probe.key.7.new")
    outside.write_bytes(OLD)
    os.link(outside, tmp_path / "ours" / "foreign")
    other = os.open(key, os.O_RDONLY)
    known = disk.links(tmp_path / "ours")
    for path in sorted((tmp_path / "ours").iterdir()):
        disk.shred(path, known)
    assert os.pread(other, len(OLD), 0) != OLD
    assert outside.read_bytes() == OLD
    os.close(other)
