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


def place_of(server: str, lan: Sequence[str]) -> ResolverPlace:
    """Return where a resolver stands.

    A private address that is not on the machine's own network may be a second network of the home or the provider's:
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
