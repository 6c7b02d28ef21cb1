"""What a lab is asked to hold: access networks, networks abroad, services with their hosts.

Lives here: the records alone. Must not live here: what is built of them, with addresses and routes (topology).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment


@dataclass(frozen=True)
class AccessNetwork:
    """One access network of the country."""

    asn: int
    probes: int
    access: str = "fixed"
    resolvers: int = 1
    routers: int = 0  # so many of its probes stand behind a router of their home, which resolves for them
    ipv6: bool = False  # its homes have both families
    guests: int = 0  # so many more places, for probes that move here


@dataclass(frozen=True)
class ForeignNetwork:
    """One network in another country, with reference probes."""

    code: str
    probes: int
    asn: int = 0  # 0: the lab numbers it


@dataclass(frozen=True)
class HostSpec:
    """One host of a service."""

    host: str
    port: int = 443
    neighbour: str = ""  # empty: the lab names one; it answers on the same address and port
    address_of: str = ""  # name of a host, of whatever service, whose addresses it shares
    addresses: int = 1  # so many machines answer to its name
    moves: bool = False  # it has a further address, to which it moves
    catalogued: str = "all"  # which of them the catalogue names: all | first | none
    edge: bool = False  # the country is told a regional address, the rest of the world another
    title: str = ""
    body_bytes: int = 16384
    certificate: str = "good"  # good | expired | untrusted
    plain_http: bool = True  # also serve port 80
    experiments: tuple[Experiment, ...] = ()  # it is measured with; a server of one experiment alone asks this
    parameters: tuple[Parameters, ...] = ()  # what it says to them


@dataclass(frozen=True)
class Layout:
    """What a scenario wants to exist. Services: service -> role -> hosts; hosters: service -> who hosts it."""

    country: str
    isps: Mapping[str, AccessNetwork]
    abroad: tuple[ForeignNetwork, ...] = ()
    services: Mapping[str, Mapping[str, tuple[HostSpec, ...]]] = field(default_factory=dict)
    hosters: Mapping[str, str] = field(default_factory=dict)
    international_controls: tuple[str, ...] = ("control-one.lab", "control-two.lab", "control-three.lab")
    domestic_controls: tuple[str, ...] = ("home-one.lab", "home-two.lab")
    helper: bool = False
    """Whether the operator has a helper."""
    proxies: tuple[str, ...] = ()
    """What the operator's proxies speak (counterparts/proxy.py)."""

    @property
    def ipv6(self) -> bool:
        """Whether a provider has IPv6: then servers, controls and networks abroad have it too."""
        return any(isp.ipv6 for isp in self.isps.values())
