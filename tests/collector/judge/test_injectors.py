"""Known injectors: a name beside forged packets, and the source of what is known."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from balise_collector import judge
from balise_collector.judge.injectors import injectors, known
from tests.testbed.cases import Case


def _resets(case: Case, copies: int, flags: str, **changes: Any) -> list[Any]:
    return [case.packet(50_000 + n, "in", flags, seq=1, **changes) for n in range(copies)]


@pytest.mark.parametrize(
    ("name", "copies", "flags", "changes"),
    [
        ("Great Firewall, type I", 1, "R", {"ttl": 60, "ip_id": 0, "df": False}),
        ("Great Firewall, type II", 3, "RA", {"ttl": 166, "ip_id": 0x1234, "df": True}),
        ("Great Firewall, type III", 1, "RA", {"ttl": 241, "ip_id": 0x9920, "df": False}),
        ("Henan Firewall", 1, "RA", {"ttl": 52, "ip_id": 1, "df": False, "length": 10}),
        ("", 1, "R", {"ttl": 60, "ip_id": 0, "df": True}),
        ("", 2, "RA", {"ttl": 166, "ip_id": 0x1234, "df": True}),
        ("", 0, "R", {}),
    ],
)
def test_an_injector_is_known_by_its_packets(
    case: Case, name: str, copies: int, flags: str, changes: dict[str, Any]
) -> None:
    """The whole print must fit: flags, copies, IP-ID, DF, payload, and the TTL but for the way's length."""
    assert known(_resets(case, copies, flags, **changes)) == name


def test_the_table_says_where_it_is_from() -> None:
    """What is quoted bears its source and licence."""
    text = files(judge).joinpath("injectors.toml").read_text(encoding="utf-8")
    assert len(injectors()) == 4
    assert "Source:" in text
    assert "Licence:" in text
