"""From a scenario to what the lab is to build: the one place where the words of both meet.

Pure. Lives here: the mapping of providers, probes, services and disturbances onto the topology's vocabulary. Must not
live here: addresses (topology) or the programs' settings (settings).
"""

from collections.abc import Mapping

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.scenario.names import matches
from balise_lab.scenario.schema import Disturbance, Endpoint, Scenario, Service, Start
from balise_lab.world import layout, topology

_USUAL_BYTES = {"media-image": 16384, "media-video": 32768}
"""Size of a page whose scenario gives none: media roles serve real bytes (mission.md S2)."""
_SMALL = 8192


def layout_of(scenario: Scenario) -> layout.Layout:
    """Return the layout of a scenario."""
    edges = _edge_hosts(scenario)
    return layout.Layout(
        country=scenario.country,
        isps={isp.name: layout.AccessNetwork(isp.asn, isp.probes, isp.access) for isp in scenario.isps},
        abroad=tuple(layout.ForeignNetwork(place.code, place.probes, place.asn) for place in scenario.abroad),
        services={service.id: _roles(service, edges) for service in scenario.services},
    )


def places(scenario: Scenario, built: topology.Topology) -> Mapping[str, topology.ProbePlace]:
    """Return the place (namespace, resolver) of each probe of the scenario by its id."""
    return {probe.id: place for probe, place in zip(scenario.probes, built.probes, strict=True)}


def _edge_hosts(scenario: Scenario) -> frozenset[str]:
    """Return the hosts that need a regional address: those that a box looks for which is about such addresses."""
    patterns = [
        pattern
        for entry in scenario.timeline
        if isinstance(entry, Start) and KINDS[entry.disturbance.kind].regional
        for pattern in entry.disturbance.hosts
    ]
    return frozenset(
        endpoint.host for endpoint in scenario.endpoints if any(matches(endpoint.host, pattern) for pattern in patterns)
    )


def _roles(service: Service, edges: frozenset[str]) -> dict[str, tuple[layout.HostSpec, ...]]:
    """Return the hosts of a service by role; a host whose address another shares comes first."""
    shares = {endpoint.host: endpoint.shares for endpoint in service.endpoints}

    def owner(host: str) -> str:
        while shares[host]:
            host = shares[host]
        return host

    ordered = sorted(service.endpoints, key=lambda endpoint: bool(endpoint.shares))
    found: dict[str, tuple[layout.HostSpec, ...]] = {}
    for endpoint in ordered:
        address_of = owner(endpoint.host) if endpoint.shares else ""
        spec = _spec(service, endpoint, address_of, edge=owner(endpoint.host) in edges or endpoint.host in edges)
        found[endpoint.role] = (*found.get(endpoint.role, ()), spec)
    return found


def _spec(service: Service, endpoint: Endpoint, address_of: str, *, edge: bool) -> layout.HostSpec:
    """Return one host as the topology wants it."""
    return layout.HostSpec(
        host=endpoint.host,
        port=endpoint.port,
        address_of=address_of,
        edge=edge,
        title=f"{service.name}: {endpoint.role}",
        experiments=endpoint.experiments,
        parameters=endpoint.parameters,
        body_bytes=endpoint.body_bytes or _USUAL_BYTES.get(endpoint.role, _SMALL),
    )


def box_of(disturbance: Disturbance, where: Mapping[str, str]) -> Box:
    """Return a disturbance as the lab starts it.

    Args:
        disturbance: what the timeline starts.
        where: namespace of each probe, by its id.
    """
    kind = KINDS[disturbance.kind]
    return Box(
        id=disturbance.id,
        kind=kind.word,
        where=where.get(disturbance.where, disturbance.where),
        isps=() if kind.for_everyone else disturbance.isps,
        match=disturbance.hosts,
        addresses=disturbance.addresses,
        probes=tuple(where[probe] for probe in disturbance.probes),
        settings=dict(disturbance.settings),
    )
