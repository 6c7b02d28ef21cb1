"""Local or global, by what the references saw of the same endpoints in the same window (mission.md S5). Pure."""

from collections.abc import Iterable
from typing import Final

from balise_collector.detect.model import Coverage
from balise_collector.incidents.model import IncidentKind, Locality, ReferenceCount
from balise_collector.judge.witnesses import ENOUGH

VANTAGES: Final = 3
"""Reference vantages that must be ok."""
COUNTRIES: Final = 2
"""Other countries they must stand in."""


def references(seen: Iterable[Coverage], country: str) -> ReferenceCount:
    """Count references outside ``country``: ok where at least four of five of its bins were."""
    abroad = [c for c in seen if c.country != country and c.ok + c.failed > 0]
    good = [c for c in abroad if c.failed * 4 <= c.ok]
    bad = [c for c in abroad if c not in good]
    return ReferenceCount(
        ok=len(good),
        failed=len(bad),
        countries_ok=tuple(sorted({c.country for c in good})),
        witnesses_ok=_witnesses(good),
        witnesses_failed=_witnesses(bad),
    )


def _witnesses(seen: Iterable[Coverage]) -> int:
    """Count those that no common network or host makes one."""
    return len({c.witness or c.probe for c in seen})


def locality(kind: IncidentKind, count: ReferenceCount) -> Locality:
    """Return whether an incident is the country's own or the world's."""
    if kind in {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT}:
        return Locality.GLOBAL
    ok, failed = count.witnesses_ok, count.witnesses_failed
    if count.ok >= VANTAGES and len(count.countries_ok) >= COUNTRIES and ok >= ENOUGH and failed < ok:
        return Locality.LOCAL
    if failed >= ENOUGH and failed > ok:
        return Locality.GLOBAL
    return Locality.UNKNOWN
