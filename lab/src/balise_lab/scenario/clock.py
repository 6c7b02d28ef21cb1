"""The scenario's clock, and the lab's only one: virtual time from CLOCK_MONOTONIC, shared with every program it starts.

Lives here: turning a start and a scale into BALISE_CLOCK, reading the virtual time, sleeping until a virtual moment.
Must not live here: what happens then. Network time-outs are real seconds and do not come here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

VARIABLE = "BALISE_CLOCK"
"""The environment variable that makes a program's clock virtual: ``<UTC ISO start>@<monotonic seconds>x<scale>``."""
_TICK = 0.25
"""Real seconds between two looks of ``wait_until`` at its ``while_waiting``."""


@dataclass(frozen=True, slots=True)
class ScenarioClock:
    """Virtual time runs ``scale`` times as fast as real time, from ``begins`` at the monotonic second ``origin``."""

    starts: float
    """UNIX seconds of the scenario's start; the programs may have begun a little before."""
    begins: float
    """UNIX seconds at ``origin``."""
    origin: float
    scale: float

    @property
    def variable(self) -> str:
        """The value of BALISE_CLOCK."""
        start = datetime.fromtimestamp(self.begins, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{start}@{self.origin:.3f}x{self.scale:g}"

    def unix(self) -> float:
        """Return the virtual time in UNIX seconds."""
        return self.begins + (time.monotonic() - self.origin) * self.scale

    def moment(self) -> float:
        """Return the virtual seconds since the scenario's start; negative while the programs warm up."""
        return self.unix() - self.starts

    def real_until(self, moment: float) -> float:
        """Return the real seconds until a moment; negative when it has passed."""
        return (moment - self.moment()) / self.scale

    def wait_until(self, moment: float, while_waiting: Callable[[], None] | None = None) -> None:
        """Sleep until a moment, calling ``while_waiting`` a few times a second."""
        while (left := self.real_until(moment)) > 0:
            if while_waiting is not None:
                while_waiting()
                left = self.real_until(moment)
            time.sleep(max(0.0, min(left, _TICK)))


def start_clock(starts: float, scale: float, lead: float) -> ScenarioClock:
    """Start the clock now, ``lead`` virtual seconds before the scenario's start.

    Args:
        starts: UNIX seconds of the scenario's start.
        scale: virtual seconds in a real one.
        lead: virtual seconds in which the programs may come up and take their first measurements.
    """
    begins = float(int(starts - lead))
    return ScenarioClock(starts=starts, begins=begins, origin=round(time.monotonic(), 3), scale=scale)


def frozen_clock(unix: float) -> ScenarioClock:
    """Return a clock that all but stands still: a second of it takes a quarter of an hour."""
    return ScenarioClock(starts=unix, begins=float(int(unix)), origin=round(time.monotonic(), 3), scale=0.001)


def pause(seconds: float) -> None:
    """Sleep real seconds: between two polls of a program that does not follow the scenario's clock."""
    time.sleep(seconds)


def monotonic() -> float:
    """Return real seconds, for time limits of our own."""
    return time.monotonic()
