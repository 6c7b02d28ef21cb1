"""Files that are whole or absent, also after a power cut: written beside their place, synced, then moved there.

Lives here: the two ways of putting a file in its place, and syncing. Must not live here: what is in it, or who may
read it (the caller gives the mode).
"""

import os
import secrets
from pathlib import Path
from typing import IO, Final

SECRET: Final = 0o600
PUBLIC: Final = 0o644


def write_once(path: Path, data: bytes, mode: int) -> bool:
    """Put ``data`` at ``path`` unless something is there: of two programs at once one wins; False for the other.

    Raises:
        OSError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    draft = _draft(path, data, mode)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def replace(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Put ``data`` at ``path`` in the place of what was there (OSError as for ``write_once``).

    ``owner`` is the user and group that the file is given to before it is there; without it, ours.
    """
    draft = _draft(path, data, mode)
    try:
        if owner is not None:
            os.chown(draft, *owner)
        draft.replace(path)
    except OSError:
        draft.unlink()
        raise
    sync_folder(path.parent)


def _draft(path: Path, data: bytes, mode: int) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(handle, mode)
            sync(file)
    except OSError:
        draft.unlink()
        raise
    return draft


def sync(file: IO[bytes]) -> None:
    """See that what was written to an open file is on disk (OSError where it is not)."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See that a folder's own entries are on disk (OSError where they are not)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
