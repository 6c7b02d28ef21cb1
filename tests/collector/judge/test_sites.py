"""Whose a name is, by the name that was registered."""

from __future__ import annotations

import pytest

from balise_collector.judge.sites import brand, same_site, site


@pytest.mark.parametrize(
    ("host", "registered"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("www.google.com.pk", "google.com.pk"),
        ("Example.COM.", "example.com"),
        ("com.pk", "com.pk"),
        ("localhost", "localhost"),
        ("t.co", "t.co"),
    ],
)
def test_the_registered_name(host: str, registered: str) -> None:
    """Under a country's domain the usual second labels are suffixes."""
    assert site(host) == registered


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("www.example.com", "pk.example.com", True),
        ("google.com", "www.google.com.pk", True),
        ("example.com", "example.de", True),
        ("example.com", "blocked.example.net", False),
        ("twitter.com", "x.com", False),
        ("t.co", "t.me", False),
        ("example.com", "blocked.isp.pk", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("192.0.2.1", "example.com", False),
    ],
)
def test_one_owner(one: str, other: str, *, same: bool) -> None:
    """Sub-domains and national domains are; a short brand is many people's; an address is nobody's."""
    assert same_site(one, other) is same


def test_hosts_of_the_catalogue_are_the_services() -> None:
    """Its own names need no likeness."""
    assert same_site("twitter.com", "www.x.com", ["x.com"])


def test_an_address_has_no_brand() -> None:
    """Its labels are numbers."""
    assert brand("192.0.2.1") == ""
