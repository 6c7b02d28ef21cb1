"""The usual rate of this line, from what controls saw of it. Time is an argument.

Must not live here: what a slow line means (collector).
"""

import statistics
from collections import deque
from typing import Final

_KEPT: Final = 48
_LEAST: Final = 4
"""Rates without which there is no usual one."""
_SETTLES: Final = 3_600.0
"""Clock seconds after which a rate belongs to the past that the present is held against."""


class LineRate:
    """The newest rates of controls, with the times at which they were seen."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def learn(self, kbps: float, now: float) -> None:
        """Take in the rate of a control, kilobits a second, seen at ``now`` (UNIX seconds)."""
        self._seen.append((now, kbps))

    def usual(self, now: float) -> float | None:
        """Return the median of those that are older than an hour; ``None`` where there are fewer than four."""
        past = [kbps for at, kbps in self._seen if now - at >= _SETTLES]
        return statistics.median(past) if len(past) >= _LEAST else None

    def clock_went_back(self, now: float) -> None:
        """Let nothing be dated in the future."""
        self._seen = deque(((min(at, now), kbps) for at, kbps in self._seen), maxlen=_KEPT)
