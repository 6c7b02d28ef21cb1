"""Which IPv4 address is inside an IPv6 one, and by which prefix a network puts it there (RFC 6052, RFC 7050). Pure.

A network with NAT64 answers AAAA questions with addresses that it makes of the name's IPv4 ones: they are nobody's
forgery. Its prefix is the well-known one or one of its own, and tells itself in the answer for a name whose IPv4
addresses everybody knows. Must not live here: asking that question, or what follows from it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

NAME: Final = "ipv4only.arpa"
"""Has no AAAA record anywhere: an answer with one is the network's own (RFC 7050 2)."""
_KNOWN: Final = (IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171"))
_LENGTHS: Final = (96, 64, 56, 48, 40, 32)
_RESERVED_BYTE: Final = 8
"""Bits 64 to 71 are zero and hold no part of the IPv4 address (RFC 6052 2.2)."""


def prefixes(answers: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes by which the addresses of ``NAME`` were made; none where there is no NAT64."""
    found: dict[str, None] = {}
    for text in answers:
        address = ip_address(text)
        for length in _LENGTHS:
            if isinstance(address, IPv6Address) and _inside(address, length) in _KNOWN:
                found[str(IPv6Network((address, length), strict=False))] = None
                break
    return tuple(found)


def inner(text: str, networks: Iterable[str]) -> str:
    """Return the IPv4 address inside an IPv6 one of these prefixes; any other text as it is."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    for network in map(IPv6Network, networks):
        if isinstance(address, IPv6Address) and address in network:
            return str(_inside(address, network.prefixlen))
    return text


def _inside(address: IPv6Address, length: int) -> IPv4Address:
    """Return the four bytes behind a prefix, past the reserved one (RFC 6052 2.2, figure 1)."""
    raw = address.packed
    start = length // 8
    kept = [raw[at] for at in range(start, min(start + 5, 16)) if at != _RESERVED_BYTE or length == 96]
    return IPv4Address(bytes(kept[:4]))
