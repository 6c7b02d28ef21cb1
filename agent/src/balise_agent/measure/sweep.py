"""The sweep of a service: its other endpoints are asked at once when the first of them fails. Pure.

On a thinned timetable an endpoint is asked every half hour, and a block of some of them would pass between two looks.
Must not live here: what is done with a run that is due (agenda.py).
"""

import math
from collections.abc import Collection, Iterable
from typing import Final

from balise_agent.experiments import REGISTRY
from balise_agent.measure.cooldown import STAGGER
from balise_agent.measure.entry import Entry
from balise_wire.experiments import cost
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Design

STRETCH: Final = 1800.0
"""Clock seconds for which a service is not swept again: a line that stutters must not ask everything all the time."""
SPREAD: Final = 60.0
"""Clock seconds over which the runs of a sweep are spread."""
MOST: Final = 24
"""Runs of one sweep."""
SHARE: Final = 10
"""A sweep costs at most one in so many of an incident's bytes."""


class Sweeps:
    """When each service was last swept."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def keep(self, services: Collection[str]) -> None:
        """Forget services that are measured no more."""
        self._at = {service: at for service, at in self._at.items() if service in services}

    def forget(self) -> None:
        """Forget what was dated by a clock that went back."""
        self._at.clear()

    def plan(self, failed: Entry, entries: Iterable[Entry], now: float, most_bytes: int) -> list[tuple[Entry, float]]:
        """Return what is asked out of turn, and when; nothing where the service fails already or was swept lately.

        Args:
            failed: the place where an anomaly has just begun.
            entries: every place in the agenda.
            now: clock seconds.
            most_bytes: of an incident.
        """
        service = failed.target.service
        others = [one for one in entries if one.target.service == service and one is not failed]
        if any(one.cause is not None for one in others):
            return []
        if now - self._at.get(service, -math.inf) < STRETCH:
            return []
        self._at[service] = now
        chosen: list[Entry] = []
        left = most_bytes // SHARE
        for entry in sorted(others, key=lambda one: (one.word is not failed.word, _cost(one), one.key)):
            whole = looks_at_more(failed, entry)
            left -= _cost(entry, full=whole)
            if left < 0 or len(chosen) == MOST:
                break
            if not entry.running and (entry.due > now + SPREAD or whole):
                chosen.append(entry)
        return [(entry, now + STAGGER + SPREAD * place / len(chosen)) for place, entry in enumerate(chosen)]


def looks_at_more(failed: Entry, entry: Entry) -> bool:
    """Tell whether a place is asked to look at more: a hello would be answered where another's chain is false."""
    return entry.word is failed.word and failed.reading is not None and failed.reading.by_more


def _cost(entry: Entry, *, full: bool = False) -> int:
    """Return the bytes of one sentinel."""
    traits = REGISTRY[entry.word].traits
    beside = int(traits.at_helper)  # On the generous side: without a helper it sends nothing.
    shape = RunShape(target=entry.target, design=Design.SENTINEL, family=entry.family, controls=beside, full=full)
    return cost(traits.word, shape)
