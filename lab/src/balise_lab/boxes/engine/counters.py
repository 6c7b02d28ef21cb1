"""What a box counted, in a small shared file: it can be read while the box works and after it died.

Lives here: four 64-bit counters behind mmap. `seen`: packets looked at; `matched`: those that fitted; `fired`: packets
dropped or made up; `flows`: flows that a matching packet was of. A sender that is kept waiting sends a packet again: it
is matched again, and its flow is counted once.
"""

import mmap
import struct
from dataclasses import astuple, dataclass
from pathlib import Path

FORMAT = struct.Struct("=QQQQ")


@dataclass(frozen=True)
class Counters:
    """A reading."""

    seen: int = 0
    matched: int = 0
    fired: int = 0
    flows: int = 0
    """Of the box's program; the kernel's own rules tell no flows apart and count none."""

    def plus(self, other: "Counters") -> "Counters":
        """Sum of two readings of one box: its program's and the kernel's."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Counters(*(one + another for one, another in pairs))


class Tally:
    """The writing side."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(FORMAT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), FORMAT.size)
        self._now = [0, 0, 0, 0]

    def add(self, seen: int = 0, matched: int = 0, fired: int = 0, flows: int = 0) -> None:
        """Count."""
        self._now = [before + more for before, more in zip(self._now, (seen, matched, fired, flows), strict=True)]
        FORMAT.pack_into(self._map, 0, *self._now)


def read(path: Path) -> Counters:
    """The reading of a file; zero when there is none yet."""
    if not path.exists():
        return Counters()
    return Counters(*FORMAT.unpack(path.read_bytes()[: FORMAT.size]))
