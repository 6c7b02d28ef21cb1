"""Where a resolver stands, by its address alone, and whom to ask past one in the home. Pure.

A router, a filter or a program of the home answers for the provider and may say what no provider says. What its
upstream says can be asked only where its address is known: the operator's word for the probe's provider
(``Task.provider_resolvers``), or another resolver that the network itself handed out. DHCP (RFC 2132 3.8) and router
advertisements (RFC 8106) of a home name the router, and nothing in DNS tells whom that asks: where neither is known
the provider's word cannot be had. Must not live here: asking anybody.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final

from balise_wire.words import ResolverPlace

_PRIVATE: Final = tuple(
    ipaddress.ip_network(prefix) for prefix in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


_CHOSEN: Final = tuple(
    ipaddress.ip_network(prefix)
    for prefix in (
        *("1.1.1.2/31", "1.0.0.2/31", "2606:4700:4700::1112/127", "2606:4700:4700::1002/127"),  # Cloudflare, families
        *("208.67.220.0/22", "2620:119:35::/48", "2620:119:53::/48"),  # OpenDNS, FamilyShield
        *("94.140.14.0/23", "2a10:50c0::/32"),  # AdGuard
        *("185.228.168.0/23", "2a0d:2a00::/32"),  # CleanBrowsing
        *("76.76.2.0/24", "76.76.10.0/24", "2606:1a40::/32"),  # Control D
        *("45.90.28.0/24", "45.90.30.0/24", "2a07:a8c0::/31"),  # NextDNS
        *("77.88.8.2/31", "77.88.8.7/32", "77.88.8.88/32"),  # Yandex, safe and family
        *("194.242.2.0/24", "2a07:e340::/32"),  # Mullvad
        *("86.54.11.0/24", "193.110.81.0/24", "185.253.5.0/24"),  # DNS4EU, dns0.eu
        *("8.26.56.0/24", "8.20.247.0/24", "156.154.70.0/23"),  # Comodo, UltraDNS
        *("149.112.121.0/24", "149.112.122.0/24", "195.46.39.0/24"),  # CIRA Canadian Shield, SafeDNS
    )
)
"""Public resolvers that filter for those who choose them, by what their operators publish."""


def place_of(server: str, lan: Sequence[str]) -> ResolverPlace:
    """Return where a resolver stands.

    One that filters for whoever chooses it is the household's own choice, wherever it stands. A private address that is
    not on the machine's own network may be a second network of the home or the provider's:
    not known.

    Args:
        server: its address, with a zone where it has one; empty where it is not known.
        lan: prefixes of this machine's own networks.
    """
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return ResolverPlace.UNKNOWN
    own = any(address in ipaddress.ip_network(prefix, strict=False) for prefix in lan)
    if own or address.is_loopback or address.is_link_local:
        return ResolverPlace.HOME
    if any(address in network for network in _CHOSEN):
        return ResolverPlace.CHOSEN
    private = any(address in network for network in _PRIVATE)
    return ResolverPlace.UNKNOWN if private else ResolverPlace.BEYOND


def upstream(known: Sequence[str], assigned: Sequence[str], public: Sequence[str], lan: Sequence[str]) -> str:
    """Return a resolver of the provider's past the home; empty where none is known.

    Args:
        known: the resolvers that the network handed to this machine.
        assigned: those that the operator knows of the provider, chosen first.
        public: well-known public ones, which are nobody's provider's.
        lan: as in ``place_of``.
    """
    handed = [one for one in known if one not in public and place_of(one, lan) is ResolverPlace.BEYOND]
    return next(iter((*assigned, *handed)), "")
