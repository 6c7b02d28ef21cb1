"""Local or global, by what the references saw of the same endpoints in the same window (mission.md S5). Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from balise_collector.detect.model import Coverage
from balise_collector.incidents.model import IncidentKind, Locality, ReferenceCount
from balise_collector.judge.witnesses import ENOUGH

COUNTRIES: Final = 2
"""Countries in which references must say the same: what is broken or blocked in one of them is that country's story."""


def references(seen: Iterable[Coverage], country: str, known: Mapping[str, str] | None = None) -> ReferenceCount:
    """Count references outside ``country``: ok where at least four of five of its bins were.

    Args:
        seen: what each saw.
        country: whose incident it is.
        known: every reference that there is, with its country; those that said nothing are dark.
    """
    abroad = [c for c in seen if c.country != country and c.ok + c.failed > 0]
    good = [c for c in abroad if c.failed * 4 <= c.ok]
    bad = [c for c in abroad if c not in good]
    reached, heard = {c.country for c in good}, {c.country for c in abroad}
    return ReferenceCount(
        ok=len(good),
        failed=len(bad),
        countries_ok=tuple(sorted(reached)),
        countries_failed=tuple(sorted({c.country for c in bad} - reached)),
        countries_dark=tuple(sorted({code for code in (known or {}).values() if code != country} - heard)),
        witnesses_ok=_witnesses(good),
        witnesses_failed=_witnesses(bad),
    )


def _witnesses(seen: Iterable[Coverage]) -> int:
    """Count those that no common network or host makes one."""
    return len({c.witness or c.probe for c in seen})


def dead(count: ReferenceCount) -> bool:
    """Tell whether references of two countries failed, and fewer reached it than did not."""
    return len(count.countries_failed) >= COUNTRIES and count.witnesses_failed > count.witnesses_ok


def locality(kind: IncidentKind, count: ReferenceCount) -> Locality:
    """Return whether an incident is the country's own or the world's.

    Interference, and what lies at the homes, is never the world's; a dark reference takes nothing from the others.
    """
    if kind in {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT}:
        return Locality.GLOBAL
    if kind in {IncidentKind.OUTAGE, IncidentKind.OWN_FAULT}:
        return Locality.LOCAL
    ok, failed = count.witnesses_ok, count.witnesses_failed
    enough = len(count.countries_ok) >= COUNTRIES and len(count.countries_ok) > len(count.countries_failed)
    return Locality.LOCAL if enough and ok >= ENOUGH and failed < ok else Locality.UNKNOWN
