"""The broker's words: who connects from which network is taken, and no address goes any further."""

from __future__ import annotations

import pytest

from balise_collector.fleet.whereabouts import Sighting
from balise_collector.intake.observing import complaint, sighting
from balise_collector.intake.origins import Origin


def _look_up(address: str) -> Origin | None:
    return {"198.18.0.7": Origin(64501, "PK"), "2001:db8::7": Origin(64502, "DE")}.get(address)


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (
            b"1795884880: New client connected from 198.18.0.7:60897 as k7m2q9xd (p2, c1, k60, u'k7m2q9xd').",
            (64501, "PK"),
        ),
        (b"2026-11-28T16:00:00: New client connected from 2001:db8::7:443 as k7m2q9xd (p5, c0, k600).", (64502, "DE")),
        (b"1: New client connected from 203.0.113.9:1 as k7m2q9xd (p2, c1, k60).", (0, "")),
    ],
)
def test_who_connects_from_which_network(line: bytes, seen: tuple[int, str]) -> None:
    """What the table does not know is a sighting too: the one before does not hold any more."""
    assert sighting(line, 5.0, _look_up) == Sighting(probe="k7m2q9xd", at=5.0, asn=seen[0], country=seen[1])


@pytest.mark.parametrize(
    "line",
    [
        b"1: New connection from 198.18.0.7:60897 on port 8883.",
        b"1: New client connected from 198.18.0.7:60897 as collector (p2, c0, k60).",
        b"1: Client k7m2q9xd closed its connection.",
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_other_lines_say_nothing(line: bytes) -> None:
    """Nor does the collector's own connection."""
    assert sighting(line, 5.0, _look_up) is None


def test_errors_are_repeated_without_addresses() -> None:
    """A log that says which line was connected when is what a host's enemies would look for."""
    told = complaint("$SYS/broker/log/E", b"1: Client at 198.18.0.7:443 and [2001:db8::7]:80 (k7m2): \x1b[2Jbad CRL.")
    assert told == "Client at [address] and [address] (k7m2): ?[2Jbad CRL."
    assert complaint("$SYS/broker/log/N", b"1: New client connected from 198.18.0.7:1 as k7m2 (p2)") == ""
