"""The address plan."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from balise_lab.errors import ConfigError
from balise_lab.world import addresses


def test_no_two_prefixes_overlap_and_all_are_the_labs() -> None:
    """A route is chosen by prefix alone; and the probes refuse every address that is not among those they are told."""
    plan = [addresses.DOMESTIC, addresses.DNS_PREFIX, addresses.HOSTING_PREFIX]
    plan += [addresses.isp_prefix(n) for n in range(addresses.MOST_ISPS)]
    plan += [addresses.abroad_prefix(n) for n in range(addresses.MOST_ABROAD)]
    plan += [addresses.service_prefix(n) for n in range(addresses.MOST_SERVICES)]
    plan += [addresses.edge_prefix(n) for n in range(addresses.MOST_SERVICES)]
    assert [pair for pair in combinations(plan, 2) if pair[0].overlaps(pair[1])] == []
    whole = [IPv4Network(prefix) for prefix in addresses.LABORATORY]
    assert all(any(prefix.subnet_of(one) for one in whole) for prefix in plan)


def test_the_plan_has_an_end() -> None:
    """It says so instead of handing out an address twice."""
    with pytest.raises(ConfigError, match="services: the lab has room for 60"):
        addresses.service_prefix(addresses.MOST_SERVICES)
