"""Addresses become networks by the operator's table, in both formats, nested or not; what is not in it is not known."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.intake.origins import FreshOrigins, Origin, Origins, OriginsOnDemand, read_origins
from balise_collector.system.errors import ConfigError

RANGES = """# of today
198.18.0.0\t198.18.0.255\t64501\tPK\tINDUS
198.18.2.0\t198.18.2.255\t0\tNone\tNot routed
2001:db8::\t2001:db8:0:ffff:ffff:ffff:ffff:ffff\t64502\tDE\tX
"""
PREFIXES = """198.18.0.0/16,64501,PK
198.18.7.0/24,AS64666,NL
198.18.7.128/25,64667,
2001:db8::/32,64502,DE
"""


@pytest.mark.parametrize(
    ("address", "asn", "country"),
    [
        ("198.18.0.0", 64501, "PK"), ("198.18.0.255", 64501, "PK"), ("198.18.1.0", None, ""), ("198.18.2.9", None, ""),
        ("198.17.255.255", None, ""), ("::ffff:198.18.0.7", 64501, "PK"), ("2001:db8::1", 64502, "DE"),
        ("2001:db9::1", None, ""), ("fe80::1%eth0", None, ""), ("not an address", None, ""), ("", None, ""),
    ],
)  # fmt: skip
def test_ranges_as_they_are_given_away(address: str, asn: int | None, country: str) -> None:
    """First and last address, AS number, country: tab-separated; what nobody announces is not known."""
    assert Origins(RANGES.splitlines()).look_up(address) == (None if asn is None else Origin(asn, country))


def test_the_longest_prefix_counts() -> None:
    """A network inside another is its own."""
    table = Origins(PREFIXES.splitlines())
    assert table.look_up("198.18.6.1") == Origin(64501, "PK")
    assert table.look_up("198.18.7.1") == Origin(64666, "NL")
    assert table.look_up("198.18.7.200") == Origin(64667, "")
    assert table.look_up("198.18.8.1") == Origin(64501, "PK")
    assert table.look_up("198.19.0.1") is None
    assert table.look_up("2001:db8:7::1") == Origin(64502, "DE")


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 8), st.integers(1, 9)), max_size=12))
def test_a_table_says_of_every_address_what_its_longest_prefix_says(rows: list[tuple[int, int, int]]) -> None:
    """Prefixes that nest, repeat or touch: held against a search by hand."""
    prefixes = [(ipaddress.ip_network((f"198.18.0.{a}", 24 + bits), strict=False), asn) for a, bits, asn in rows]
    unique = dict(reversed(prefixes))
    table = Origins(f"{network},{asn},PK" for network, asn in unique.items())
    for last in range(0, 256, 3):
        address = ipaddress.ip_address(f"198.18.0.{last}")
        within = [(network.prefixlen, asn) for network, asn in unique.items() if address in network]
        assert table.look_up(str(address)) == (Origin(max(within)[1], "PK") if within else None)


def test_lines_that_are_none_cost_themselves_and_a_file_of_them_is_refused(tmp_path: Path) -> None:
    """A table with a broken line is a table; a page of a web server is none."""
    table = Origins(["198.18.0.0/16,64501,PK", "garbage", "198.18.0.0/99,1,PK", "198.18.9.0\t198.18.8.0\t1\tPK\tx"])
    assert (table.ranges, table.unread) == (1, 3)
    file = tmp_path / "origins.tsv"
    file.write_text("<html>not here</html>\n")
    with pytest.raises(ConfigError, match="origins"):
        read_origins(file)
    with pytest.raises(ConfigError, match="origins"):
        read_origins(tmp_path / "missing.tsv")


def test_a_newer_file_is_read_beside_the_work(tmp_path: Path) -> None:
    """A table of today takes the place of yesterday's; one that cannot be read leaves it."""
    file = tmp_path / "origins.csv"
    file.write_text("198.18.0.0/16,64501,PK\n")
    fresh = FreshOrigins(file)
    for text, asn in (("198.18.0.0/16,64502,PK\n", 64502), ("nothing\n", 64502)):
        file.write_text(text)
        os.utime(file, (asn + len(text), asn + len(text)))
        fresh.freshen()
        assert fresh._thread is not None
        fresh._thread.join()
        assert fresh.look_up("198.18.0.1") == Origin(asn, "PK")


def test_a_table_on_demand_knows_nobody_until_its_file_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A page that names networks is shown without names where the table is away or damaged, and says so once."""
    file = tmp_path / "origins.csv"
    table = OriginsOnDemand(file)
    assert [table.look_up("198.18.0.1") for _ in range(3)] == [None] * 3
    file.write_text("nothing\n")
    os.utime(file, (100, 100))
    assert [table.look_up("198.18.0.1") for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 2, "once for each state of the file"
    file.write_text("198.18.0.0/16,64501,PK\n")
    os.utime(file, (200, 200))
    assert table.look_up("198.18.0.1") == Origin(64501, "PK")
