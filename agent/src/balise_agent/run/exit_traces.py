"""What the last run left on this board: traces of kernel, firmware and watchdog, and our own last warnings.

Lives here: reading those files below a root, and the ring of warnings on the data partition, scrubbed and written
seldom. Must not live here: what they mean (last_exit.py).
"""

import contextlib
import logging
from collections import deque
from pathlib import Path
from typing import Final

from balise_agent.policy.redaction import redacted
from balise_agent.run.last_exit import Traces
from balise_agent.system import disk

WARNINGS_FILE: Final = "warnings"
MOST_WARNINGS: Final = 20
MOST_TOLD: Final = 5
_LONGEST: Final = 200


def read(boot: str, boot_before: str, *, ended: bool, uptime_s: float | None, root: Path = Path("/")) -> Traces:
    """Read what kernel and firmware left below ``root``; each file may be missing."""
    return Traces(
        boot=boot,
        boot_before=boot_before,
        ended=ended,
        panic=_any(root / "sys/fs/pstore", "dmesg-*"),
        watchdog=_watchdog(root),
        reset=_reset(root),
        uptime_s=uptime_s,
    )


def _any(folder: Path, pattern: str) -> bool:
    try:
        return any(folder.glob(pattern))
    except OSError:
        return False


def _watchdog(root: Path) -> int:
    """Return the bits of all hardware watchdogs (sysfs: decimal)."""
    found = 0
    for path in sorted((root / "sys/class/watchdog").glob("watchdog*/bootstatus")):
        with contextlib.suppress(OSError, ValueError):
            found |= int(path.read_text(encoding="ascii").strip(), 0)
    return found


def _reset(root: Path) -> int | None:
    """Return the firmware's word about the reset (a big-endian cell of the device tree)."""
    with contextlib.suppress(OSError):
        content = (root / "proc/device-tree/chosen/bootloader/rsts").read_bytes()
        if len(content) == 4:
            return int.from_bytes(content, "big")
    return None


class Warnings(logging.Handler):
    """A log handler that keeps the last warnings of this run, scrubbed of addresses and names of machines."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.WARNING)
        self._path = path
        self._lines: deque[str] = deque(maxlen=MOST_WARNINGS)
        self._changed = False
        self.before = _lines(path)
        """Of the run before, oldest first."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; the same one again is kept once."""
        line = redacted(f"{record.name.rpartition('.')[2]}: {record.getMessage()}", _LONGEST)
        if line not in self._lines:
            self._lines.append(line)
            self._changed = True

    def keep(self) -> None:
        """Write them down, if there are new ones; a disk that refuses costs them and nothing else."""
        if not self._changed:
            return
        text = "".join(f"{line}\n" for line in self._lines)
        with contextlib.suppress(OSError):
            disk.replace(self._path, text.encode(), draft=f".{self._path.name}.new")
            self._changed = False


def _lines(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(redacted(line, _LONGEST) for line in lines[-MOST_WARNINGS:] if line.strip())
