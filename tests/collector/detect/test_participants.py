"""Who takes part in a walk: boards of one person are one, and successes are read from the history itself."""

from __future__ import annotations

from balise_collector.detect.cell import Cell, CellHistory
from balise_collector.detect.evidence import Severity
from balise_collector.detect.model import CellKey
from balise_collector.detect.participants import Participants
from balise_wire.bins import BIN

KEY = CellKey(country="PK", asn=64501, access="fixed", service="twitter", role="web", layer="tls")


def test_boards_of_one_person_are_one_witness() -> None:
    """And everybody else is one of his own."""
    series = [CellHistory(name, "PK", 64501, Cell(KEY)) for name in ("a", "b", "c")]
    assert Participants(series, [], {"a": "ali", "b": "ali"}, []).hosts(range(3)) == 2


def test_successes_are_those_between_two_bins() -> None:
    """Without the bins that failed, and without both ends."""
    series = CellHistory("a", "PK", 64501, Cell(KEY))
    for bin_ in range(100, 120):
        series.add(int(bin_ == 110), bin_ * BIN + 10, bin_ * BIN + 10)
    found = Participants([series], [], {}, [Severity.OK, Severity.BLOCKED]).well(0, 107, 113)
    assert [mark.at // BIN for mark in found] == [108, 109, 111, 112]
    assert not any(mark.fails for mark in found)
