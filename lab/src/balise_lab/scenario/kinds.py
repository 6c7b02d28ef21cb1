"""What a timeline entry may start: each kind with the parameters it takes, as data.

A kind that censors is a word of ``balise_wire.mechanisms``; an ordinary fault has a word of its own. Adding a kind here
is the last step of adding a box to the lab (boxes/), and the first of being able to write a scenario with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Unit(StrEnum):
    """How a parameter is written in the file, and what it becomes."""

    SECONDS = "a duration such as 180s"
    MILLISECONDS = "milliseconds such as 300, or 300ms"
    PERCENT = "per cent such as 5, or 5%"
    COUNT = "a whole number"
    PORTS = "a port or a list of ports"
    ADDRESSES = "an IPv4 address or a list of them"
    PROBES = "a probe or a list of probes"
    YES_NO = "yes or no"
    MODE = "drop or refuse"
    TEXT = "text"


class Looks(StrEnum):
    """What a kind looks for in the traffic."""

    NAMES = "names"
    """``match`` (or ``services``, ``roles``) must say which."""
    ADDRESSES = "addresses"
    """As NAMES; literal addresses and networks are welcome too."""
    NOTHING = "nothing"
    """Everything on its way is touched."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of disturbance."""

    word: str
    means: str
    looks: Looks
    censors: bool = True
    """Whether it is interference; an ordinary fault must never be called that."""
    where: str = "gateway"
    """Where it stands unless the file says otherwise."""
    settings: Mapping[str, Unit] = field(default_factory=dict)


_FORGED: Final = {"resets": Unit.COUNT, "ttl": Unit.COUNT, "inline": Unit.YES_NO, "residual": Unit.SECONDS}
_ANSWERS: Final = {"answer": Unit.ADDRESSES, "inline": Unit.YES_NO}
_ALL: Final = (
    Kind("dns.inject", "forged answers from the path; the true one follows", Looks.NAMES, settings=_ANSWERS),
    Kind("dns.bogus", "a wrong address in the place of the true one", Looks.NAMES, settings=_ANSWERS),
    Kind("dns.nxdomain", "the name is denied on the way", Looks.NAMES),
    Kind("dns.refused", "the question is refused on the way", Looks.NAMES),
    Kind("dns.silent", "questions for the name get no answer", Looks.NAMES),
    Kind("ip.drop", "packets to the addresses vanish", Looks.ADDRESSES, settings={"ports": Unit.PORTS}),
    Kind("ip.rst", "connections to the addresses are reset", Looks.ADDRESSES, settings={"ports": Unit.PORTS}),
    Kind("ip.icmp", "a router says that the addresses are prohibited", Looks.ADDRESSES, settings={"ports": Unit.PORTS}),
    Kind("port.drop", "packets to the ports vanish", Looks.NOTHING, settings={"ports": Unit.PORTS}),
    Kind("quic.drop", "UDP to port 443 of the addresses vanishes", Looks.ADDRESSES),
    Kind("udp.drop", "UDP vanishes, DNS excepted", Looks.NOTHING, settings={"ports": Unit.PORTS}),
    Kind("sni.rst", "resets after a ClientHello with the name", Looks.NAMES, settings=_FORGED),
    Kind(
        "sni.drop", "the flow dies after a ClientHello with the name", Looks.NAMES, settings={"residual": Unit.SECONDS}
    ),
    Kind("sni.fin", "a forged end after a ClientHello with the name", Looks.NAMES, settings=_FORGED),
    Kind(
        "http.blockpage",
        "a page of the provider answers in the place of the Host",
        Looks.NAMES,
        settings={"title": Unit.TEXT, "inline": Unit.YES_NO},
    ),
    Kind(
        "http.redirect",
        "a forged redirect answers in the place of the Host",
        Looks.NAMES,
        settings={"location": Unit.TEXT, "inline": Unit.YES_NO},
    ),
    Kind("http.rst", "resets after a request with the Host", Looks.NAMES, settings=_FORGED),
    Kind("isp.shutdown", "a provider passes nothing across the border", Looks.NOTHING),
    Kind("country.shutdown", "nothing crosses the border", Looks.NOTHING),
    Kind("district.shutdown", "the probes of a district pass nothing", Looks.NOTHING, settings={"probes": Unit.PROBES}),
    Kind(
        "loss", "packets are lost at random, each way", Looks.NOTHING, censors=False, settings={"percent": Unit.PERCENT}
    ),
    Kind(
        "delay",
        "round trips take longer",
        Looks.NOTHING,
        censors=False,
        settings={"ms": Unit.MILLISECONDS, "jitter": Unit.MILLISECONDS},
    ),
    Kind("wifi", "the probe's own line is gone", Looks.NOTHING, censors=False),
    Kind(
        "server.down",
        "the servers are off, for everyone",
        Looks.ADDRESSES,
        censors=False,
        where="abroad",
        settings={"mode": Unit.MODE},
    ),
    Kind(
        "edge.down",
        "the addresses that serve the country are dead, for everyone who asks them",
        Looks.ADDRESSES,
        censors=False,
        where="abroad",
    ),
    Kind("resolver.down", "a provider's resolver is off", Looks.NOTHING, censors=False, settings={"mode": Unit.MODE}),
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.word: kind for kind in _ALL})
"""Every kind by its word."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"loss": ("percent",), "delay": ("ms",), "port.drop": ("ports",), "district.shutdown": ("probes",)}
)
"""Parameters without which a kind means nothing."""

INCIDENT_KINDS: Final = ("interference", "service_fault", "edge_fault", "outage", "server_side")
"""The collector's words for incidents (ARCHITECTURE.md: the lab talks with it in words, not in imports)."""
LOCALITIES: Final = ("local", "global", "unknown")
STATES: Final = ("ok", "down", "blocked", "throttled", "server_side", "insufficient")
PSEUDO_SERVICES: Final = ("internet",)
"""Services the collector knows without any scenario: outages are incidents of ``internet``."""
