"""Who is affected, who was measured and is clean, who was not measured: three counts that always stand together.

Pure. Must not live here: guesses about users; the unit is probes and providers.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from balise_collector.detect.model import AffectedProbe, Coverage
from balise_collector.incidents.hypotheses.gather import FleetFacts
from balise_collector.incidents.model import IncidentScope


class FleetView(FleetFacts, Protocol):
    """What the book must know of the fleet; the collector's fleet answers it."""

    def known_asns(self, country: str) -> frozenset[int]:
        """Return the autonomous systems in which the country has approved probes, or that the operator listed."""
        ...

    def references(self) -> Mapping[str, str]:
        """Return the country of every reference."""
        ...


def scope(
    members: Iterable[AffectedProbe], seen: Iterable[Coverage], meanwhile: Iterable[Coverage], known: frozenset[int]
) -> IncidentScope:
    """Return the scope of an incident.

    Args:
        members: affected probes.
        seen: what each probe of the country saw of the affected roles and layers in the incident's window.
        meanwhile: the same without the bin of the beginning: what was well a minute before it is clean of nothing.
        known: autonomous systems known in the country.
    """
    ours, coverage = list(members), list(seen)
    probes = {m.probe for m in ours}
    affected = counted_in(ours, coverage)
    clean = {c.asn for c in meanwhile if c.ok > 0 and c.asn not in affected and c.probe not in probes}
    measured = {c.probe for c in coverage if c.ok or c.failed} | probes
    return IncidentScope(
        affected=tuple(sorted(affected)),
        clean=tuple(sorted(clean)),
        not_measured=tuple(sorted(known - affected - clean)),
        affected_probes=len(probes),
        measured_probes=len(measured),
    )


def counted_in(members: Iterable[AffectedProbe], seen: Iterable[Coverage]) -> set[int]:
    """Return the providers that count as affected: by two witnesses, or by all who look.

    One board's word does not count a provider in where another home of the same provider reaches the service.
    """
    ours, coverage = list(members), list(seen)
    probes = {m.probe for m in ours}
    who = {c.probe: c.witness or c.probe for c in coverage}
    struck: dict[int, set[str]] = {}
    for member in ours:
        struck.setdefault(member.asn, set()).add(who.get(member.probe, member.probe))
    fine: dict[int, set[str]] = {}
    for c in coverage:
        if c.ok > 0 and c.probe not in probes:
            fine.setdefault(c.asn, set()).add(c.witness or c.probe)
    return {asn for asn, hit in struck.items() if len(hit) > 1 or not fine.get(asn, set()) - hit}
