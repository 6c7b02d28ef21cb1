"""The one table of addresses that are set apart, each with the document that does it (IANA registries, RFC 6890).

Two questions are asked of it and they differ: where a probe never sends to, whatever it is asked (``reserved``), and
which addresses in an answer no public service has (``BOGONS``). A name may honestly resolve to an address that a probe
does not contact, so that the second list is shorter. Must not live here: what a laboratory or a household adds, which
is settings; or what is done about an address.
"""

import ipaddress
from typing import Final, NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reserved(NamedTuple):
    """One prefix that is set apart."""

    network: Network
    reason: str
    bogon: bool
    """Whether an answer with it is no public service's."""
    never: bool
    """Whether not even a laboratory measures it: one packet reaches many machines, or none."""
    laboratory: bool
    """Whether a laboratory uses it for public addresses where the settings name none."""


def _row(prefix: str, reason: str, *flags: str) -> Reserved:
    return Reserved(
        ipaddress.ip_network(prefix),
        reason,
        bogon="odd" not in flags,
        never="never" in flags,
        laboratory="lab" in flags,
    )


RESERVED: Final = (
    _row("0.0.0.0/8", "this network (RFC 791)"),
    _row("10.0.0.0/8", "private (RFC 1918)"),
    _row("100.64.0.0/10", "carrier-grade NAT (RFC 6598)"),
    _row("127.0.0.0/8", "loopback (RFC 1122)"),
    _row("169.254.0.0/16", "link-local (RFC 3927)"),
    _row("172.16.0.0/12", "private (RFC 1918)"),
    _row("192.0.0.0/24", "protocol assignments (RFC 6890)"),
    _row("192.0.2.0/24", "documentation (RFC 5737)", "lab"),
    _row("192.88.99.0/24", "former 6to4 relays (RFC 7526)", "odd"),
    _row("192.168.0.0/16", "private (RFC 1918)"),
    _row("198.18.0.0/15", "benchmarking (RFC 2544)", "lab"),
    _row("198.51.100.0/24", "documentation (RFC 5737)", "lab"),
    _row("203.0.113.0/24", "documentation (RFC 5737)", "lab"),
    _row("224.0.0.0/4", "multicast (RFC 5771)", "never"),
    _row("255.255.255.255/32", "broadcast (RFC 919)", "never"),
    _row("240.0.0.0/4", "reserved or broadcast (RFC 1112, RFC 919)"),
    _row("::/128", "unspecified (RFC 4291)", "never"),
    _row("::1/128", "loopback (RFC 4291)"),
    _row("::ffff:0:0/96", "IPv4-mapped (RFC 4291)", "odd"),
    _row("::/96", "IPv4-compatible (RFC 4291)", "odd"),
    _row("64:ff9b:1::/48", "local translation (RFC 8215)", "odd"),
    _row("100::/64", "discard only (RFC 6666)"),
    _row("2001::/23", "protocol assignments, Teredo among them (RFC 2928, RFC 4380)"),
    _row("2001:db8::/32", "documentation (RFC 3849)", "lab"),
    _row("2002::/16", "6to4, which hides an IPv4 address (RFC 7526)", "odd"),
    _row("3fff::/20", "documentation (RFC 9637)", "odd"),
    _row("fc00::/7", "unique local (RFC 4193)"),
    _row("fe80::/10", "link-local (RFC 4291)"),
    _row("fec0::/10", "former site-local (RFC 3879)", "odd"),
    _row("ff00::/8", "multicast (RFC 4291)", "never"),
)
"""``odd`` rows are no bogons: transition mechanisms and newer or older assignments that an honest zone may still name,
and of which no verdict was ever made."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

BOGONS: Final[tuple[Network, ...]] = (
    *ipaddress.collapse_addresses(
        row.network for row in RESERVED if row.bogon and isinstance(row.network, ipaddress.IPv4Network)
    ),
    *ipaddress.collapse_addresses(
        row.network for row in RESERVED if row.bogon and isinstance(row.network, ipaddress.IPv6Network)
    ),
)
"""Prefixes that no public service has. NAT64's 64:ff9b::/96 is not among them (RFC 6052, RFC 8880)."""
LABORATORY: Final = tuple(str(row.network) for row in RESERVED if row.laboratory)
"""Prefixes that a laboratory calls public where the settings name none."""


def is_never(address: Address) -> bool:
    """Tell whether an address is one that not even a laboratory sends to."""
    return any(row.never and address in row.network for row in RESERVED)


def reserved(address: Address) -> str | None:
    """Say why no probe sends to an address; ``None`` where it is public.

    Of NAT64 the address to ask about is the one that it embeds. An IPv6 address outside global unicast is refused
    whether or not a row names it (RFC 4291 2.4).
    """
    if embedded(address) is not None:
        return None
    reason = next((row.reason for row in RESERVED if address in row.network), None)
    if reason is None and isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return "outside global unicast (RFC 4291)"
    return reason


def embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 destination in an address of NAT64's well-known prefix: its last 32 bits (RFC 6052)."""
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
