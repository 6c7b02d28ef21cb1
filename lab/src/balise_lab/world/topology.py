"""What the lab's internet looks like: from a layout to namespaces, links, addresses, routes, hosts and records.

Lives here: the vocabulary of a topology (what is built), and the pure function from a layout (what is asked for) to it.
Must not live here: anything that touches the kernel (namespaces), starts a server (run.lab) or knows of time.

The shape is a tree, so routes are "up by default, down by prefix":

    probe - ISP router (+ its resolver) -.
    probe - ISP router (+ its resolver) --- gateway --- exchange --- hosting (services, edges, international controls)
                        domestic servers -'                |-------- dns (authorities, public resolver, silent address)
                                                           |-------- centre (broker, collector)
                                                           '-------- abroad-xx (+ its resolver) --- references

Every link is unnumbered: a namespace has one address of its own, put on all its interfaces, and reaches its neighbour
by an on-link route. So the number of links costs no addresses, and every hop shows its public address to traceroute.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
    """One network namespace. `address` is on every interface, `extra` on lo; `routed` are prefixes led to it."""

    name: str
    kind: str
    address: str
    parent: str | None
    extra: tuple[str, ...] = ()
    routed: tuple[str, ...] = ()
    country: str = ""
    asn: int = 0
    resolver: str = ""


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
    address: str
    resolver: str


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
    control_name: str = CONTROL_NAME
    laboratory: tuple[str, ...] = addresses.LABORATORY

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
        for candidate in self.probes:
            if candidate.name == name:
                return candidate
        raise ConfigError(f"the lab has no probe {name}", f"use one of {', '.join(p.name for p in self.probes)}")

    def prefixes(self, isps: tuple[str, ...]) -> tuple[str, ...]:
        """Prefixes of those ISPs (their resolvers included)."""
        return tuple(prefix for isp in isps for prefix in self.namespace(isp).routed)

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

    def records(self, *, in_country: bool) -> dict[str, tuple[str, ...]]:
        """Name -> A records as an authority tells them to the country or to the rest of the world."""
        answers: dict[str, tuple[str, ...]] = {CONTROL_NAME: (addresses.host(addresses.HOSTING_PREFIX, 9),)}
        for endpoint in self.endpoints:
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
        return [
            f"link add {UPLINK} netns {link.child} type veth peer name {link.parent_interface} netns {link.parent}"
            for link in self.links
        ]

    def inside_lines(self, name: str) -> list[str]:
        """`ip` arguments to run inside one namespace: addresses, links up, routes."""
        return list(self._inside(self.namespace(name)))

    def _inside(self, here: Namespace) -> Iterator[str]:
        by_name = {each.name: each for each in self.namespaces}
        yield "link set lo up"
        for extra in here.extra:
            yield f"addr add {extra}/32 dev lo"
        if here.parent is not None:
            yield f"addr add {here.address}/32 dev {UPLINK}"
            yield f"link set {UPLINK} up"
            yield f"route add default via {by_name[here.parent].address} dev {UPLINK} onlink src {here.address}"
        for link in self.links:
            if link.parent != here.name:
                continue
            child = by_name[link.child]
            yield f"addr add {here.address}/32 dev {link.parent_interface}"
            yield f"link set {link.parent_interface} up"
            for prefix in self._below(child):
                yield f"route add {prefix} via {child.address} dev {link.parent_interface} onlink"

    def _below(self, here: Namespace) -> list[str]:
        """Prefixes to be led towards a namespace: its own and its children's, without what a wider one covers."""
        found = [f"{here.address}/32", *here.routed]
        for each in self.namespaces:
            if each.parent == here.name and here.kind not in {"isp", "abroad"}:
                found += self._below(each)
        return list(dict.fromkeys(found))


def isp_namespace(name: str) -> str:
    """Name of an ISP's namespace: `isp-64501` for `asn64501`, `isp-x` for `x`."""
    return f"isp-{name.removeprefix('asn').lower()}"


def build(layout: Layout) -> Topology:
    """The topology of a layout. Pure; raises ConfigError when the layout asks for what cannot be."""
    endpoints = tuple(_endpoints(layout))
    controls = tuple(_controls(layout))
    networks = [*_access_networks(layout), *_foreign_networks(layout)]
    probes = tuple(probe for network in networks for probe in network.probes)
    places = [_place(probe) for probe in probes]
    namespaces = [*_core(endpoints, controls), *(network.router for network in networks), *places]
    _no_twins(namespaces)
    return Topology(layout, tuple(namespaces), tuple(_links(namespaces)), probes, endpoints, controls)


@dataclass(frozen=True)
class _Network:
    """A router with its resolver, and the probes behind it."""

    router: Namespace
    probes: tuple[ProbePlace, ...]


def _access_networks(layout: Layout) -> Iterator[_Network]:
    """The country's."""
    for index, (name, isp) in enumerate(layout.isps.items()):
        prefix = addresses.isp_prefix(index)
        router = _router(isp_namespace(name), "isp", "gateway", prefix, layout.country, isp.asn)
        short = router.name.removeprefix("isp-")
        yield _Network(
            router,
            tuple(
                ProbePlace(
                    name=f"probe-{short}-{number + 1}",
                    country=layout.country,
                    asn=isp.asn,
                    access=isp.access,
                    role="probe",
                    network=name,
                    address=addresses.probe(prefix, number),
                    resolver=router.resolver,
                )
                for number in range(isp.probes)
            ),
        )


def _foreign_networks(layout: Layout) -> Iterator[_Network]:
    """Those in other countries."""
    for index, abroad in enumerate(layout.abroad):
        prefix = addresses.abroad_prefix(index)
        code, asn = abroad.code.lower(), abroad.asn or 64900 + index
        router = _router(f"abroad-{code}", "abroad", "exchange", prefix, abroad.code, asn)
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
                    resolver=router.resolver,
                )
                for number in range(abroad.probes)
            ),
        )


def _router(name: str, kind: str, parent: str, prefix: IPv4Network, country: str, asn: int) -> Namespace:
    """A network's router, with the resolver's address on it."""
    resolver = addresses.host(prefix, addresses.RESOLVER)
    return Namespace(name, kind, addresses.host(prefix, 1), parent, (resolver,), (str(prefix),), country, asn, resolver)


def _place(probe: ProbePlace) -> Namespace:
    """The namespace of a probe, behind its network's router."""
    parent = probe.network if probe.role == "reference" else isp_namespace(probe.network)
    return Namespace(
        probe.name,
        probe.role,
        probe.address,
        parent,
        country=probe.country,
        asn=probe.asn,
        resolver=probe.resolver,
    )


def _core(endpoints: tuple[ServedHost, ...], controls: tuple[ControlHost, ...]) -> list[Namespace]:
    """The namespaces every lab has: exchange, gateway, servers, names, centre."""
    served = dict.fromkeys(a for e in endpoints for a in (*e.addresses, *e.country_addresses, e.sibling) if a)
    abroad = [control.address for control in controls if control.scope == "international"]
    home = [control.address for control in controls if control.scope == "domestic"]
    hosted = (*served, addresses.host(addresses.HOSTING_PREFIX, 9), *abroad)
    prefixes = tuple(dict.fromkeys(address.rsplit(".", 1)[0] + ".0/24" for address in hosted))
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
        Namespace("centre", "centre", addresses.CENTRE, "exchange", resolver=addresses.PUBLIC_RESOLVER),
    ]


def _endpoints(layout: Layout) -> Iterator[ServedHost]:
    """Hosts with their addresses: one each in the service's /24, or the address of the host they share."""
    for index, (service, roles) in enumerate(layout.services.items()):
        prefix, edge = addresses.service_prefix(index), addresses.edge_prefix(index)
        numbers: dict[str, int] = {}
        edges: set[int] = set()  # a host on the machine of another is served by the same edge
        for role, specs in roles.items():
            for spec in specs:
                number = _number(service, spec, numbers)
                edges |= {number} if spec.edge else set()
                far, near = addresses.host(prefix, number), addresses.host(edge, number)
                yield ServedHost(
                    service,
                    role,
                    spec.host,
                    spec.port,
                    (far,),
                    (near,) if number in edges else (far,),
                    spec.neighbour or f"neighbour-{number}.{service}-hosting.lab",
                    addresses.host(prefix, addresses.SIBLING),
                    spec,
                )


def _number(service: str, spec: HostSpec, numbers: dict[str, int]) -> int:
    """Host number of a spec's address, noted in `numbers`."""
    known = numbers.get(spec.host)
    if known is not None:
        return known  # the same host in two roles: one machine
    if spec.address_of:
        if spec.address_of not in numbers:
            raise ConfigError(
                f"services.{service}: {spec.host} shares the address of {spec.address_of}, unknown before it",
                "name a host of the same service that stands earlier in the file",
            )
        number = numbers[spec.address_of]
    else:
        number = addresses.FIRST_HOST + len(set(numbers.values()))
    numbers[spec.host] = number
    return number


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
