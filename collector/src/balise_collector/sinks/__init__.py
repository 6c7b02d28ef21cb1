"""Sinks: who else is told what balise concluded. Each is a reader with a cursor of its own.

Lives here: the interface and the point, which is all that crosses it. A sink that fails stands still and is tried
again; nothing is lost and nobody else waits. Must not live here: names of measurements, tags or fields (points.py).
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Point(msgspec.Struct, frozen=True):
    """One point of a time series."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    """Sorted by name; few distinct values each."""
    fields: tuple[tuple[str, str | int | float], ...]
    """Sorted by name; truth is 0 or 1 (InfluxQL's sum() fails on a boolean)."""
    time_ns: int
    """UNIX nanoseconds."""


class SinkError(RuntimeError):
    """The sink could not take the points; they are offered again. The message says the mend."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        """Say why; ``retry_after`` is how many seconds the other side asked us to wait, 0 where it did not."""
        super().__init__(message)
        self.retry_after = retry_after


class Sink(Protocol):
    """What every sink can do."""

    @property
    def name(self) -> str:
        """Name of its cursor; changing it sends everything again."""
        ...

    def take(self, points: Sequence[Point]) -> None:
        """Keep the points for good before returning, or raise SinkError having kept none or some: repeats are equal."""
        ...
