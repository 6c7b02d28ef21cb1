"""The homes that probes stand in: their line, their router and the resolvers that they were handed.

Must not live here: what happens to a home (effects.py), servers (hosts.py).
"""

from typing import Final

import msgspec

GATEWAY: Final = "192.168.1.1"


class Resolver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One resolver that a network hands to its machines."""

    address: str = ""
    """Empty: the provider's, or the router's own address."""
    where: str = "provider"
    """``provider``, ``router`` (which forwards to the provider's) or ``public``."""
    validating: bool = False
    """Whether it checks DNSSEC's signatures."""
    edns: str = "ok"
    """What it does with EDNS: ``ok``, ``ignores``, ``formerr``, ``notimp`` or ``drop``."""
    truncates: bool = False
    """It sets TC on answers and sends no record with them."""
    tcp: bool = True
    """Whether it answers over TCP as well."""
    cuts: bool = False
    """Answers with more than two addresses come in fragments, and the later ones are lost."""


class Home(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One home, as its line and its country make it."""

    id: str
    """The probe's."""
    country: str
    asn: int
    provider: str = ""
    region: str = ""
    district: str = ""
    version: str = ""
    access_ms: float = 9.0
    """Round trip to the provider's first router."""
    loss: float = 0.0005
    """Share of packets lost, each way, on a good day."""
    kbps: float = 20_000.0
    resolvers: tuple[Resolver, ...] = (Resolver(), Resolver())
    v6: bool = False
    nat64: bool = False
    """The network has IPv6 alone; its resolver makes addresses of 64:ff9b::/96 for IPv4 servers (RFC 6147)."""
    pep: bool = False
    """A performance-enhancing proxy of the provider's (RFC 3135) answers every SYN to the ports of the web itself, as
    on satellite lines: the far server is asked only for what is said."""
    gateway: str = "answers"
    """``answers``, ``mute``, or ``none`` where the machine has no default gateway."""
