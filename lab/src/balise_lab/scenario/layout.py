"""From a scenario to what the lab is to build: the one place where the words of both meet.

Pure. Lives here: the mapping of providers, probes, services and disturbances onto the topology's vocabulary. Must not
live here: addresses (topology) or the programs' settings (settings).
"""

from collections.abc import Mapping

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.scenario.names import matches
from balise_lab.scenario.schema import Changed, Disturbance, Endpoint, Scenario, Service, Start
from balise_lab.world import layout, topology
from balise_wire.experiments import REGISTRY

_USUAL_BYTES = {"media-image": 16384, "media-video": 32768}
"""Size of a page whose scenario gives none: media roles serve real bytes (mission.md S2)."""
_SMALL = 8192


def layout_of(scenario: Scenario) -> layout.Layout:
    """Return the layout of a scenario."""
    edges = _edge_hosts(scenario)
    moving = scenario.catalogued(scenario.ends).moved
    return layout.Layout(
        country=scenario.country,
        isps={
            isp.name: layout.AccessNetwork(
                isp.asn, isp.probes, isp.access, isp.resolvers, isp.routers, isp.ipv6, len(guests(scenario, isp.name))
            )
            for isp in scenario.isps
        },
        abroad=tuple(layout.ForeignNetwork(place.code, place.probes, place.asn) for place in scenario.abroad),
        services={service.id: _roles(service, edges, moving) for service in scenario.services},
        hosters={service.id: service.hoster for service in scenario.services if service.hoster},
        helper=any(REGISTRY[word].at_helper for endpoint in scenario.endpoints for word in endpoint.experiments),
        proxies=scenario.proxies,
    )


def places(scenario: Scenario, built: topology.Topology) -> Mapping[str, topology.ProbePlace]:
    """Return the place (namespace, resolver) of each probe of the scenario by its id."""
    return {probe.id: place for probe, place in zip(scenario.probes, built.probes, strict=True)}


def guests(scenario: Scenario, isp: str) -> tuple[str, ...]:
    """Return the probes that move to a provider, in the order in which they do."""
    return tuple(
        probe
        for change in scenario.changes
        if change.kind is Changed.PROVIDER and change.to == isp
        for probe in change.probes
    )


def new_place(scenario: Scenario, built: topology.Topology, probe: str, isp: str) -> topology.ProbePlace:
    """Return where a probe stands that has moved to a provider."""
    there = [place for place in built.guests if place.network == isp]
    return there[guests(scenario, isp).index(probe)]


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


def _roles(service: Service, edges: frozenset[str], moving: frozenset[str]) -> dict[str, tuple[layout.HostSpec, ...]]:
    """Return the hosts of a service by role."""
    found: dict[str, tuple[layout.HostSpec, ...]] = {}
    for endpoint in service.endpoints:
        edge, moves = endpoint.edge or endpoint.host in edges, endpoint.host in moving
        spec = _spec(service, endpoint, edge=edge, moves=moves)
        found[endpoint.role] = (*found.get(endpoint.role, ()), spec)
    return found


def _spec(service: Service, endpoint: Endpoint, *, edge: bool, moves: bool) -> layout.HostSpec:
    """Return one host as the topology wants it."""
    return layout.HostSpec(
        host=endpoint.host,
        port=endpoint.port,
        address_of=endpoint.shares,
        edge=edge,
        addresses=endpoint.addresses,
        moves=moves,
        catalogued=endpoint.catalogued,
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
        family=disturbance.family,
        settings=dict(disturbance.settings),
    )
