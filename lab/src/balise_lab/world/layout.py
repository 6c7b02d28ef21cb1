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
    address_of: str = ""  # name of a host of the same service whose address it shares
    edge: bool = False  # the country is told a regional address, the rest of the world another
    title: str = ""
    body_bytes: int = 16384
    certificate: str = "good"  # good | expired | untrusted
    plain_http: bool = True  # also serve port 80
    experiments: tuple[Experiment, ...] = ()  # it is measured with; a server of one experiment alone asks this
    parameters: tuple[Parameters, ...] = ()  # what it says to them


@dataclass(frozen=True)
class Layout:
    """What a scenario wants to exist. Services: service -> role -> hosts."""

    country: str
    isps: Mapping[str, AccessNetwork]
    abroad: tuple[ForeignNetwork, ...] = ()
    services: Mapping[str, Mapping[str, tuple[HostSpec, ...]]] = field(default_factory=dict)
    international_controls: tuple[str, ...] = ("control-one.lab", "control-two.lab", "control-three.lab")
    domestic_controls: tuple[str, ...] = ("home-one.lab", "home-two.lab")
