"""IPv4 addresses inside IPv6 ones: RFC 6052's own examples, and a network that tells its prefix."""

from __future__ import annotations

import pytest

from balise_agent.codec.nat64 import inner, prefixes


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
    ],
)
def test_the_examples_of_rfc_6052(prefix: str, address: str) -> None:
    """192.0.2.33 in every length of prefix (RFC 6052 2.4); another prefix, or no IPv6 at all, is left alone."""
    assert inner(address, (prefix,)) == "192.0.2.33"
    assert inner(address, ("2a00::/96",)) == address
    assert inner("198.18.1.1", (prefix,)) == "198.18.1.1"
    assert inner("no address", (prefix,)) == "no address"


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (("64:ff9b::c000:aa", "64:ff9b::c000:ab"), ("64:ff9b::/96",)),
        (("2a00:1:2:3::c000:ab",), ("2a00:1:2:3::/96",)),
        (("2a00:1:2:3:c0:0:aa00:0",), ("2a00:1:2:3::/64",)),
        (("2a00::1", "192.0.0.170"), ()),
        ((), ()),
    ],
)
def test_a_network_tells_its_prefix(answers: tuple[str, ...], found: tuple[str, ...]) -> None:
    """RFC 7050 3: where one of two known addresses stands in the answer, the rest of it is the prefix."""
    assert prefixes(answers) == found
