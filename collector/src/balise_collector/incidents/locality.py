"""Local or global, by what the references saw of the same endpoints in the same window (mission.md S5). Pure."""

from collections.abc import Iterable
from typing import Final

from balise_collector.detect.cells import Coverage
from balise_collector.incidents.model import IncidentKind, Locality, ReferenceCount

VANTAGES: Final = 3
"""Reference vantages that must be ok."""
COUNTRIES: Final = 2
"""Other countries they must stand in."""


def references(seen: Iterable[Coverage], country: str) -> ReferenceCount:
    """Count references outside ``country``: ok where at least four of five of its bins were."""
    abroad = [c for c in seen if c.country != country and c.ok + c.failed > 0]
    good = [c for c in abroad if c.failed * 4 <= c.ok]
    return ReferenceCount(
        ok=len(good), failed=len(abroad) - len(good), countries_ok=tuple(sorted({c.country for c in good}))
    )


def locality(kind: IncidentKind, count: ReferenceCount) -> Locality:
    """Return whether an incident is the country's own or the world's."""
    if kind in {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT}:
        return Locality.GLOBAL
    if count.ok >= VANTAGES and len(count.countries_ok) >= COUNTRIES and count.failed < count.ok:
        return Locality.LOCAL
    if count.failed >= 2 and count.failed > count.ok:
        return Locality.GLOBAL
    return Locality.UNKNOWN
