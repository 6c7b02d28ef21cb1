"""What a box counted, in a small shared file: it can be read while the box works and after it died.

Lives here: three 64-bit counters behind mmap. `seen`: packets looked at; `matched`: those that fitted; `fired`: packets
dropped or made up.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

FORMAT = struct.Struct("=QQQ")


@dataclass(frozen=True)
class Counters:
    """A reading."""

    seen: int = 0
    matched: int = 0
    fired: int = 0

    def plus(self, other: "Counters") -> "Counters":
        """Sum of two readings of one box: its program's and the kernel's."""
        return Counters(self.seen + other.seen, self.matched + other.matched, self.fired + other.fired)


class Tally:
    """The writing side."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(FORMAT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), FORMAT.size)
        self._now = [0, 0, 0]

    def add(self, seen: int = 0, matched: int = 0, fired: int = 0) -> None:
        """Count."""
        self._now[0] += seen
        self._now[1] += matched
        self._now[2] += fired
        FORMAT.pack_into(self._map, 0, *self._now)


def read(path: Path) -> Counters:
    """The reading of a file; zero when there is none yet."""
    if not path.exists():
        return Counters()
    return Counters(*FORMAT.unpack(path.read_bytes()[: FORMAT.size]))
