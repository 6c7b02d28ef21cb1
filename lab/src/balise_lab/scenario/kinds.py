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
    ADDRESS = "an IPv4 address"
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


_ALL: Final = (
    Kind("dns.inject", "forged answers from the path", Looks.NAMES, settings={"answer": Unit.ADDRESS}),
    Kind("dns.nxdomain", "the provider's resolver denies the name", Looks.NAMES),
    Kind(
        "ip.drop",
        "packets to the addresses vanish",
        Looks.ADDRESSES,
        settings={"port": Unit.COUNT},
    ),
    Kind(
        "sni.rst",
        "resets after a ClientHello with the name",
        Looks.NAMES,
        settings={"residual": Unit.SECONDS, "count": Unit.COUNT, "ttl": Unit.COUNT},
    ),
    Kind(
        "sni.drop",
        "the flow dies after a ClientHello with the name",
        Looks.NAMES,
        settings={"residual": Unit.SECONDS},
    ),
    Kind(
        "http.blockpage",
        "a page of the provider answers in the place of the Host",
        Looks.NAMES,
        settings={"text": Unit.TEXT, "status": Unit.COUNT},
    ),
    Kind("isp.shutdown", "a provider passes nothing across the border", Looks.NOTHING),
    Kind("loss", "packets are lost at random", Looks.NOTHING, censors=False, settings={"percent": Unit.PERCENT}),
    Kind(
        "delay",
        "packets take longer",
        Looks.NOTHING,
        censors=False,
        settings={"ms": Unit.MILLISECONDS, "jitter": Unit.MILLISECONDS},
    ),
    Kind("server.down", "the servers are off, for everyone", Looks.NAMES, censors=False, where="abroad"),
    Kind(
        "edge.down",
        "the addresses that serve the country are dead, for everyone who asks them",
        Looks.NAMES,
        censors=False,
        where="abroad",
    ),
)
KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.word: kind for kind in _ALL})
"""Every kind by its word."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"loss": ("percent",), "delay": ("ms",)})
"""Parameters without which a kind means nothing."""

INCIDENT_KINDS: Final = ("interference", "service_fault", "edge_fault", "outage", "server_side")
"""The collector's words for incidents (ARCHITECTURE.md: the lab talks with it in words, not in imports)."""
LOCALITIES: Final = ("local", "global", "unknown")
STATES: Final = ("ok", "down", "blocked", "throttled", "server_side", "insufficient")
PSEUDO_SERVICES: Final = ("internet",)
"""Services the collector knows without any scenario: outages are incidents of ``internet``."""
