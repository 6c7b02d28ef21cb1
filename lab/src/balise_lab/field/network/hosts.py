"""Names and the servers behind them, and how a world of them is built from a list of names.

Lives here: what a server is like when nothing happens to it: addresses, country, certificate, page. Must not live here:
what happens to it (effects.py), bytes (pages.py, certificates.py).
"""

import functools
import ipaddress
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from balise_agent.run.vpn_echo import HelperEcho
from balise_lab.field.network.draws import number
from balise_lab.field.network.homes import Home
from balise_wire.experiments.vpn import TCP_PORTS


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a server says to a GET."""

    status: int = 200
    title: str = ""
    """Empty: the host's name."""
    length: int = 0
    """Bytes of the body; 0: as the host's name decides, 3 to 40 KB."""
    body: str = ""
    """The whole body, where it matters."""
    kind: str = "text/html"
    server: str = "nginx"
    location: str = ""
    countries: dict[str, str] = {}
    """Where each country is led to instead, in clear as over TLS."""
    ranges: bool = False
    """Whether the server gives a part where a part is asked for (RFC 9110 14)."""


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One name, and the servers that answer for it."""

    name: str
    service: str = ""
    role: str = ""
    addresses: tuple[str, ...] = ()
    """IPv4 and IPv6; empty: one of each is made up from the name."""
    edges: dict[str, tuple[str, ...]] = {}
    """Addresses that a resolver in a country is given instead (geo-DNS)."""
    country: str = "US"
    """Where the servers stand; empty: near everybody (anycast)."""
    asn: int = 0
    """0: made up from the service's name."""
    prefix: str = ""
    """The route that covers the addresses; empty: their /24 and /48."""
    cnames: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    """Other names that the same servers hold."""
    ports: tuple[int, ...] = (80, 443)
    closed: str = "rst"
    """What a SYN to another port leads to: ``rst`` or ``drop``."""
    resolver: bool = False
    """Whether the addresses answer questions on port 53."""
    stranger: str = "certificate"
    """What the server does with a name that it does not hold: shows its own ``certificate``, an ``alert``, a
    ``reset``."""
    tls: str = "modern"
    """``modern``, ``old`` (TLS 1.0 alone) or ``none``."""
    issuer: str = "CN=R11,O=Let's Encrypt,C=US"
    authority: str = ""
    """SHA-256 (hex) of the certificate of its owner's own authority; empty: a public one vouches for it."""
    pages: dict[str, Page] = {}
    """By path; ``/`` for all that have none of their own."""
    https: bool = True
    """Whether port 80 only leads to HTTPS."""
    first_ttl: int = 64
    proxy: bool = False
    """Whether it connects whoever asks it by SOCKS 5 or by CONNECT, on each of its ports."""
    relays: dict[int, tuple[str, int]] = {}
    """Of a proxy: ports that hand on whatever comes, to a name and port."""
    helper: bool = False
    """Whether it is a helper of the operator's, which answers trains in the shape of a call, and handshakes of VPN
    protocols."""
    stun: str = "both"
    """What a binding request to a port of STUN leads to: ``both`` (an answer, with the cookie or without), ``cookie``
    (only with it), ``none`` (nothing comes) or ``closed`` (an ICMP error)."""
    quic: str = "v1"
    """What UDP on the port of QUIC leads to: ``v1``, ``none`` (nothing comes) or ``closed`` (an ICMP error)."""


BOGUS: Final = "45.98.66.66"
"""What a lie answers that says nothing else: a server of block pages, which speaks no TLS."""
SHIPPED: Final[dict[str, Host]] = {
    host.name: host
    for host in (
        *(
            Host(
                name=f"{name}.signal.org", service="signal", role=role, asn=16509, issuer="CN=Signal Messenger",
                authority="ddb0f92bb95c8d6fd202ea6e8cc5ccd182b544f8cd696f47d580659ddc9df65a",
            )
            for name, role in (
                ("chat", "chat"), ("storage", "api"), ("cdsi", "api"), ("sfu.voip", "signalling"),
                ("cdn", "media-image"), ("cdn2", "media-image"),
            )
        ),
        Host(
            name="captive.apple.com", country="", asn=714, https=False,
            pages={"/": Page(body="<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n")},
        ),
        Host(
            name="www.msftconnecttest.com", country="", asn=8075, https=False,
            pages={"/connecttest.txt": Page(body="Microsoft Connect Test", kind="text/plain")},
        ),
        Host(
            name="connectivitycheck.gstatic.com", country="", asn=15169, https=False,
            pages={"/generate_204": Page(status=204, server="")},
        ),
        Host(
            name="detectportal.firefox.com", country="", asn=396982, https=False,
            pages={"/success.txt": Page(body="success\n", kind="text/plain"),
                   "/canonical.html": Page(body='<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>')},
        ),
        Host(name="www.python.org", country="", asn=54113, https=False),
        Host(name="www.microsoft.com", country="", asn=20940),
        Host(name="www.nayatel.com", country="PK", asn=23674),
        Host(name="www.ptcl.com.pk", country="PK", asn=17557),
        Host(name="blockpage.example.net", addresses=(BOGUS,), country="", asn=65_530, ports=(80,), https=False),
        Host(name="8.8.8.8", addresses=("8.8.8.8",), country="", asn=15169, ports=(53, 443, 853), resolver=True),
        Host(name="9.9.9.9", addresses=("9.9.9.9",), country="", asn=19281, ports=(53, 443, 853), resolver=True),
        Host(name="1.1.1.1", addresses=("1.1.1.1",), country="", asn=13335, ports=(53, 80, 443, 853), resolver=True),
    )
}  # fmt: skip
"""What is publicly known of the controls and resolvers that the catalogue ships."""

STUN_PORTS: Final = frozenset({3_478, 19_302})
"""Ports of UDP on which hosts answer STUN."""
_ROOM_V4: Final = int(ipaddress.ip_address("45.32.0.0"))
_BLOCKS: Final = 12_288
"""Blocks of 256 addresses from 45.32.0.0 on: unicast, in no reserved range."""
_ROOM_RESOLVERS: Final = int(ipaddress.ip_address("45.112.0.0"))
_ROOM_V6: Final = int(ipaddress.ip_address("2600:3c00::"))
TLDS: Final = frozenset({"co", "com", "org", "net", "gov", "edu", "ac"})


def registered(name: str) -> str:
    """Return the registered part of a name: two labels, three under ``com.pk`` and the like."""
    labels = name.split(".")
    few = 3 if len(labels) > 2 and labels[-2] in TLDS and len(labels[-1]) == 2 else 2
    return ".".join(labels[-few:])


class Server:
    """What stands at one address."""

    __slots__ = ("address", "asn", "country", "echo", "first_ttl", "host", "names", "network", "ports", "resolver")

    def __init__(self, address: str, host: Host) -> None:
        self.address = address
        self.host = host
        self.names: dict[str, Host] = {}
        self.asn = host.asn
        self.country = host.country
        self.ports = frozenset((*host.ports, *(TCP_PORTS if host.helper else ())))
        self.resolver = host.resolver
        self.first_ttl = host.first_ttl
        self.network = network_of(host.prefix, address)
        self.echo = HelperEcho(address.encode(), vpn=True) if host.helper else None
        """What a helper answers over UDP: the helper's own code."""

    def add(self, host: Host) -> None:
        """Let the server hold one more host's names."""
        for name in (host.name, *host.neighbours):
            self.names.setdefault(name, host)
        self.ports |= frozenset(host.ports)
        self.resolver = self.resolver or host.resolver

    def holder(self, name: str | None) -> Host | None:
        """Return the host that a name belongs to here, if the server holds it."""
        return self.names.get(name) if name is not None else None


def network_of(prefix: str, address: str) -> tuple[int, int]:
    """Return the first and the last address of the route that covers an address, as numbers."""
    usual = f"{address}/{48 if ':' in address else 24}"
    inside = prefix and (":" in prefix) == (":" in address)
    network = ipaddress.ip_network(prefix if inside else usual, strict=False)
    return int(network.network_address), int(network.broadcast_address)


class World:
    """Every name, every server and every home: what does not change in the course of a situation."""

    def __init__(self, homes: Iterable[Home], hosts: Iterable[Host]) -> None:
        """Build it.

        Raises:
            ValueError: two homes or two hosts of one name, or an address that is none.
        """
        self.homes: dict[str, Home] = {}
        self.hosts: dict[str, Host] = {}
        self.servers: dict[str, Server] = {}
        for home in homes:
            if home.id in self.homes:
                raise ValueError(f"two homes are called {home.id}")
            self.homes[home.id] = home
        for host in (*hosts, *_resolvers(self.homes.values())):
            if host.name in self.hosts:
                raise ValueError(f"two hosts are called {host.name}")
            self._add(_completed(host, self.servers))

    def _add(self, host: Host) -> None:
        self.hosts[host.name] = host
        for address in (*host.addresses, *(each for edge in host.edges.values() for each in edge)):
            server = self.servers.get(address)
            if server is None:
                server = self.servers[address] = Server(address, host)
            server.add(host)

    @classmethod
    def of_names(
        cls,
        names: Iterable[str],
        homes: Iterable[Home],
        hosts: Sequence[Host] = (),
        services: Mapping[str, str] = {},
        countries: Mapping[str, str] = {},
        neighbours: Mapping[str, str] = {},
    ) -> "World":
        """Return the world in which every name has a server of its own.

        Args:
            names: of targets and controls, and addresses of public resolvers.
            homes: of the probes.
            hosts: what is known better of some names.
            services: the service of each name, where one is known: its hosts share a network.
            countries: where a name's server stands, where that is known.
            neighbours: another name that a name's server holds.
        """
        known = {**SHIPPED, **{host.name: host for host in hosts}}
        said = {host.name for host in hosts}
        found = []
        for name in dict.fromkeys([*names, *known]):
            host = known.get(name) or Host(name=name, service=services.get(name, ""))
            beside = neighbours.get(name, "")
            if beside and beside not in host.neighbours:
                host = msgspec.structs.replace(host, neighbours=(*host.neighbours, beside))
            if name in countries and name not in said:
                host = msgspec.structs.replace(host, country=countries[name])
            found.append(host)
        return cls(homes, found)

    def addresses_of(self, name: str) -> tuple[str, ...]:
        """Return every address of a host, edges too; none for a name that nobody has."""
        host = self.hosts.get(name)
        return () if host is None else (*host.addresses, *(each for edge in host.edges.values() for each in edge))


@functools.cache
def resolver_address(asn: int, place: int) -> str:
    """Return the address of a provider's resolver: the first, the second, and so on."""
    return str(ipaddress.ip_address(_ROOM_RESOLVERS + (number("provider", asn) % 4_096 << 8) + 52 + place))


def _resolvers(homes: Iterable[Home]) -> Iterable[Host]:
    """Yield the resolvers of every provider that a home has."""
    for asn, country in sorted({(home.asn, home.country) for home in homes}):
        for place in (1, 2, 3):
            yield Host(
                name=f"resolver{place}.as{asn}.{country.lower()}.example",
                addresses=(resolver_address(asn, place),),
                country=country,
                asn=asn,
                ports=(53,),
                resolver=True,
            )


def _completed(host: Host, taken: Container[str]) -> Host:
    """Return a host with free addresses and an AS number: made up from its service's or its registered name."""
    block = number("block", host.service or registered(host.name))
    asn = host.asn or 64_512 + block % 1_022
    if host.addresses:
        return msgspec.structs.replace(host, asn=asn)
    place = number("place", host.name)
    first_v4, first_v6 = _ROOM_V4 + (block % _BLOCKS << 8) + 1, _ROOM_V6 + (block % 65_521 << 80) + 1
    v4 = (str(ipaddress.ip_address(first_v4 + (place + step) % 250 + (step // 250 << 8))) for step in range(0xFFFF))
    v6 = (str(ipaddress.ip_address(first_v6 + (place + step) % 0xFFFF)) for step in range(0xFFFF))
    addresses = tuple(next(each for each in room if each not in taken) for room in (v4, v6))
    return msgspec.structs.replace(host, asn=asn, addresses=addresses)
