"""The incident page for every kind of event and every way it may stand, also where little is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.tally import TallySeries
from balise_collector.incidents.model import Incident, IncidentKind, IncidentScope, IncidentState, Interval, Locality
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.views import formatting, incident, overview
from balise_collector.pages.views.read_model import View
from balise_collector.words.translation import ENGLISH
from balise_wire.words import TargetRole

AT = 1_589_734_800.0


class OneIncident:
    """A store that holds one incident and nothing else: no verdict, no measurement."""

    def __init__(self, one: Incident) -> None:
        self.one = one

    def incidents(self) -> list[Incident]:
        """Return the one."""
        return [self.one]

    def withdrawn(self) -> list[Incident]:
        """Return none."""
        return []

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return its only revision."""
        return [(AT + 600, self.one)] if incident_id == self.one.id else []

    def verdicts(self, *_: Any) -> list[Verdict]:
        """Return none."""
        return []

    def history(self, *_: Any) -> list[HistoryCell]:
        """Return none."""
        return []

    def series(self, *_: Any) -> list[TallySeries]:
        """Return none."""
        return []

    def verdict(self, _measurement: str) -> None:
        """Return none."""
        return

    def measurement_row(self, _measurement: str) -> None:
        """Return none."""
        return

    def latest_verdict_at(self) -> float | None:
        """Return that there was one."""
        return AT + 20_000

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return what was said of it."""
        return [(AT + 600, self.one)] if (country, service) == (self.one.country, self.one.service) else []


def made(**changes: Any) -> Incident:
    """An incident with its evidence lost."""
    usual: dict[str, Any] = {
        "id": "0123456789ab", "kind": IncidentKind.INTERFERENCE, "state": IncidentState.OPEN, "country": "PK",
        "service": "zoom", "roles": (TargetRole.WEB,), "layers": ("tls",),
        "onset": Interval(earliest=AT - 300, latest=AT), "scope": IncidentScope(affected=(64501,)),
        "evidence": ("f" * 32,),
    }  # fmt: skip
    return Incident(**{**usual, **changes})


def view_of(one: Incident, now: float = AT + 900) -> View:
    """A view of one incident."""
    return View(store=OneIncident(one), now=now, services={"zoom": "Zoom"}, rules="1-0")


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(IncidentKind))
@pytest.mark.parametrize("state", list(IncidentState))
@pytest.mark.parametrize("ended", [False, True])
def test_every_kind_in_every_standing_has_its_page(
    kind: IncidentKind, state: IncidentState, ended: bool, read: Callable[[str], Any]
) -> None:
    """Also in the first minute, without a mechanism, without references and with the evidence gone."""
    service = "internet" if kind is IncidentKind.OUTAGE else "zoom"
    country = "**" if kind in {IncidentKind.SERVICE_FAULT, IncidentKind.EDGE_FAULT} else "PK"
    one = made(kind=kind, state=state, service=service, country=country)
    if ended:
        one = made(
            kind=kind, state=state, service=service, country=country, end=Interval(earliest=AT + 300, latest=AT + 600)
        )
    client = TestClient(create_app(lambda: view_of(one)), base_url="http://127.0.0.1")
    for path in (f"/incident/{one.id}", "/", "/matrix"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert read(answer.text).wrong == []


def test_an_incident_of_a_year_is_drawn_by_its_last_weeks() -> None:
    """A standing block neither makes the page wait nor draws thousands of bars."""
    one = made(state=IncidentState.STANDING, onset=Interval(earliest=None, latest=AT - 400 * 86400))
    page = incident.page(view_of(one), one.id, ENGLISH)
    assert page is not None
    assert len(page.timeline) < 20_000


def test_ticks_stand_on_round_local_times_of_half_hour_zones() -> None:
    """Kabul is at UTC+04:30: its full hours are not UTC's."""
    one = made(country="AF", end=Interval(earliest=AT + 10_500, latest=AT + 10_800))
    page = incident.page(view_of(one, now=AT + 20_000), one.id, ENGLISH)
    assert page is not None
    assert str(page.zone) == "Asia/Kabul"
    assert ">22:00</text>" in page.timeline
    assert ">17:30</text>" in page.timeline


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 min"), (3540, "59 min"), (3600, "1 h"), (12600, "3 h 30 min"), (86400, "1 day"), (200000, "2 days 7 h")],
)
def test_a_length_of_time_is_said_in_two_units_at_most(seconds: float, said: str) -> None:
    """Nobody needs the minutes of a fortnight."""
    assert formatting.duration(seconds) == said


def test_a_moment_is_told_in_both_times_and_the_day_where_it_differs() -> None:
    """02:30 in Karachi is still the day before in UTC."""
    karachi = ZoneInfo("Asia/Karachi")
    assert formatting.both_times(AT, karachi) == "17 May 2020 22:00 Asia/Karachi (17:00 UTC)"
    late = datetime(2020, 5, 18, 2, 30, tzinfo=karachi).timestamp()
    assert formatting.both_times(late, karachi) == "18 May 2020 02:30 Asia/Karachi (17 May 2020 21:30 UTC)"
    assert formatting.both_times(AT, ZoneInfo("UTC")) == "17 May 2020 17:00 UTC"


def test_an_incident_is_shown_as_what_it_is() -> None:
    """A service's own fault never wears the colour of blocking; one probe's word wears grey."""
    shown = {kind: formatting.state_of(made(kind=kind, witnesses=2, grade="B")) for kind in IncidentKind}
    assert shown == {
        IncidentKind.INTERFERENCE: VerdictState.BLOCKED,
        IncidentKind.SERVICE_FAULT: VerdictState.DOWN,
        IncidentKind.EDGE_FAULT: VerdictState.DOWN,
        IncidentKind.OUTAGE: VerdictState.DOWN,
        IncidentKind.SERVER_SIDE: VerdictState.SERVER_SIDE,
        IncidentKind.OWN_FAULT: VerdictState.INSUFFICIENT,
    }
    assert formatting.state_of(made(witnesses=2, grade="C")) is VerdictState.INSUFFICIENT
    for kind, state in product(IncidentKind, IncidentState):
        assert formatting.state_of(made(kind=kind, state=state, witnesses=1)) is VerdictState.INSUFFICIENT


def test_the_newest_come_first_and_the_list_has_an_end() -> None:
    """After a year the first page still opens."""

    class Many(OneIncident):
        """A store with many incidents."""

        def incidents(self) -> list[Incident]:
            """Return 150 that ended."""
            return [
                made(id=f"{n:012x}", state=IncidentState.CLOSED, onset=Interval(earliest=None, latest=AT + n),
                     locality=Locality.LOCAL, witnesses=2)
                for n in range(150)
            ]  # fmt: skip

    (section,) = [
        one
        for one in overview.sections(View(store=Many(made()), now=AT + 900, services={}))
        if one.state is IncidentState.CLOSED
    ]
    assert (len(section.lines), section.more) == (100, 50)
    assert all(before.id > after.id for before, after in pairwise(section.lines))
