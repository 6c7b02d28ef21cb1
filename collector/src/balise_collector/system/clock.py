"""The collector's clock: the one module of this package that may ask what time it is.

Lives here: UNIX time (``now``), which follows the laboratory's virtual clock where BALISE_CLOCK is set, the real
monotonic seconds that time-outs are made of, and the machine's own time for the dates of certificates. Must not live
here: schedules, bins, waiting for work.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from balise_collector.system.errors import ConfigError

VARIABLE: Final = "BALISE_CLOCK"
_SPECIFICATION = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z@(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")


class Clock:
    """Time as the collector knows it: ``start + (monotonic - origin) * scale`` in the laboratory, the system's else."""

    def __init__(
        self,
        *,
        start: float = 0.0,
        origin: float = 0.0,
        scale: float = 0.0,
        system: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the clock apart so that a test can put its own readings in; ``scale`` 0 means the real clock."""
        self._start = start
        self._origin = origin
        self._scale = scale
        self._system = system
        self.monotonic = monotonic
        """Real seconds, for time-outs and pauses."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Clock":
        """Return the real clock, or the laboratory's where BALISE_CLOCK is set.

        Raises:
            ConfigError: another shape than ``<UTC start>@<CLOCK_MONOTONIC seconds>x<scale>``, or a scale of 0.
        """
        text = environment.get(VARIABLE, "")
        if not text:
            return cls()
        mend = f"write {VARIABLE}=<UTC start>@<CLOCK_MONOTONIC seconds>x<scale>, e.g. 2020-05-17T16:30:00Z@1234.5x60"
        match = _SPECIFICATION.fullmatch(text)
        if match is None or float(match[3]) <= 0.0:
            raise ConfigError(f"{VARIABLE}={text!r} is not a clock that runs: {mend}")
        try:
            start = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
        except ValueError as error:
            raise ConfigError(f"{VARIABLE}={text!r}: {error}: {mend}") from None
        return cls(start=start, origin=float(match[2]), scale=float(match[3]))

    @property
    def laboratory(self) -> bool:
        """Whether a scenario drives this clock."""
        return self._scale > 0.0

    @property
    def scale(self) -> float:
        """Clock seconds that pass in one real second."""
        return self._scale or 1.0

    def now(self) -> float:
        """UNIX seconds."""
        if self._scale:
            return self._start + (self.monotonic() - self._origin) * self._scale
        return self._system()


def pause(seconds: float) -> None:
    """Let real seconds pass; for commands that wait for others."""
    time.sleep(seconds)


def machine_time() -> float:
    """UNIX seconds of the machine, also where the laboratory drives the clock: OpenSSL judges certificates by them."""
    return time.time()
