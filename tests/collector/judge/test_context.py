"""What the judge may know beside the measurement."""

from __future__ import annotations

import ipaddress

import pytest

from balise_collector.judge import BARRED, Context
from balise_collector.judge.context import Bar


@pytest.mark.parametrize(
    ("address", "bogon"),
    [("10.10.34.34", True), ("198.18.0.1", True), ("fc00::1", True), ("104.244.42.1", False), ("no address", True)],
)
def test_an_address_that_no_public_service_has_is_a_bogon(address: str, bogon: bool) -> None:
    """Text that is no address leads nowhere either."""
    assert Context(probe="pk000001").is_bogon(address) is bogon


def test_a_laboratory_names_fewer() -> None:
    """What is public there is no bogon there."""
    few = Context(probe="pk000001", bogons=(ipaddress.ip_network("10.0.0.0/8"),))
    assert not few.is_bogon("198.18.0.1")


def test_every_bar_but_none_is_a_rules_id() -> None:
    """What is barred is told by a rule (record.py)."""
    assert {bar.value for bar in Bar if bar is not Bar.NONE} == BARRED
