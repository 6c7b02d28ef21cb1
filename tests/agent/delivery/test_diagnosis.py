"""What keeps results on a board, told in the order of cause."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from balise_agent.delivery.diagnosis import RECEIPT_SECONDS, delivery_troubles, disk_trouble, is_refused
from balise_agent.delivery.parts import Counters
from balise_agent.system.problems import ProblemId, Trouble

NOW = 10_000.0


@dataclass
class Way:
    """How the way to the collector stands."""

    connected: bool = True
    collector_online: bool = True
    connected_at: float | None = 0.0
    trouble: Trouble | None = None
    segment: int = 0
    counters: Counters = field(default_factory=Counters)


@dataclass
class Disk:
    """How a spool stands."""

    disk_refuses: bool = False
    refusal: str = ""
    full: bool = False

    def disk_full(self) -> bool:
        """As the test says."""
        return self.full


def told(way: Way, oldest_at: float | None = None) -> list[ProblemId]:
    """Return the ids of what is wrong."""
    return [trouble.id for trouble in delivery_troubles(way, oldest_at, NOW)]


def test_a_broker_that_takes_everything_and_a_collector_that_signs_nothing_is_told() -> None:
    """A revoked probe may still be let in by a listener that knows no refusals; then the certificate is asked about."""
    way, late, young = Way(), NOW - RECEIPT_SECONDS - 100.0, NOW - RECEIPT_SECONDS + 100.0
    assert not is_refused(way, None, NOW)
    assert not is_refused(way, young, NOW)
    assert is_refused(way, late, NOW)
    assert told(way, late) == [ProblemId.RECEIPTS_MISSING]
    way.connected_at = NOW
    assert not is_refused(way, late, NOW), "a connection of a moment ago has not had the time to deliver an outage"
    way.connected_at = 0.0
    way.counters.receipt_at = NOW
    assert told(way, late) == []
    way.segment = 1220
    assert told(way, late) == [ProblemId.PATH_NARROW]


def test_without_a_broker_its_reason_is_told() -> None:
    """As far as it is known; nothing else is guessed."""
    assert told(Way(connected=False)) == []
    way = Way(connected=False, trouble=Trouble(id=ProblemId.BROKER_REFUSES))
    assert told(way) == [ProblemId.BROKER_REFUSES]
    assert is_refused(way, None, NOW)


def test_a_collector_that_says_it_is_offline_owes_no_receipt() -> None:
    """It says so itself: nothing is wrong with the certificate."""
    way = Way(collector_online=False)
    assert told(way, 0.0) == [ProblemId.COLLECTOR_OFFLINE]
    assert not is_refused(way, 0.0, NOW)


@pytest.mark.parametrize(
    ("disk", "problem"),
    [
        (Disk(), None),
        (Disk(disk_refuses=True, full=True), ProblemId.DATA_FULL),
        (Disk(disk_refuses=True, refusal="I/O error"), ProblemId.DATA_UNWRITABLE),
    ],
)
def test_a_full_disk_wants_room_and_any_other_a_look(disk: Disk, problem: ProblemId | None) -> None:
    """Two problems, two mends."""
    found = disk_trouble(disk)
    assert (None if found is None else found.id) is problem
