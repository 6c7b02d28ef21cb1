"""The address plan: nobody shares an address, everything lies in prefixes that no network routes, and room ends."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from itertools import combinations

import pytest

from balise_lab.errors import ConfigError
from balise_lab.world import addresses

PREFIXES = [
    *map(addresses.isp_prefix, range(addresses.MOST_ISPS)),
    *map(addresses.abroad_prefix, range(addresses.MOST_ABROAD)),
    *map(addresses.service_prefix, range(addresses.MOST_SERVICES)),
    *map(addresses.edge_prefix, range(addresses.MOST_SERVICES)),
    addresses.DOMESTIC,
    addresses.DNS_PREFIX,
    addresses.HOSTING_PREFIX,
]


def test_no_two_prefixes_overlap_and_none_is_anybodys() -> None:
    """An agent in the lab may never send to an address that somebody has (RFC 2544, RFC 5737)."""
    laboratory = [IPv4Network(text) for text in addresses.LABORATORY]
    assert not [pair for pair in combinations(PREFIXES, 2) if pair[0].overlaps(pair[1])]
    assert all(any(prefix.subnet_of(one) for one in laboratory) for prefix in PREFIXES)


def test_as_many_probes_as_there_may_be_have_addresses() -> None:
    """Each its own, inside its provider's prefix and apart from the provider's machines."""
    prefix = addresses.isp_prefix(0)
    probes = [addresses.probe(prefix, index) for index in range(addresses.MOST_PROBES)]
    assert len(set(probes)) == addresses.MOST_PROBES
    assert all(IPv4Address(one) in prefix for one in probes)
    assert addresses.host(prefix, addresses.RESOLVER) not in probes


@pytest.mark.parametrize(
    ("prefix_of", "most", "word"),
    [
        (addresses.isp_prefix, addresses.MOST_ISPS, "isps"),
        (addresses.abroad_prefix, addresses.MOST_ABROAD, "abroad"),
        (addresses.service_prefix, addresses.MOST_SERVICES, "services"),
    ],
)
def test_one_more_than_there_is_room_for_is_said(prefix_of: Callable[[int], IPv4Network], most: int, word: str) -> None:
    """The key of the scenario, and how many it may have."""
    with pytest.raises(ConfigError, match=f"{word}: the lab has room for {most}"):
        prefix_of(most)


@pytest.mark.parametrize(
    ("four", "six"),
    [
        ("198.19.64.10", "3fff:19:40::a"),
        ("203.0.113.10", "3fff:3:71::a"),
        ("198.19.64.0/24", "3fff:19:40::/48"),
        ("198.18.16.0/20", "3fff:18:10::/44"),
        ("198.18.0.0/15", "3fff:18::/31"),
        ("198.51.100.8/32", "3fff:51:64::8/128"),
        ("192.168.1.2", ""),
    ],
)
def test_the_address_over_ipv6_follows_from_that_over_ipv4(four: str, six: str) -> None:
    """What a /24 holds is a /48; what is in a home has none."""
    assert addresses.six(four) == six


def test_networks_of_ipv6_are_apart_and_inside_what_is_called_public() -> None:
    """As those of IPv4 are (RFC 9637)."""
    found = [IPv6Network(addresses.six(str(prefix))) for prefix in PREFIXES]
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]
    assert all(prefix.subnet_of(IPv6Network(addresses.LABORATORY_6)) for prefix in found)
