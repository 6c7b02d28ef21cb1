"""How long an interruption lasts beside the earlier ones of the same service in the same country. Pure.

Lives here: which ones are comparable, and the rank. All lengths are spans between two observations, so that only what
is certain is counted as shorter or longer. Must not live here: sentences (words/), or what an incident is.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from balise_collector.incidents.model import Incident, IncidentState

RANKED: Final = 5
"""Earlier ones of known length from which a percentile is told: of fewer each is 25 % and more."""


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One interruption beside those that ended before it began."""

    least: float
    """Seconds that it lasted at least, or has lasted."""
    earlier: int = 0
    """Confirmed ones of the same kind, service and country."""
    dated: int = 0
    """Of these, those whose beginning and end are both known."""
    shorter: int = 0
    """Of the dated, those that were surely shorter."""
    longer: int = 0
    """Of the dated, those that were surely longer; 0 while it goes on: it may still become the longest."""
    baseline: bool = False
    """It began before our first measurement: its length has no upper bound, and its end is an unblock."""

    @property
    def percentile(self) -> float | None:
        """Its rank among the dated ones, 0 to 100, those that cannot be told apart by halves; ``None`` of too few.

        While it goes on it is a lower bound: it only grows.
        """
        if self.dated < RANKED:
            return None
        alike = 0 if self.baseline else self.dated - self.shorter - self.longer
        return 100.0 * (self.shorter + 0.5 * alike) / self.dated


def past(one: Incident, others: Iterable[Incident], now: float) -> Past:
    """Return one interruption beside the earlier ones.

    Args:
        one: which.
        others: incidents that may be told; others than its own topic's, and it itself, are passed over.
        now: UNIX seconds up to which it goes on, where it has not ended.
    """
    least, most = _length(one, now)
    earlier = [each for each in others if _comparable(each, one)]
    lengths = [span for each in earlier if (span := _length(each, now))[1] is not None]
    return Past(
        least=least,
        earlier=len(earlier),
        dated=len(lengths),
        shorter=sum(longest is not None and longest < least for _, longest in lengths),
        longer=0 if one.end is None or most is None else sum(shortest > most for shortest, _ in lengths),
        baseline=one.onset.earliest is None,
    )


def _length(one: Incident, now: float) -> tuple[float, float | None]:
    """Return the least and the most seconds of an incident; the most is ``None`` where its beginning is not known."""
    until = (
        (now, now)
        if one.end is None
        else (one.end.latest if one.end.earliest is None else one.end.earliest, one.end.latest)
    )
    least = max(0.0, until[0] - one.onset.latest)
    return least, None if one.onset.earliest is None else max(least, until[1] - one.onset.earliest)


def _comparable(each: Incident, one: Incident) -> bool:
    """Whether it is an earlier interruption of the same thing, which has ended."""
    same = (each.country, each.service, each.kind) == (one.country, one.service, one.kind)
    told = each.confirmed and each.state is not IncidentState.WITHDRAWN
    return same and told and each.id != one.id and each.end is not None and each.end.latest <= one.onset.latest
