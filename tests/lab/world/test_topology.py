"""From a layout to namespaces, links, addresses and routes: pure, so everything about it can be asked without root."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_lab.errors import ConfigError
from balise_lab.world import addresses
from balise_lab.world.layout import AccessNetwork, ForeignNetwork, HostSpec, Layout
from balise_lab.world.topology import UPLINK, Topology, build

LAYOUT = Layout(
    country="PK",
    isps={"asn64501": AccessNetwork(64501, 3), "asn64502": AccessNetwork(64502, 2, "mobile")},
    abroad=(ForeignNetwork("DE", 2), ForeignNetwork("SG", 1, asn=64999)),
    services={
        "twitter": {
            "web": (HostSpec("twitter.lab", neighbour="shop.lab"), HostSpec("x.lab", address_of="twitter.lab")),
            "media-image": (HostSpec("pbs.twimg.lab", edge=True),),
        },
        "zoom": {"web": (HostSpec("zoom.lab"),), "signalling": (HostSpec("zoom.lab", port=8443),)},
    },
)


@pytest.fixture(scope="module")
def topology() -> Topology:
    """Return the topology of LAYOUT."""
    return build(LAYOUT)


def owners(topology: Topology) -> dict[str, str]:
    """Address -> namespace, for every address of the lab."""
    return {a: each.name for each in topology.namespaces for a in (each.address, *each.extra)}


def walk(topology: Topology, start: str, address: str) -> list[str]:
    """Follow the routes of `commands` from a namespace to the owner of an address: the namespaces on the way."""
    own = owners(topology)
    by_interface = {(link.parent, link.parent_interface): link.child for link in topology.links}
    parents = {link.child: link.parent for link in topology.links}
    here, way = start, [start]
    while own[address] != here:
        routes = [line.split() for line in topology.inside_lines(here) if line.startswith("route add")]
        fitting = [
            (ip_network("0.0.0.0/0" if route[2] == "default" else route[2]).prefixlen, route[route.index("dev") + 1])
            for route in routes
            if route[2] == "default" or ip_address(address) in ip_network(route[2])
        ]
        interface = max(fitting)[1]
        here = parents[here] if interface == UPLINK else by_interface[here, interface]
        way.append(here)
        assert len(way) < 12, f"a loop from {start} to {address}"
    return way


def test_every_probe_reaches_every_address_and_back(topology: Topology) -> None:
    """The routes lead from everywhere to everywhere, without a loop, over the gateway where they should."""
    for probe in topology.probes:
        for address, owner in owners(topology).items():
            way = walk(topology, probe.name, address)
            assert way[-1] == owner
            assert walk(topology, owner, probe.address)[-1] == probe.name
    assert walk(topology, "probe-64501-1", topology.endpoints[0].addresses[0]) == [
        "probe-64501-1",
        "isp-64501",
        "gateway",
        "exchange",
        "hosting",
    ]


def test_domestic_servers_are_reached_inside_the_country(topology: Topology) -> None:
    """A cut at the border must leave domestic controls reachable: their path has no exchange in it."""
    home = next(control for control in topology.controls if control.scope == "domestic")
    assert walk(topology, "probe-64502-1", home.address) == ["probe-64502-1", "isp-64502", "gateway", "domestic"]
    assert topology.hops("probe-64502-1", "domestic") == 2
    assert topology.hops("probe-64502-1", "hosting") == 3


def test_addresses_are_public_ones_of_the_lab_and_nobodys_twice(topology: Topology) -> None:
    """Every address lies in the prefixes agents are told to accept, and belongs to one namespace."""
    networks = [ip_network(prefix) for prefix in topology.laboratory]
    everything = [a for each in topology.namespaces for a in (each.address, *each.extra)]
    assert len(everything) == len(set(everything))
    assert all(any(ip_address(address) in network for network in networks) for address in everything)


def test_each_role_has_its_own_address_unless_shared(topology: Topology) -> None:
    """Two hosts share an address only when the layout says so, or when they are the same host on two ports."""
    twitter, x, image, zoom, signalling = topology.endpoints
    assert twitter.addresses == x.addresses
    assert len({twitter.addresses, image.addresses, zoom.addresses}) == 3
    assert zoom.addresses == signalling.addresses
    assert signalling.port == 8443


def test_neighbours_siblings_and_edges(topology: Topology) -> None:
    """Each host has a neighbour on its address and a sibling in its /24; only an edge has a regional address."""
    twitter, _, image, *_ = topology.endpoints
    assert twitter.neighbour == "shop.lab"
    assert topology.records(in_country=True)["shop.lab"] == twitter.addresses
    prefix = ip_network(f"{twitter.addresses[0]}/24", strict=False)
    assert ip_address(twitter.sibling) in prefix
    assert twitter.sibling not in twitter.addresses
    assert twitter.country_addresses == twitter.addresses
    assert image.country_addresses != image.addresses
    assert topology.records(in_country=True)["pbs.twimg.lab"] == image.country_addresses
    assert topology.records(in_country=False)["pbs.twimg.lab"] == image.addresses


def test_a_host_has_as_many_addresses_as_machines_and_may_live_on_anothers() -> None:
    """Every machine is told and routed; who shares them, of whatever service, has them all, edge and neighbour too."""
    services = {
        "shop": {"web": (HostSpec("shop.lab", address_of="cdn.lab"),)},
        "cdn": {"web": (HostSpec("cdn.lab", addresses=3, edge=True),), "api": (HostSpec("api.cdn.lab"),)},
    }
    built = build(Layout("PK", {}, services=services))
    shop, cdn, api = built.endpoints
    assert len(set(cdn.addresses) | set(cdn.country_addresses)) == 6
    assert (shop.addresses, shop.country_addresses, shop.sibling, shop.neighbour) == (
        cdn.addresses,
        cdn.country_addresses,
        cdn.sibling,
        cdn.neighbour,
    )
    assert not {*cdn.addresses, cdn.sibling} & set(api.addresses)
    assert built.records(in_country=True)["shop.lab"] == cdn.country_addresses
    assert {*cdn.addresses, *cdn.country_addresses} <= set(built.namespace("hosting").extra)


def test_a_hoster_has_the_networks_of_its_services_alone() -> None:
    """Services of another hoster, and the controls, which name none, are hosted elsewhere."""
    services = {name: {"web": (HostSpec(f"{name}.lab"),)} for name in ("one", "two", "three", "four")}
    built = build(Layout("PK", {}, services=services, hosters={"one": "cloud", "two": "cloud", "three": "other"}))
    one, two, three, four = (endpoint.addresses[0].rsplit(".", 1)[0] + ".0/24" for endpoint in built.endpoints)
    control = next(each.address for each in built.controls if each.scope == "international")
    assert set(built.hosted_with(built.endpoints[0].addresses)) == {one, two}
    rest = built.hosted_with(built.endpoints[3].addresses)
    assert {four, control.rsplit(".", 1)[0] + ".0/24"} <= set(rest)
    assert not {one, two, three} & set(rest)


def test_a_provider_gives_its_homes_several_resolvers() -> None:
    """Each has an address of its own at the provider; homes have them in order."""
    built = build(Layout("PK", {"asn64501": AccessNetwork(64501, 1, resolvers=2)}))
    first, second = built.probes[0].resolvers
    assert first != second
    assert built.namespace("asn64501").extra == (first, second)


def test_a_home_may_stand_behind_a_router_that_translates() -> None:
    """The probe has an address of RFC 1918 and the router's as resolver; the internet sees the router's other one."""
    built = build(Layout("PK", {"asn64501": AccessNetwork(64501, 2, resolvers=2, routers=1)}))
    behind, bare = built.probes
    home, inside = built.namespace("home-64501-1"), built.namespace(behind.name)
    assert (home.address, home.parent, home.resolvers) == (behind.address, "isp-64501", behind.resolvers)
    assert (inside.address, inside.resolvers, inside.parent) == ("192.168.1.2", ("192.168.1.1",), "home-64501-1")
    assert built.namespace(bare.name).parent == "isp-64501"
    assert walk(built, behind.name, built.centre) == [
        behind.name,
        "home-64501-1",
        "isp-64501",
        "gateway",
        "exchange",
        "centre",
    ]
    assert walk(built, "centre", behind.address)[-1] == "home-64501-1"
    assert not any("192.168." in line for line in built.inside_lines("isp-64501"))
    (mac,) = (line.split()[-1] for line in built.link_lines() if "192" not in line and line.split()[4] == behind.name)
    assert f"neigh add 192.168.1.1 lladdr {mac} dev {UPLINK} nud permanent" in built.inside_lines(behind.name)


def test_patterns_find_hosts_services_and_roles(topology: Topology) -> None:
    """A pattern names hosts, a service, or a role of a service; nothing else is touched."""
    assert [e.host for e in topology.match(("*.TWIMG.lab",))] == ["pbs.twimg.lab"]
    assert [e.host for e in topology.match(("zoom",))] == ["zoom.lab", "zoom.lab"]
    assert [e.host for e in topology.match(("twitter/media-image",))] == ["pbs.twimg.lab"]
    assert topology.match(("*.nowhere.lab",)) == ()
    assert set(topology.addresses_of(("pbs.twimg.lab",))) == {
        *topology.endpoints[2].addresses,
        *topology.endpoints[2].country_addresses,
    }


def test_places_are_called_as_scenarios_call_them(topology: Topology) -> None:
    """An ISP is found by its name in the layout; an unknown place is refused with the list of the known."""
    assert topology.namespace("asn64501").name == "isp-64501"
    assert topology.namespace("DE").name == "abroad-de"
    with pytest.raises(ConfigError, match="use one of exchange, gateway"):
        topology.namespace("moon")
    assert topology.prefixes(("asn64502",)) == (str(addresses.isp_prefix(1)),)


def test_probes_know_their_network(topology: Topology) -> None:
    """A probe carries what its agent's configuration needs."""
    first, *_, last = topology.probes
    assert (first.country, first.asn, first.access, first.role) == ("PK", 64501, "fixed", "probe")
    assert (last.country, last.asn, last.role) == ("SG", 64999, "reference")
    assert first.resolver == topology.namespace("asn64501").resolver
    assert [probe.access for probe in topology.probes if probe.asn == 64502] == ["mobile", "mobile"]


def test_the_plan_is_what_is_done(topology: Topology) -> None:
    """`commands` prints the lines that bring the network up, in an order that works."""
    commands = topology.commands()
    assert commands[0] == "ip netns add exchange"
    assert sum(line.startswith("ip netns add ") for line in commands) == len(topology.namespaces)
    assert sum(line.startswith("ip link add ") for line in commands) == len(topology.namespaces) - 1
    assert "ip -n probe-64501-1 route add default via 198.18.0.1 dev wan0 onlink src 198.18.1.10" in commands


def test_a_share_that_points_nowhere_is_refused() -> None:
    """The operator hears which host is meant and what to do."""
    layout = Layout("PK", {}, services={"a": {"web": (HostSpec("one.lab", address_of="two.lab"),)}})
    with pytest.raises(ConfigError, match=r"two\.lab, which there is not; mend"):
        build(layout)


def test_too_much_is_refused() -> None:
    """The address plan has an end, and says so instead of handing out an address twice."""
    with pytest.raises(ConfigError, match="probes: the lab has room for 200"):
        build(Layout("PK", {"a": AccessNetwork(64501, 201)}))
    with pytest.raises(ConfigError, match="isps: the lab has room for 16"):
        build(Layout("PK", {f"asn{n}": AccessNetwork(n, 1) for n in range(17)}))


@pytest.mark.slow
@given(
    isps=st.lists(st.integers(min_value=0, max_value=20), min_size=1, max_size=8),
    abroad=st.lists(st.integers(min_value=0, max_value=4), max_size=4),
    services=st.integers(min_value=0, max_value=6),
)
def test_any_size_is_consistent(isps: list[int], abroad: list[int], services: int) -> None:
    """Whatever a scenario's size, names of interfaces are short, addresses unique, and probes reach the centre."""
    topology = build(
        Layout(
            "PK",
            {f"asn{64500 + n}": AccessNetwork(64500 + n, probes) for n, probes in enumerate(isps)},
            tuple(ForeignNetwork(f"C{n}", probes) for n, probes in enumerate(abroad)),
            {f"service{n}": {"web": (HostSpec(f"service{n}.lab"),)} for n in range(services)},
        )
    )
    assert len(topology.probes) == sum(isps) + sum(abroad)
    assert all(len(link.parent_interface) < 15 for link in topology.links)
    assert len({(link.parent, link.parent_interface) for link in topology.links}) == len(topology.links)
    for probe in (*topology.probes[:1], *topology.probes[-1:]):
        assert walk(topology, probe.name, topology.centre)[-1] == "centre"
        assert walk(topology, "centre", probe.address)[-1] == probe.name


def test_without_a_provider_that_has_it_nothing_speaks_ipv6(topology: Topology) -> None:
    """A lab of one IP version costs what it did."""
    assert not [line for line in topology.commands() if "3fff:" in line]
    assert topology.laboratory == addresses.LABORATORY
    assert topology.told(("198.19.64.10",)) == ("198.19.64.10",)


def test_a_provider_with_ipv6_brings_it_to_servers_and_references() -> None:
    """Its homes have it, those of others and those behind a router do not; routes lead both ways."""
    isps = {"asn64501": AccessNetwork(64501, 2, routers=1, ipv6=True), "asn64502": AccessNetwork(64502, 1)}
    built = build(replace(LAYOUT, isps=isps))
    with_it = {each.name for each in built.namespaces if each.six}
    assert {"isp-64501", "probe-64501-2", "hosting", "domestic", "gateway", "abroad-de", "reference-de-1"} <= with_it
    assert not {"probe-64501-1", "home-64501-1", "isp-64502", "probe-64502-1"} & with_it
    home, gateway = (built.inside_lines(name) for name in ("probe-64501-2", "gateway"))
    assert f"addr add 3fff:18:1::b/128 dev {UPLINK} nodad" in home
    assert f"route add default via 3fff:18::1 dev {UPLINK} onlink src 3fff:18:1::b" in home
    assert any(line.startswith("route add 3fff:18::/44 via 3fff:18::1 dev ") for line in gateway)
    assert addresses.LABORATORY_6 in built.laboratory


def test_a_place_is_kept_for_who_moves_there_and_an_address_for_a_host_that_moves() -> None:
    """Nobody is at the one before, and no name leads to the other."""
    isps = {"asn64501": AccessNetwork(64501, 2), "asn64502": AccessNetwork(64502, 1, guests=1)}
    services = {"zoom": {"web": (HostSpec("zoom.lab", moves=True, edge=True), HostSpec("z.lab"))}}
    built = build(replace(LAYOUT, isps=isps, services=services))
    assert [place.name for place in built.probes if place.role == "probe"] == [
        "probe-64501-1",
        "probe-64501-2",
        "probe-64502-1",
    ]
    assert [(place.name, place.asn) for place in built.guests] == [("probe-64502-2", 64502)]
    assert built.probe("probe-64502-2").address == built.namespace("probe-64502-2").address
    zoom, still = built.endpoints
    assert not {*zoom.addresses, *zoom.country_addresses} & {*zoom.later, *zoom.country_later}
    assert {*zoom.later, *zoom.country_later} <= set(owners(built))
    for in_country, before, after in (
        (True, zoom.country_addresses, zoom.country_later),
        (False, zoom.addresses, zoom.later),
    ):
        assert built.records(in_country=in_country)["zoom.lab"] == before
        assert built.records(in_country=in_country, moved={"zoom.lab"})["zoom.lab"] == after
    assert still.at({"z.lab"}) == still
