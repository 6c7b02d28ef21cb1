"""A spent day of one probe is a small budget; of several homes of one provider it is a question to the operator."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from balise_collector.conclude.spent_days import FLOODED, Question, questions
from balise_collector.fleet.members import Member
from balise_collector.journal import EventRow, HealthRow
from balise_wire.measurement import Network
from balise_wire.status import Event, EventKind, Health

NOW = 1_589_733_000.0
SPENT = "the day's share of the line is used up; on after midnight UTC"
ESTIMATED = "20000001 of 20000000 bytes today: everything rests until 00:00 UTC"
PLANNED = "14000001 of 20000000 bytes today: http rests until 00:00 UTC"


def member(name: str, host: str = "", asn: int = 64501, **changes: object) -> Member:
    """Return an approved probe in Pakistan."""
    usual: dict[str, object] = {"id": name, "public_key": "ab" * 32, "network": Network(country="PK", asn=asn)}
    return Member(**{**usual, "host": host, **changes})  # type: ignore[arg-type]


class Told:
    """What probes told, as the journal gives it."""

    def __init__(self, *told: tuple[str, str, float]) -> None:
        self.rows = [
            EventRow(
                no=no,
                received_at=NOW - ago,
                probe=probe,
                event=Event(kind=EventKind.BUDGET_EXHAUSTED, at=NOW - ago, detail=detail),
            )
            for no, (probe, detail, ago) in enumerate(told, 1)
        ]

    def read(self, probe: str, most: int, kind: EventKind | None) -> Sequence[EventRow]:
        """Return a probe's newest events of a kind."""
        return [row for row in reversed(self.rows) if row.probe == probe and kind in {None, row.event.kind}][:most]


def report(probe: str, unasked: int, ago: float = 60.0) -> HealthRow:
    """Return a probe's health."""
    return HealthRow(no=1, received_at=NOW - ago, probe=probe, health=Health(at=NOW, excess_bytes_today=unasked))


TWO = (member("aa01"), member("bb02"))


@pytest.mark.parametrize("detail", [SPENT, ESTIMATED])
def test_two_homes_of_a_provider_that_sleep_are_a_question(detail: str) -> None:
    """They are away by their own word, so no outage opens: somebody has to be asked why both are."""
    told = Told(("aa01", detail, 600.0), ("bb02", SPENT, 7_200.0))
    assert questions(TWO, told.read, {}, NOW) == (
        Question(country="PK", asn=64501, spent=("aa01", "bb02"), flooded=()),
    )


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (TWO, (("aa01", SPENT, 600.0),)),
        (TWO, (("aa01", SPENT, 600.0), ("bb02", SPENT, 90_000.0))),
        (TWO, (("aa01", PLANNED, 600.0), ("bb02", PLANNED, 600.0))),
        ((member("aa01"), member("bb02", asn=64502)), (("aa01", SPENT, 600.0), ("bb02", SPENT, 600.0))),
        ((member("aa01", "h1"), member("bb02", "h1")), (("aa01", SPENT, 600.0), ("bb02", SPENT, 600.0))),
        ((member("aa01"), member("bb02", revoked=True)), (("aa01", SPENT, 600.0), ("bb02", SPENT, 600.0))),
    ],
    ids=["one", "yesterday", "as planned", "two providers", "one home", "revoked"],
)
def test_what_has_its_own_reason_is_no_question(
    members: tuple[Member, ...], told: tuple[tuple[str, str, float], ...]
) -> None:
    """One home, another day, another provider, a plan that lets fetches rest: ordinary life."""
    assert questions(members, Told(*told).read, {}, NOW) == ()


def test_a_flood_counts_like_a_spent_day() -> None:
    """Probes of this version do not fall asleep of it: the bytes that nobody asked for tell."""
    health = {"aa01": report("aa01", FLOODED), "bb02": report("bb02", FLOODED - 1)}
    assert questions(TWO, Told().read, health, NOW) == ()
    (asked,) = questions(TWO, Told(("bb02", SPENT, 60.0)).read, health, NOW)
    assert (asked.spent, asked.flooded) == (("bb02",), ("aa01",))
    stale = {name: report(name, FLOODED, ago=90_000.0) for name in ("aa01", "bb02")}
    assert questions(TWO, Told().read, stale, NOW) == ()
