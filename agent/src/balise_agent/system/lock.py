"""One agent on one state folder: a lock that the kernel lets go of however the process ends.

Must not live here: what is in the folder.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from balise_agent.system.errors import DataError


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process; two agents on one spool would throw each other off the broker.

    The kernel lets go of the lock however the process ends (flock(2)), so a kill leaves nothing to clean up.

    Raises:
        DataError: another agent has it, or there is nowhere to put the lock.
    """
    path = state_dir / "lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        # A card that turned read-only keeps its probe measuring: a lock needs no right to write.
        if error.errno != errno.EROFS or not path.exists():
            raise DataError(f"{path}: {error.strerror}; make it writable for the agent's user") from None
        handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                f"another agent already runs on {state_dir}; stop it, or give this one its own [probe] state_dir"
            ) from None
        yield
    finally:
        os.close(handle)
