"""Where a resolver stands, by its address."""

from __future__ import annotations

import pytest

from balise_agent.experiments.dns.place import place_of, upstream
from balise_wire.words import ResolverPlace

LAN = ("192.168.7.0/24", "2a00:1:2::/56")


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("192.168.7.1", ResolverPlace.HOME),
        ("127.0.0.1", ResolverPlace.HOME),
        ("fe80::1%eth0", ResolverPlace.HOME),
        ("2a00:1:2::1", ResolverPlace.HOME),
        ("8.8.8.8", ResolverPlace.BEYOND),
        ("100.64.0.53", ResolverPlace.BEYOND),
        ("2a00:9::53", ResolverPlace.BEYOND),
        ("1.1.1.1", ResolverPlace.BEYOND),
        ("1.1.1.3", ResolverPlace.CHOSEN),
        ("208.67.222.123", ResolverPlace.CHOSEN),
        ("2606:4700:4700::1113", ResolverPlace.CHOSEN),
        ("10.0.0.1", ResolverPlace.UNKNOWN),
        ("fd00::1", ResolverPlace.UNKNOWN),
        ("", ResolverPlace.UNKNOWN),
        ("no address", ResolverPlace.UNKNOWN),
    ],
)
def test_a_resolver_stands_in_the_home_or_beyond(server: str, place: ResolverPlace) -> None:
    """The machine's own network is the home; a private address elsewhere may be the home's or the provider's.

    A public resolver that filters is what the household chose.
    """
    assert place_of(server, LAN) is place


def test_a_public_resolver_is_nobodys_provider() -> None:
    """What the operator knows comes first, then a second resolver of the network that is not in the home."""
    known = ("192.168.7.1", "8.8.8.8", "100.64.0.53")
    assert upstream(known, ("198.18.6.6",), ("8.8.8.8",), LAN) == "198.18.6.6"
    assert upstream(known, (), ("8.8.8.8",), LAN) == "100.64.0.53"
    assert upstream(known[:2], (), ("8.8.8.8",), LAN) == ""
    assert upstream(("1.1.1.3", "1.0.0.3"), (), ("8.8.8.8",), LAN) == ""
