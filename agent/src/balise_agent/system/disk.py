"""Files of the card and the data partition: whole or not at all, no copy left behind, nobody's links followed.

These programs run as root in a folder that the agent's own user may write: so nothing follows a symbolic link, and a
name is only ever replaced by rename(2), which replaces the link itself. What a name stood for before is overwritten
where it lies, and keeps a second name until it is: a kill in between leaves it to be found, not in free space. FAT
knows no owner and no mode; there a rename over an old file is two entries changed one after the other, and the draft's
name is chosen so that the reader finds it if the power went between them (choice.py). Must not live here: what is
written.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import struct
import time
from collections import Counter
from pathlib import Path
from typing import Final

_BLOCK: Final = 1024 * 1024
_FITRIM: Final = 0xC0185879
"""ioctl of linux/fs.h: _IOWR('X', 121, struct fstrim_range)."""
_LEFTOVERS: Final = ("*.new", ".*.new", ".*.old")
Inode = tuple[int, int]
"""Device and number."""
_LARGEST: Final = 256 * 1024
"""Bytes read of any file in this room."""


def content(path: Path, limit: int = _LARGEST) -> bytes | None:
    """Return at most ``limit`` bytes of an ordinary file, ``None`` where there is none that can be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with contextlib.suppress(OSError):
            return file.read(limit)
    return None


def replace(path: Path, text: bytes, *, draft: str, mode: int | None = 0o600, like: Path | None = None) -> bool:
    """Write a file whole: draft, fsync, rename, fsync of the folder; return whether anything had to be written.

    The old content is overwritten where it lies, as far as a card does what it is told. On ext4 it has a second name
    until then (``.<name>.old``), which ``sweep`` finds after a kill; FAT has no second names.

    Args:
        path: the file.
        text: what it shall hold.
        draft: name of the draft beside it.
        mode: permissions; ``None`` on FAT.
        like: whose owner the file gets; ``None``: the caller's.

    Raises:
        OSError: the old file is as it was.
    """
    if content(path, len(text) + 1) == text:
        return False
    beside = path.with_name(draft)
    if os.path.lexists(beside):
        shred(beside)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, text)
        if mode is not None:
            os.fchmod(handle, mode)
        if like is not None and os.geteuid() == 0:
            owner = like.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fsync(handle)
    finally:
        os.close(handle)
    old = _held(path)
    try:
        second = None if old is None else _second_name(path)
        beside.replace(path)
        _settle(path)
        sync(path.parent)
        if old is not None:
            with contextlib.suppress(OSError):
                _overwrite(old)
        if second is not None:
            second.unlink(missing_ok=True)
    finally:
        if old is not None:
            os.close(old)
    return True


def _second_name(path: Path) -> Path | None:
    """Give a file a name under which it is found once its own stands for another one; ``None`` where there are none."""
    second = path.with_name(f".{path.name}.old")
    with contextlib.suppress(OSError):
        if os.path.lexists(second):
            shred(second)
        os.link(path, second, follow_symlinks=False)
        return second
    return None


def sweep(folder: Path) -> None:
    """Overwrite and remove what a kill left beside the files of a folder; what cannot be is left for a wipe.

    For whoever alone writes there.
    """
    for pattern in _LEFTOVERS:
        for path in sorted(folder.glob(pattern)):
            with contextlib.suppress(OSError):
                if not path.is_dir():
                    shred(path)


def _settle(path: Path) -> None:
    """Let a renamed file's own entry reach the disk.

    On FAT an entry is its file's inode: a rename writes a new one of 0 bytes, and size and place follow with the inode,
    up to a minute later. A power cut in between would leave an empty file where the old one was.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def blank(path: Path) -> None:
    """Overwrite a file where it lies, and leave it there (OSError); one that is not there is fine."""
    handle = _held(path)
    if handle is not None:
        try:
            _overwrite(handle)
        finally:
            os.close(handle)


def links(folder: Path) -> Counter[Inode]:
    """Return how many names each file has in a folder and below it; links to folders are not followed."""
    found: Counter[Inode] = Counter()
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                entry = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - as os.walk gives them
                found[entry.st_dev, entry.st_ino] += 1
    return found


def shred(path: Path, ours: Counter[Inode] | None = None) -> None:
    """Overwrite a file with chance, then remove its name, then let the folder reach the disk (OSError).

    Args:
        path: the file.
        ours: names that are known to be ours, by file (``links``): one with more names than these is somebody else's.
    """
    handle = _held(path, ours)
    if handle is not None:
        try:
            # A file that refuses to be overwritten is still to lose its name.
            with contextlib.suppress(OSError):
                _overwrite(handle)
        finally:
            os.close(handle)
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Let a folder's names reach the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(folder: Path) -> bool:
    """Tell the disk below a folder's file system that everything free in it is worth nothing; False where it refuses.

    What a card makes of it is the card's (fstrim(8)); on most, free blocks read as nothing from then on.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
        fcntl.ioctl(handle, _FITRIM, struct.pack("=QQQ", 0, 2**64 - 1, 0))
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def fill(folder: Path, name: str, seconds: float) -> bool:
    """Overwrite what is free in a folder's file system by a file that takes all of it; False where time was too short.

    Args:
        folder: where.
        name: of the file, which is removed again.
        seconds: real ones, at most.
    """
    path = folder / name
    end = time.monotonic() + seconds
    block = secrets.token_bytes(_BLOCK)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    size = _BLOCK
    try:
        while time.monotonic() < end:
            try:
                os.write(handle, block[:size])
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
                if size < 512:
                    os.fsync(handle)
                    return True
        return False
    finally:
        os.close(handle)
        path.unlink(missing_ok=True)
        sync(folder)


def is_apart(folder: Path) -> bool:
    """Tell whether a folder lies on a block device that is not the system's own: a card's data partition."""
    device = folder.stat().st_dev
    return os.major(device) != 0 and device != Path("/").stat().st_dev


def _held(path: Path, ours: Counter[Inode] | None = None) -> int | None:
    """Open an ordinary file for overwriting, if all its names are ours; anything else is left alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    found = os.fstat(handle)
    # A name that we do not know would be somebody else's file.
    known = max(1, ours[found.st_dev, found.st_ino]) if ours is not None else 1
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= known:
        return handle
    os.close(handle)
    return None


def _overwrite(handle: int) -> None:
    """Write chance over the whole length of an open file."""
    left = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    while left > 0:
        left -= os.write(handle, secrets.token_bytes(min(left, _BLOCK)))
    os.fsync(handle)
