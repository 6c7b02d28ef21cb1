"""How often somebody may knock: an office of forty cards yes, a hammer no, and the table of sources is bounded."""

from __future__ import annotations

import pytest

from balise_collector.system.rate import ALL, SOURCE, Bucket, Rate, source_of


def test_an_office_of_forty_cards_gets_in_at_once() -> None:
    """Forty boards behind one address within a minute; sixty questions in a row are the end of the burst."""
    rate = Rate(SOURCE)
    assert all(rate.allows("192.0.2.1", 100.0 + n) for n in range(40))
    hammer = Rate(SOURCE)
    assert sum(hammer.allows("192.0.2.1", 100.0) for _ in range(500)) == SOURCE.burst
    assert not hammer.allows("192.0.2.1", 101.0)
    assert hammer.allows("192.0.2.1", 103.0)
    assert hammer.allows("192.0.2.2", 103.0)


def test_many_sources_together_are_bounded() -> None:
    """Neither the answers nor the memory grow with the number of addresses."""
    rate, everybody = Rate(SOURCE), Bucket(ALL, 100.0)
    for n in range(10_000):
        rate.allows(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 100.0)
    assert len(rate) == 4096
    assert sum(everybody.take(100.0) for _ in range(10_000)) == ALL.burst
    assert sum(everybody.take(101.0) for _ in range(10_000)) == ALL.per_second


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "unknown"),
    ],
)
def test_a_line_is_one_source(address: str, source: str) -> None:
    """An IPv6 line has a whole /64 to ask from."""
    assert source_of(address) == source
