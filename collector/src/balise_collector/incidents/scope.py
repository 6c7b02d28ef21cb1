"""Who is affected, who was measured and is clean, who was not measured: three counts that always stand together.

Pure. Must not live here: guesses about users; the unit is probes and providers.
"""

from collections.abc import Iterable
from typing import Protocol

from balise_collector.detect.cells import Coverage, Member
from balise_collector.incidents.model import Scope


class FleetView(Protocol):
    """What the book must know of the fleet; the collector's fleet answers it."""

    def known_asns(self, country: str) -> frozenset[int]:
        """Return the autonomous systems in which the country has approved probes, or that the operator listed."""
        ...


def scope(members: Iterable[Member], seen: Iterable[Coverage], known: frozenset[int]) -> Scope:
    """Return the scope of an incident.

    Args:
        members: affected probes.
        seen: what each probe of the country saw of the affected roles and layers in the incident's window.
        known: autonomous systems known in the country.
    """
    ours = list(members)
    probes = {m.probe for m in ours}
    coverage = list(seen)
    who = {c.probe: c.witness or c.probe for c in coverage}
    struck: dict[int, set[str]] = {}
    for member in ours:
        struck.setdefault(member.asn, set()).add(who.get(member.probe, member.probe))
    fine: dict[int, set[str]] = {}
    for c in coverage:
        if c.ok > 0 and c.probe not in probes:
            fine.setdefault(c.asn, set()).add(c.witness or c.probe)
    # One board's word does not count a provider in where another home of the same provider reaches the service.
    affected = {asn for asn, hit in struck.items() if len(hit) > 1 or not fine.get(asn, set()) - hit}
    clean = set(fine) - affected
    measured = {c.probe for c in coverage if c.ok or c.failed} | probes
    return Scope(
        affected=tuple(sorted(affected)),
        clean=tuple(sorted(clean)),
        not_measured=tuple(sorted(known - affected - clean)),
        affected_probes=len(probes),
        measured_probes=len(measured),
    )
