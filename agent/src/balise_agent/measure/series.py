"""How often what fails is looked into in full: an account of the day, and one triad an hour at any age. Pure.

A block may last for weeks, and a host's day holds some hundred series. So the first ones come at once (entry.py), later
ones while the day is not ahead of its bytes, and one an hour of each service in any case: an incident's evidence
never ends. Must not live here: bytes as they are counted (day.py), or what a series is.
"""

import math
from typing import Final

from balise_agent.measure.entry import Entry
from balise_agent.measure.task_choice import DAY
from balise_wire.words import Experiment

CONFIRM: Final = 3600.0
"""Clock seconds between two series of a service's experiment that are made in any case."""
_AT_ONCE: Final = 0.25
"""Share of a day's bytes that series may use however early it is."""
_IN_ALL: Final = 0.95
"""Share that they may have used when the day ends; the rest is for the hourly ones."""

Line = tuple[str, int, Experiment]
"""Service, family and experiment."""


class Series:
    """When a series of each service's experiment last started."""

    def __init__(self) -> None:
        self._at: dict[Line, float] = {}

    def started(self, entry: Entry, now: float) -> None:
        """Note a series that starts."""
        entry.series_at = self._at[_line(entry)] = now

    def is_wanted(self, entry: Entry, now: float) -> bool:
        """Tell whether it is time for the one that is made in any case."""
        return now - self._at.get(_line(entry), -math.inf) >= CONFIRM

    def forget(self) -> None:
        """Forget what was dated by another clock, or of another assignment."""
        self._at.clear()


def _line(entry: Entry) -> Line:
    return entry.target.service, entry.family, entry.word


def ahead(spent: int, allowed: int, now: float) -> bool:
    """Tell whether the day is ahead of its bytes, so that only what is made in any case is made.

    Args:
        spent: bytes of the UTC day.
        allowed: bytes of a day.
        now: clock seconds.
    """
    elapsed = now % DAY / DAY
    return spent > allowed * (_AT_ONCE + (_IN_ALL - _AT_ONCE) * elapsed)
