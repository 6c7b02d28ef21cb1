"""The one table of reserved addresses gives each of its askers the list that it had before there was one table."""

from __future__ import annotations

import ipaddress

import hypothesis.strategies as st
import pytest
from hypothesis import given

from balise_wire.addresses import BOGONS, LABORATORY, RESERVED, embedded, is_never, reserved

JUDGED = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/127",
    "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip


def test_the_bogons_that_verdicts_were_made_with() -> None:
    """A replay of an old journal finds the same prefixes: a row more would turn old answers into forged ones."""
    assert {str(network) for network in BOGONS} == set(JUDGED)


def test_the_laboratory() -> None:
    """What the demo and the scenarios call public (RFC 2544, RFC 5737, RFC 3849)."""
    assert set(LABORATORY) == {"198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"}


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_nothing_that_is_not_global_is_public(number: int) -> None:
    """What Python itself does not call global, no probe sends to."""
    address = ipaddress.IPv4Address(number)
    assert address.is_global or reserved(address)


@pytest.mark.parametrize("row", RESERVED, ids=lambda row: str(row.network))
def test_a_row_holds_for_its_whole_prefix(row: object) -> None:
    """First and last address are refused, with a document named; a bogon is always refused."""
    assert isinstance(row, type(RESERVED[0]))
    for address in (row.network[0], row.network[-1]):
        assert "RFC" in str(reserved(address))
        assert is_never(address) or not row.never
    assert "RFC" in row.reason


def test_translated_addresses_are_asked_about_by_what_they_embed() -> None:
    """64:ff9b::/96 is no address of its own (RFC 6052)."""
    translated = ipaddress.ip_address("64:ff9b::192.168.1.1")
    assert (str(embedded(translated)), reserved(translated)) == ("192.168.1.1", None)
    assert embedded(ipaddress.ip_address("2001:4860:4860::8888")) is None
    assert reserved(ipaddress.ip_address("2001:4860:4860::8888")) is None
    assert reserved(ipaddress.ip_address("4000::1")) == "outside global unicast (RFC 4291)"
