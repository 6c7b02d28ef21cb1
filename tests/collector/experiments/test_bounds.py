"""The kinds of checks that experiments state their bounds with."""

from __future__ import annotations

import pytest

from balise_collector.experiments.bounds import DIGEST, Check, Destination, address, long, quoted, route, word


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (address, "2001:db8::1", "fe80::1%eth0"),
        (address, "", "192.0.2.1/24"),
        (route, "192.0.2.0/24", "192.0.2.0/x"),
        (word(3), "abc", "a\nb"),
        (word(3), "", "abcd"),
        (long(3), "\x1b[2", "abcd"),
        (DIGEST, "0" * 64, "0" * 65),
    ],
)
def test_a_check_says_what_is_wrong_and_nothing_where_all_is_right(check: Check, good: str, bad: str) -> None:
    """What we named is printable; what the network wrote is bounded and otherwise free."""
    assert check(good) == ""
    assert check(bad)


def test_what_a_stranger_wrote_is_quoted_in_bounds() -> None:
    """An integer of thousands of digits, too, has words."""
    assert len(quoted("x" * 1000)) == 60
    assert quoted(10**5000) == "int"


def test_a_destination_says_what_it_knows() -> None:
    """For the quarantine's reader."""
    assert str(Destination()) == "?"
    assert str(Destination(name=None, named=True, address="192.0.2.1", port=443)) == "None ('192.0.2.1' port 443)"
