"""What may be a tag: few values, all ours."""

from __future__ import annotations

import pytest

from balise_collector.sinks.influx.cardinality import OTHER, Guard
from balise_collector.sinks.influx.point import Point


def point(**tags: str) -> Point:
    """Return a point with tags."""
    return Point("m", tuple(sorted(tags.items())), (("n", 1),), 1)


@pytest.mark.parametrize(
    "value",
    ["198.18.0.1", "2001:db8::1", "twitter.com", "pbs.twimg.com", "0123456789abcdef", "DEADBEEF" * 4],
)
def test_addresses_names_and_hashes_are_no_tags(value: str) -> None:
    """Each would be a series of its own, for ever."""
    guard = Guard({})
    assert dict(guard.admit(point(role=value)).tags) == {"role": OTHER}
    assert "role" in guard.complaints()[0]
    guard.admit(point(role=value))
    assert guard.complaints() == []


def test_a_service_outside_the_catalogue_is_other() -> None:
    """What a probe invents is no series; what the catalogue has is one."""
    guard = Guard({"service": frozenset({"twitter"})})
    assert dict(guard.admit(point(service="twitter")).tags) == {"service": "twitter"}
    assert dict(guard.admit(point(service="mine")).tags) == {"service": OTHER}


def test_ids_of_probes_and_numbers_of_providers_stay() -> None:
    """A probe's opaque id may look like a hash, and an AS number is no address."""
    guard = Guard({})
    tags = {"probe": "a1b2c3d4e5f60718", "asn": "64501", "window": "5m", "reader": "rollup-5m"}
    assert dict(guard.admit(point(**tags)).tags) == tags


def test_the_number_of_values_and_of_series_is_bounded() -> None:
    """A probe that counts through every AS number fills nothing; one line says so."""
    guard = Guard({}, values_most=10, series_most=20)
    seen = {dict(guard.admit(point(asn=str(n))).tags)["asn"] for n in range(1000)}
    assert len(seen) == 11
    assert len(guard.complaints()) == 1
    series = {guard.admit(point(asn=str(n % 5), probe=f"p{n % 9}")).tags for n in range(1000)}
    assert len(series) <= 20
