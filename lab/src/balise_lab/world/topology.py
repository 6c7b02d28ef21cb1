"""What the lab's internet looks like: from a layout to namespaces, links, addresses, routes, hosts and records.

Lives here: the vocabulary of a topology (what is built), and the pure function from a layout (what is asked for) to it.
Must not live here: anything that touches the kernel (namespaces), starts a server (run.lab) or knows of time.

The shape is a tree, so routes are "up by default, down by prefix":

    probe - ISP router (+ its resolver) -.
    probe - ISP router (+ its resolver) --- gateway --- exchange --- hosting (services, edges, international controls)
                        domestic servers -'                |-------- dns (authorities, public resolver, silent address)
                                                           |-------- centre (broker, collector)
                                                           |-------- proxy (the operator's proxies, where there are)
                                                           '-------- abroad-xx (+ its resolver) --- references

Every link is unnumbered: a namespace has one address of its own, put on all its interfaces, and reaches its neighbour
by an on-link route. So the number of links costs no addresses, and every hop shows its public address to traceroute.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Network

from balise_lab.errors import ConfigError
from balise_lab.world import addresses
from balise_lab.world.layout import HostSpec, Layout

UPLINK = "wan0"  # every namespace's interface towards the exchange
CONTROL_NAME = "control.lab"  # a name every resolver knows and no box matches
DEFAULT_NAME = "hosting.lab"  # subject of the certificate an unknown SNI gets


@dataclass(frozen=True)
class Namespace:
    """One network namespace. `address` is on its interfaces, `extra` on lo; `routed` are prefixes led to it."""

    name: str
    kind: str
    address: str
    parent: str | None
    extra: tuple[str, ...] = ()
    routed: tuple[str, ...] = ()
    country: str = ""
    asn: int = 0
    resolvers: tuple[str, ...] = ()
    inside: str = ""
    """Its address towards those behind it, where that is another one: a home's router translates them."""
    six: bool = False
    """Whether it has IPv6 too: each address with the one that follows from it (`addresses.six`)."""

    @property
    def resolver(self) -> str:
        """The first of its resolvers; empty where it has none."""
        return self.resolvers[0] if self.resolvers else ""

    @property
    def gateway(self) -> str:
        """What those behind it call their gateway."""
        return self.inside or self.address


@dataclass(frozen=True)
class Link:
    """A veth pair: `child` always calls its end UPLINK."""

    child: str
    parent: str
    parent_interface: str


@dataclass(frozen=True)
class ProbePlace:
    """A place for one agent."""

    name: str  # also its namespace
    country: str
    asn: int
    access: str
    role: str  # probe | reference
    network: str  # the ISP's name in the layout, or the foreign network's namespace
    address: str  # that the internet sees
    resolvers: tuple[str, ...]
    six: bool = False

    @property
    def resolver(self) -> str:
        """The first of its resolvers."""
        return self.resolvers[0]


@dataclass(frozen=True)
class ServedHost:
    """One host of a service as built. `country_addresses` differ from `addresses` only where it has a regional edge."""

    service: str
    role: str
    host: str
    port: int
    addresses: tuple[str, ...]
    country_addresses: tuple[str, ...]
    neighbour: str
    sibling: str
    spec: HostSpec
    later: tuple[str, ...] = ()
    """The addresses to which it moves; none where it does not."""
    country_later: tuple[str, ...] = ()

    def at(self, moved: Collection[str]) -> "ServedHost":
        """Return it as it is when these hosts have moved."""
        if self.host not in moved or not self.later:
            return self
        return replace(self, addresses=self.later, country_addresses=self.country_later)


@dataclass(frozen=True)
class ControlHost:
    """A server nobody has a reason to block."""

    name: str
    address: str
    port: int
    scope: str  # international | domestic


@dataclass(frozen=True)
class Topology:
    """Everything the lab brings up, and everything a scenario may ask about it."""

    layout: Layout
    namespaces: tuple[Namespace, ...]
    links: tuple[Link, ...]
    probes: tuple[ProbePlace, ...]
    endpoints: tuple[ServedHost, ...]
    controls: tuple[ControlHost, ...]
    centre: str = addresses.CENTRE
    public_resolver: str = addresses.PUBLIC_RESOLVER
    silent_address: str = addresses.SILENT
    guests: tuple[ProbePlace, ...] = ()
    """Places of probes that move there."""
    helper: str = ""
    """Address of the operator's helper; empty where there is none."""
    proxy: str = ""
    """Address of the operator's proxies; empty where there is none."""
    control_name: str = CONTROL_NAME

    @property
    def laboratory(self) -> tuple[str, ...]:
        """Prefixes that are public here."""
        return (*addresses.LABORATORY, *([addresses.LABORATORY_6] if self.layout.ipv6 else []))

    def told(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """Return addresses of servers with those that they have over IPv6."""
        return (*found, *map(addresses.six, found)) if self.layout.ipv6 else found

    def namespace(self, name: str) -> Namespace:
        """The namespace of that name; an ISP may be called by its name in the layout."""
        wanted = (name, isp_namespace(name), f"abroad-{name.lower()}")
        for candidate in self.namespaces:
            if candidate.name in wanted:
                return candidate
        known = ", ".join(each.name for each in self.namespaces if each.kind not in {"probe", "reference"})
        raise ConfigError(f"where: the lab has no place {name}", f"use one of {known}, an ISP or a probe")

    def probe(self, name: str) -> ProbePlace:
        """The probe of that name."""
        for candidate in (*self.probes, *self.guests):
            if candidate.name == name:
                return candidate
        raise ConfigError(f"the lab has no probe {name}", f"use one of {', '.join(p.name for p in self.probes)}")

    def prefixes(self, isps: tuple[str, ...]) -> tuple[str, ...]:
        """Prefixes of those ISPs (their resolvers included)."""
        return tuple(prefix for isp in isps for prefix in self.namespace(isp).routed)

    def hosted_with(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """All networks of whoever hosts these addresses; one hoster has the controls and all that names none."""
        hosters = self.layout.hosters
        of = {
            _network(address): hosters[endpoint.service]
            for endpoint in self.endpoints
            if endpoint.service in hosters and not endpoint.spec.address_of
            for address in (*endpoint.addresses, *endpoint.country_addresses, endpoint.sibling)
        }
        wanted = {of.get(_network(address), "") for address in found}
        return tuple(one for one in self.namespace("hosting").routed if of.get(one, "") in wanted)

    def match(self, patterns: tuple[str, ...]) -> tuple[ServedHost, ...]:
        """Endpoints whose host, service or service/role fits one of the patterns (`*.twimg.lab`, `twitter`)."""
        return tuple(
            endpoint
            for endpoint in self.endpoints
            if any(
                fnmatchcase(word, pattern.lower())
                for pattern in patterns
                for word in (endpoint.host, endpoint.service, f"{endpoint.service}/{endpoint.role}")
            )
        )

    def addresses_of(self, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """All addresses, regional ones included, of the matching hosts."""
        found = self.match(patterns)
        return tuple(dict.fromkeys(a for e in found for a in (*e.addresses, *e.country_addresses)))

    def records(self, *, in_country: bool, moved: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
        """Name -> A records as an authority tells them to the country or to the rest of the world; AAAA follow.

        ``moved`` are the hosts that have their new addresses.
        """
        answers: dict[str, tuple[str, ...]] = {CONTROL_NAME: (addresses.host(addresses.HOSTING_PREFIX, 9),)}
        for endpoint in (one.at(moved) for one in self.endpoints):
            told = endpoint.country_addresses if in_country else endpoint.addresses
            for name in (endpoint.host, endpoint.neighbour):
                answers[name] = tuple(dict.fromkeys((*answers.get(name, ()), *told)))
        for control in self.controls:
            answers[control.name] = (control.address,)
        return answers

    def path(self, name: str) -> tuple[str, ...]:
        """Namespaces from one up to the exchange, both included."""
        by_name = {each.name: each for each in self.namespaces}
        steps = [name]
        while (above := by_name[steps[-1]].parent) is not None:
            steps.append(above)
        return tuple(steps)

    def hops(self, one: str, other: str) -> int:
        """Routers between two namespaces: what a TTL loses on the way."""
        up, down = self.path(one), self.path(other)
        common = next(step for step in up if step in down)
        return up.index(common) + down.index(common) - 1

    def commands(self) -> list[str]:
        """What brings the network up, one command a line; `ip -batch` is fed the same lines."""
        lines = [f"ip netns add {each.name}" for each in self.namespaces]
        lines += [f"ip {line}" for line in self.link_lines()]
        for each in self.namespaces:
            lines += [f"ip -n {each.name} {line}" for line in self.inside_lines(each.name)]
        return lines

    def link_lines(self) -> list[str]:
        """`ip` arguments that make the veth pairs, each end born in its namespace."""
        by_name = {each.name: each for each in self.namespaces}
        return [
            f"link add {UPLINK} netns {link.child} type veth peer name {link.parent_interface} netns {link.parent}"
            + (f" address {_mac(by_name[link.parent].gateway)}" if by_name[link.parent].kind == "home" else "")
            for link in self.links
        ]

    def inside_lines(self, name: str) -> list[str]:
        """`ip` arguments to run inside one namespace: addresses, links up, routes."""
        return list(self._inside(self.namespace(name)))

    def _inside(self, here: Namespace) -> Iterator[str]:
        by_name = {each.name: each for each in self.namespaces}
        yield "link set lo up"
        for extra in here.extra:
            yield from _has(here, extra, "lo")
        if here.parent is not None:
            yield from _has(here, here.address, UPLINK)
            yield f"link set {UPLINK} up"
            gateway = by_name[here.parent].gateway
            yield f"route add default via {gateway} dev {UPLINK} onlink src {here.address}"
            if here.six:
                source = addresses.six(here.address)
                yield f"route add default via {addresses.six(gateway)} dev {UPLINK} onlink src {source}"
            if by_name[here.parent].kind == "home":
                # A router that is deaf to ARP goes on carrying: nobody forgets where it is.
                yield f"neigh add {gateway} lladdr {_mac(gateway)} dev {UPLINK} nud permanent"
        for link in self.links:
            if link.parent != here.name:
                continue
            child = by_name[link.child]
            yield from _has(here, here.gateway, link.parent_interface)
            yield f"link set {link.parent_interface} up"
            for prefix in self._below(child):
                yield f"route add {prefix} via {child.address} dev {link.parent_interface} onlink"
                if here.six and child.six:
                    there = f"via {addresses.six(child.address)} dev {link.parent_interface}"
                    yield f"route add {addresses.six(prefix)} {there} onlink"

    def _below(self, here: Namespace) -> list[str]:
        """Prefixes to be led towards a namespace: its own and its children's, without what a wider one covers."""
        found = [f"{here.address}/32", *here.routed]
        for each in self.namespaces:
            if each.parent == here.name and here.kind not in {"isp", "abroad", "home"}:
                found += self._below(each)
        return list(dict.fromkeys(found))


def _has(here: Namespace, address: str, interface: str) -> Iterator[str]:
    """An interface's addresses; no duplicates are looked for (RFC 4862 5.4), the plan has none."""
    yield f"addr add {address}/32 dev {interface}"
    if here.six:
        yield f"addr add {addresses.six(address)}/128 dev {interface} nodad"


def isp_namespace(name: str) -> str:
    """Name of an ISP's namespace: `isp-64501` for `asn64501`, `isp-x` for `x`."""
    return f"isp-{name.removeprefix('asn').lower()}"


def build(layout: Layout) -> Topology:
    """The topology of a layout. Pure; raises ConfigError when the layout asks for what cannot be."""
    endpoints = tuple(_endpoints(layout))
    controls = tuple(_controls(layout))
    networks = [*_access_networks(layout), *_foreign_networks(layout)]
    probes = tuple(probe for network in networks for probe in network.probes)
    guests = tuple(probe for network in networks for probe in network.guests)
    behind = _behind(layout, probes)
    places = [place for probe in (*probes, *guests) for place in _places(probe, behind.get(probe.name))]
    helper = addresses.host(addresses.HOSTING_PREFIX, addresses.HELPER) if layout.helper else ""
    proxy = addresses.PROXY if layout.proxies else ""
    abroad = [Namespace("proxy", "proxy", proxy, "exchange")] if proxy else []
    core = [replace(one, six=layout.ipv6) for one in _core(endpoints, controls, helper)]
    namespaces = [*core, *abroad, *(network.router for network in networks), *places]
    _no_twins(namespaces)
    links = tuple(_links(namespaces))
    return Topology(
        layout, tuple(namespaces), links, probes, endpoints, controls, guests=guests, helper=helper, proxy=proxy
    )


@dataclass(frozen=True)
class _Network:
    """A router with its resolver, and the probes behind it."""

    router: Namespace
    probes: tuple[ProbePlace, ...]
    guests: tuple[ProbePlace, ...] = ()


def _access_networks(layout: Layout) -> Iterator[_Network]:
    """The country's."""
    for index, (name, isp) in enumerate(layout.isps.items()):
        prefix = addresses.isp_prefix(index)
        made = _router(isp_namespace(name), "isp", "gateway", prefix, layout.country, isp.asn, isp.resolvers)
        router = replace(made, six=isp.ipv6)
        short = router.name.removeprefix("isp-")
        places = tuple(
            ProbePlace(
                name=f"probe-{short}-{number + 1}",
                country=layout.country,
                asn=isp.asn,
                access=isp.access,
                role="probe",
                network=name,
                address=addresses.probe(prefix, number),
                resolvers=router.resolvers,
                six=isp.ipv6 and number >= isp.routers,
            )
            for number in range(isp.probes + isp.guests)
        )
        yield _Network(router, places[: isp.probes], places[isp.probes :])


def _foreign_networks(layout: Layout) -> Iterator[_Network]:
    """Those in other countries."""
    for index, abroad in enumerate(layout.abroad):
        prefix = addresses.abroad_prefix(index)
        code, asn = abroad.code.lower(), abroad.asn or 64900 + index
        router = replace(_router(f"abroad-{code}", "abroad", "exchange", prefix, abroad.code, asn), six=layout.ipv6)
        yield _Network(
            router,
            tuple(
                ProbePlace(
                    name=f"reference-{code}-{number + 1}",
                    country=abroad.code,
                    asn=asn,
                    access="fixed",
                    role="reference",
                    network=router.name,
                    address=addresses.probe(prefix, number),
                    resolvers=router.resolvers,
                    six=layout.ipv6,
                )
                for number in range(abroad.probes)
            ),
        )


def _router(
    name: str, kind: str, parent: str, prefix: IPv4Network, country: str, asn: int, resolvers: int = 1
) -> Namespace:
    """A network's router, with the resolvers' addresses on it."""
    own = tuple(addresses.host(prefix, addresses.RESOLVER + number) for number in range(resolvers))
    return Namespace(name, kind, addresses.host(prefix, 1), parent, own, (str(prefix),), country, asn, own)


def _behind(layout: Layout, probes: tuple[ProbePlace, ...]) -> dict[str, int]:
    """Number of the home of each probe that stands behind a router of its own, by the probe's namespace."""
    found = [
        probe.name
        for name, isp in layout.isps.items()
        for number, probe in enumerate(each for each in probes if each.network == name)
        if number < isp.routers
    ]
    return {name: number for number, name in enumerate(found)}


def _places(probe: ProbePlace, home: int | None) -> Iterator[Namespace]:
    """The namespace of a probe behind its network's router, or behind its home's, which stands between."""
    parent = probe.network if probe.role == "reference" else isp_namespace(probe.network)
    address, resolvers = probe.address, probe.resolvers
    if home is not None:
        prefix = addresses.home(home)
        inside = addresses.host(prefix, addresses.ROUTER)
        name = home_namespace(probe.name)
        yield Namespace(
            name, "home", address, parent, country=probe.country, asn=probe.asn, resolvers=resolvers, inside=inside
        )
        parent, address, resolvers = name, addresses.host(prefix, addresses.BEHIND), (inside,)
    yield Namespace(
        probe.name, probe.role, address, parent,
        country=probe.country, asn=probe.asn, resolvers=resolvers, six=probe.six,
    )  # fmt: skip


def home_namespace(probe: str) -> str:
    """Name of the namespace of a home's router, by that of its probe."""
    return f"home-{probe.removeprefix('probe-')}"


def _mac(address: str) -> str:
    """A link address that is ours to give (RFC 7042 section 2.1), one for each IPv4 address."""
    return "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def _core(endpoints: tuple[ServedHost, ...], controls: tuple[ControlHost, ...], helper: str) -> list[Namespace]:
    """The namespaces every lab has: exchange, gateway, servers, names, centre."""
    served = dict.fromkeys(
        a for e in endpoints for a in (*e.addresses, *e.country_addresses, *e.later, *e.country_later, e.sibling) if a
    )
    abroad = [control.address for control in controls if control.scope == "international"]
    abroad += [helper] if helper else []
    home = [control.address for control in controls if control.scope == "domestic"]
    hosted = (*served, addresses.host(addresses.HOSTING_PREFIX, 9), *abroad)
    prefixes = tuple(dict.fromkeys(map(_network, hosted)))
    names = (
        addresses.PUBLIC_RESOLVER,
        addresses.AUTHORITY_COUNTRY,
        addresses.AUTHORITY_WORLD,
        addresses.SILENT,
    )
    return [
        Namespace("exchange", "exchange", addresses.EXCHANGE, None),
        Namespace("gateway", "gateway", addresses.GATEWAY, "exchange"),
        Namespace(
            "domestic",
            "domestic",
            addresses.host(addresses.DOMESTIC, 1),
            "gateway",
            tuple(home),
            (str(addresses.DOMESTIC),),
        ),
        Namespace("hosting", "hosting", addresses.HOSTING_ROUTER, "exchange", hosted, prefixes),
        Namespace("dns", "dns", addresses.DNS_ROUTER, "exchange", names, (str(addresses.DNS_PREFIX),)),
        Namespace("centre", "centre", addresses.CENTRE, "exchange", resolvers=(addresses.PUBLIC_RESOLVER,)),
    ]


def _endpoints(layout: Layout) -> Iterator[ServedHost]:
    """Hosts with their addresses: their own in their service's /24, or those of the host that they share."""
    machines = _machines(layout)
    for service, roles in layout.services.items():
        for role, specs in roles.items():
            for spec in specs:
                machine = machines[spec.host]
                yield ServedHost(
                    service,
                    role,
                    spec.host,
                    spec.port,
                    machine.far,
                    machine.near,
                    spec.neighbour or machine.neighbour,
                    machine.sibling,
                    spec,
                    machine.later,
                    machine.near_later,
                )


@dataclass(frozen=True)
class _Machine:
    """What answers for a host, and for those that share its addresses."""

    far: tuple[str, ...]
    near: tuple[str, ...]
    """What the country is told."""
    neighbour: str
    sibling: str
    later: tuple[str, ...] = ()
    near_later: tuple[str, ...] = ()


def _machines(layout: Layout) -> dict[str, _Machine]:
    """Host -> the machine that answers for it."""
    specs = [spec for roles in layout.services.values() for each in roles.values() for spec in each]
    owners = _owners(specs)
    # A host on the machine of another is served by the same edge.
    edges = {owners[spec.host] for spec in specs if spec.edge}
    found: dict[str, _Machine] = {}
    for index, (service, roles) in enumerate(layout.services.items()):
        prefix, edge = addresses.service_prefix(index), addresses.edge_prefix(index)
        own = {spec.host: spec for each in roles.values() for spec in each if owners[spec.host] == spec.host}
        for number, spec in enumerate(own.values()):
            count = spec.addresses + spec.moves
            far, near = (addresses.served(net, number, count) for net in (prefix, edge))
            near = near if spec.host in edges else far
            found[spec.host] = _Machine(
                far[: spec.addresses],
                near[: spec.addresses],
                f"neighbour-{addresses.FIRST_HOST + number}.{service}-hosting.lab",
                addresses.host(prefix, addresses.SIBLING),
                far[spec.addresses :],
                near[spec.addresses :],
            )
    return {host: found[owner] for host, owner in owners.items()}


def _owners(specs: list[HostSpec]) -> dict[str, str]:
    """Host -> the host whose machine answers for it, which may be itself."""
    shared = {spec.host: spec.address_of for spec in specs}
    for host, other in shared.items():
        if other and other not in shared:
            mend = "name another host of the scenario"
            raise ConfigError(f"services: {host} shares the addresses of {other}, which there is not", mend)
    owners: dict[str, str] = {}
    for host in shared:
        seen = [host]
        while shared[seen[-1]]:
            seen.append(shared[seen[-1]])
            if seen.count(seen[-1]) > 1:
                raise ConfigError(f"services: {host} shares its own addresses in the end", "let one of them share none")
        owners[host] = seen[-1]
    return owners


def _network(address: str) -> str:
    """The /24 that an address is routed in."""
    return address.rsplit(".", 1)[0] + ".0/24"


def _controls(layout: Layout) -> Iterator[ControlHost]:
    for index, name in enumerate(layout.international_controls):
        number = addresses.INTERNATIONAL_CONTROLS + index
        yield ControlHost(name, addresses.host(addresses.HOSTING_PREFIX, number), 443, "international")
    for index, name in enumerate(layout.domestic_controls):
        yield ControlHost(name, addresses.host(addresses.DOMESTIC, addresses.FIRST_HOST + index), 443, "domestic")


def _links(namespaces: list[Namespace]) -> Iterator[Link]:
    """One link per child; the parent numbers its ends d0, d1, ..."""
    counts: dict[str, int] = {}
    for each in namespaces:
        if each.parent is None:
            continue
        number = counts.get(each.parent, 0)
        counts[each.parent] = number + 1
        yield Link(each.name, each.parent, f"d{number}")


def _no_twins(namespaces: list[Namespace]) -> None:
    names = [each.name for each in namespaces]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise ConfigError(f"two places of the layout are called {', '.join(sorted(twins))}", "give them other names")
