"""Coincidence: which incidents of a country began together, and how much likelier that is than chance.

Attribution.md 2.6: LLR = log[Laplace(d; 7.5 min) / lambda_b], integrated over the onset intervals; single linkage. The
likelihood ratio is stated; what it means is for the reader. Pure.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Final

from balise_collector.incidents.model import Incident, IncidentKind, Interval

SCALE: Final = 7.5
"""Laplace scale in minutes."""
BASE: Final = 1 / (30 * 24 * 60)
"""Floor of the rate of incidents, per minute: one in thirty days."""
SPAN: Final = 30.0
"""Most minutes between the first and the last onset of a group."""
OVERLAP: Final = 0.5
"""Least share of the shorter incident that the longer one covers."""
_POINTS: Final = 9


def _middle(moment: Interval) -> float:
    """Return the middle of an interval in minutes."""
    return (moment.latest + (moment.latest if moment.earliest is None else moment.earliest)) / 120.0


def _density(a: Interval, b: Interval) -> float:
    """Return the mean Laplace density per minute of the gap between two uncertain moments."""
    total = 0.0
    for i in range(_POINTS):
        for j in range(_POINTS):
            x = a.latest if a.earliest is None else a.earliest + (a.latest - a.earliest) * (i + 0.5) / _POINTS
            y = b.latest if b.earliest is None else b.earliest + (b.latest - b.earliest) * (j + 0.5) / _POINTS
            total += math.exp(-abs(x - y) / 60.0 / SCALE) / (2 * SCALE)
    return total / _POINTS**2


def coincidence(a: Interval, b: Interval, rate: float) -> float:
    """Return the log likelihood ratio, in nats, that two onsets coincide rather than meet by chance.

    Args:
        a: one onset.
        b: the other.
        rate: incidents per minute of the country; not below BASE.
    """
    return math.log(_density(a, b) / max(rate, BASE))


def _overlap(a: Incident, b: Incident, now: float) -> float:
    """Return which share of the shorter incident the two have in common."""
    end_a = a.end.latest if a.end else now
    end_b = b.end.latest if b.end else now
    common = min(end_a, end_b) - max(a.onset.latest, b.onset.latest)
    shorter = min(end_a - a.onset.latest, end_b - b.onset.latest)
    return 1.0 if shorter <= 0 < common + 1 else max(0.0, common) / max(shorter, 1.0)


def _eligible(incident: Incident) -> bool:
    """Only what began in our time, and in a country, coincides."""
    local = incident.kind in {IncidentKind.INTERFERENCE, IncidentKind.OUTAGE, IncidentKind.SERVER_SIDE}
    return local and incident.onset.earliest is not None


def group(incidents: Sequence[Incident], now: float, rate: float = BASE) -> dict[str, tuple[str, float]]:
    """Return, for each incident that coincides with another, its group's id and its best likelihood ratio.

    Args:
        incidents: of one country; at most one per service and kind at a time.
        now: UNIX seconds, the end of what is still open.
        rate: incidents per minute of the country.
    """
    whole = sorted((i for i in incidents if _eligible(i)), key=lambda i: (_middle(i.onset), i.id))
    linked: dict[str, set[str]] = {i.id: {i.id} for i in whole}
    best: dict[str, float] = {}
    needed = 3.0 + math.log(max(1, len(whole)))
    by_id = {i.id: i for i in whole}
    for place, a in enumerate(whole):
        for b in whole[place + 1 :]:
            if _middle(b.onset) - _middle(a.onset) > SPAN:
                break
            ratio = coincidence(a.onset, b.onset, rate)
            if a.service == b.service or ratio <= needed or _overlap(a, b, now) < OVERLAP:
                continue
            joined = linked[a.id] | linked[b.id]
            onsets = [_middle(by_id[i].onset) for i in joined]
            if max(onsets) - min(onsets) > SPAN:
                continue
            for each in joined:
                linked[each] = joined
            best[a.id] = max(best.get(a.id, ratio), ratio)
            best[b.id] = max(best.get(b.id, ratio), ratio)
    return {each: (_name(linked[each]), round(best[each], 2)) for each in best}


def _name(members: set[str]) -> str:
    """Return a group's id: that of its members."""
    return "g" + hashlib.sha256("\0".join(sorted(members)).encode()).hexdigest()[:11]
