"""Who counts as one: boards of one network, or of one host, over any number of links."""

from __future__ import annotations

import pytest

from balise_collector.judge.witnesses import UNKNOWN, Stand, independent


@pytest.mark.parametrize(
    ("stands", "count"),
    [
        ((), 0),
        ((Stand(1, ""),), 1),
        ((Stand(1, ""), Stand(2, "")), 2),
        ((Stand(1, ""), Stand(1, "")), 1),
        ((Stand(1, "ada"), Stand(2, "ada")), 1),
        ((Stand(1, "ada"), Stand(2, "ada"), Stand(2, "ben"), Stand(3, "ben")), 1),
        ((Stand(1, "ada"), Stand(3, "cyd"), Stand(2, "ada")), 2),
        ((UNKNOWN, UNKNOWN), 2),
        ((Stand(0, "ada"), Stand(0, "ada")), 1),
    ],
)
def test_boards_of_one_network_or_host_are_one_witness(stands: tuple[Stand, ...], count: int) -> None:
    """What is unknown equals nothing; a common network or host joins, whatever the order."""
    assert independent(stands) == independent(reversed(stands)) == count
