"""Files of the card and the data partition: written whole or not at all, read without following anybody's links.

These programs run as root in a folder that the agent's own user may write: so nothing follows a symbolic link, and a
name is only ever replaced by rename(2), which replaces the link itself. FAT knows no owner and no mode; there a rename
over an old file is two entries changed one after the other, and the draft's name is chosen so that the reader finds it
if the power went between them (choice.py). Must not live here: what is written.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

_BLOCK: Final = 1024 * 1024
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

    The old content is overwritten through a handle that outlives its name, as far as a card does what it is told.

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
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
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
        beside.replace(path)
        _settle(path)
        sync(path.parent)
        if old is not None:
            with contextlib.suppress(OSError):
                _overwrite(old)
    finally:
        if old is not None:
            os.close(old)
    return True


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


def shred(path: Path) -> None:
    """Overwrite a file with chance, then remove its name, then let the folder reach the disk (OSError)."""
    handle = _held(path)
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


def _held(path: Path) -> int | None:
    """Open an ordinary file with one name for overwriting; anything else is left alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    found = os.fstat(handle)
    # A second name would be somebody else's file.
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
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
