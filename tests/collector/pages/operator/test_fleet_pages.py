"""The operator's pages of the fleet: who is silent stands first and with the reason; nothing unknown looks well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from balise_collector.fleet.members import Fleet, Halt
from balise_collector.fleet.orders import Able, Order, Taken
from balise_collector.journal import EventRow
from balise_collector.pages.operator import fleet
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.operator.fleet import FleetFacts
from balise_collector.pages.views.read_model import View
from balise_wire.status import Event, EventKind


@pytest.fixture(scope="module")
def operator(look_at: Callable[..., View], facts: FleetFacts) -> TestClient:
    """The operator's browser."""
    return TestClient(create_app(look_at, facts=lambda: facts), base_url="http://127.0.0.1")


def words(html: str, read: Callable[[str], Any]) -> str:
    """Return what a page says, as one line."""
    return " ".join(" ".join(read(html).text).split())


@pytest.mark.slow
def test_both_pages_are_well_formed(operator: TestClient, read: Callable[[str], Any]) -> None:
    """With health, without, with strangers: tags balance, captions and scopes are there."""
    for path in ("/fleet", "/probe/pk64501a", "/probe/pk64501b", "/probe/pk64503a", "/fleet?language=fr"):
        answered = operator.get(path)
        assert answered.status_code == 200, path
        assert read(answered.text).wrong == [], path


def test_the_silent_come_first_with_the_reason(
    look_at: Callable[..., View], facts: FleetFacts, operator: TestClient, read: Callable[[str], Any]
) -> None:
    """What needs a person stands on top, in words a person can act on."""
    lines = fleet.fleet(look_at(), facts).lines
    alive = [one.standing.alive for one in lines]
    assert alive == sorted(alive)
    text = words(operator.get("/fleet").text, read)
    assert "2 probes alive, 10 silent" in text
    assert "the broker lost it without a good-bye: power, line, or the way to the broker" in text
    assert "never heard: see that it runs, and that it reaches the broker" in text


def test_board_queue_clock_and_traffic_are_told(operator: TestClient, read: Callable[[str], Any]) -> None:
    """The figures of the last health report, with what is wrong said as wrong."""
    text = words(operator.get("/fleet").text, read)
    for fact in (
        "12 waiting, the oldest 7 min", "78 °C", "slowed down", "1.5 MB sent, 8.2 MB received",
        "+0.4 s, kept by a time server", "wrong: +4000.0 s",
    ):  # fmt: skip
        assert fact in text, fact


def test_what_is_not_known_is_a_dash(look_at: Callable[..., View], facts: FleetFacts) -> None:
    """A board that cannot tell its temperature is not at zero degrees, and one that never reported is not well."""
    lines = {one.member.id: one for one in fleet.fleet(look_at(), facts).lines}
    assert (lines["pk64502a"].temperature, lines["pk64502a"].board) == ("-", "-")
    assert (lines["pk64503a"].queue, lines["pk64503a"].traffic, lines["pk64503a"].clock) == ("-", "-", "-")


def test_one_probe_has_its_day_and_its_newest_verdicts(operator: TestClient, read: Callable[[str], Any]) -> None:
    """A strip for each service, and what was concluded from its measurements last."""
    html = operator.get("/probe/pk64501a").text
    text = words(html, read)
    assert "Twitter" in text
    assert html.count('class="strip"') == 4
    assert "tls.ok" in text
    assert "2 h 2 min" in text


def test_who_confirmed_and_who_is_too_old_is_told(
    look_at: Callable[..., View], facts: FleetFacts, read: Callable[[str], Any]
) -> None:
    """A halt names how many stopped by their own word; one that has not is marked, and so is a probe of yesterday."""
    orders = {
        "pk64501a": Order(
            version=3, halted=True, turned=3, taken=Taken(version=3, halted=True, at=1.0), able=Able(),
            left_out={"experiment:quic": 2}, unread=("event 'sauna_on'",),
        ),
        "pk64502a": Order(version=3, halted=True, turned=3, taken=Taken(version=2, halted=False, at=1.0)),
    }  # fmt: skip
    members = {member.id: member for member in facts.members}
    halts = (Halt(country="PK", since=facts.fleet.halts[0].since if facts.fleet.halts else 1.0, reason="x"),)
    seen = replace(facts, fleet=Fleet.of(members.values(), halts, orders=orders))
    browser = TestClient(create_app(look_at, facts=lambda: seen), base_url="http://127.0.0.1")
    count = sum(member.network.country == "PK" for member in facts.fleet.active() or facts.members)
    html = browser.get("/fleet").text
    text = words(html, read)
    assert f"1 of {count} probes confirmed it." in text
    assert "stopped, by its own word" in text
    assert '<strong class="state-throttled">has not confirmed that it stopped</strong>' in html
    assert "too old for reads:assignments-piecewise, experiment:quic (2 left out)" in text
    one = words(browser.get("/probe/pk64501a").text, read)
    assert "3: stopped, by its own word" in one
    assert "This collector is too old for event 'sauna_on'" in one
    assert "3: has not confirmed that it stopped" in words(browser.get("/probe/pk64502a").text, read)


def test_strangers_wait_with_their_key(operator: TestClient) -> None:
    """The operator compares the key before approving."""
    assert "ab" * 32 in operator.get("/fleet").text


@pytest.mark.parametrize("path", ["/fleet", "/probe/pk64501a"])
def test_without_the_operators_facts_there_is_no_fleet(client: TestClient, path: str) -> None:
    """The public's application has neither page nor link."""
    assert client.get(path).status_code == 404
    assert "/fleet" not in client.get("/").text


def test_a_probe_that_is_no_member_is_not_there(operator: TestClient) -> None:
    """An unknown or hostile id is a 404."""
    for name in ("nobody", "%3Cscript%3E", "a" * 3000):
        assert operator.get(f"/probe/{name}").status_code == 404


def test_what_a_probe_told_is_on_its_page_and_its_trouble_on_the_fleets(
    look_at: Callable[..., View], facts: FleetFacts, read: Callable[[str], Any]
) -> None:
    """In words, the newest first, with its own; what a hostile probe writes stays text."""
    now = look_at().now
    told = [
        (EventKind.REBOOT, "the board started 9 s ago: its power had been cut"),
        (EventKind.ASSIGNMENT_REFUSED, "<script>alert(1)</script> version 7: \x1b[31m older\u202e"),
        (EventKind.UNKNOWN, "levitating: two metres"),
    ]
    rows = [
        EventRow(no=no, received_at=now - 60 * no, probe="pk64501a", event=Event(kind=kind, at=1e300, detail=detail))
        for no, (kind, detail) in enumerate(told, 1)
    ]

    def events(probe: str, most: int, kind: EventKind | None) -> list[EventRow]:
        return [row for row in rows if probe == row.probe and kind in {None, row.event.kind}][:most]

    known = replace(facts, events=events)
    client = TestClient(create_app(look_at, facts=lambda: known), base_url="http://127.0.0.1")
    html = client.get("/probe/pk64501a").text
    assert read(html).wrong == []
    assert "<script>alert" not in html
    text = words(html, read)
    section = text[text.index("What it told of itself") :]
    assert "refused a task , 1 time," in section
    assert section.index("the board started anew") < section.index("levitating: two metres")
    assert "something that this collector has no word for levitating: two metres" in section
    assert "version 7: \ufffd[31m older\ufffd" in section
    assert "a refusé une tâche" in words(client.get("/probe/pk64501a?language=fr").text, read)
    fleet_text = words(client.get("/fleet").text, read)
    assert "refused a task 1 time" in fleet_text
    assert "the board started anew" not in fleet_text
    assert "It has told nothing of itself yet." in client.get("/probe/pk64502a").text


@pytest.mark.slow
def test_spent_days_of_several_homes_are_asked_about(
    look_at: Callable[..., View], facts: FleetFacts, read: Callable[[str], Any]
) -> None:
    """Two probes of one provider that sleep until midnight stand above the table, as a question with their names."""
    now = look_at().now
    detail = "the day's share of the line is used up; on after midnight UTC"

    def events(probe: str, most: int, kind: EventKind | None) -> list[EventRow]:
        told = Event(kind=EventKind.BUDGET_EXHAUSTED, at=now, detail=detail)
        rows = [EventRow(no=1, received_at=now - 60.0, probe=probe, event=told)]
        return rows[:most] if probe in {"pk64501a", "pk64501b"} and kind in {None, told.kind} else []

    asleep = replace(facts, events=events)
    client = TestClient(create_app(look_at, facts=lambda: asleep), base_url="http://127.0.0.1")
    text = words(client.get("/fleet").text, read)
    assert "2 probes have used up their day on the line (pk64501a, pk64501b)" in text
    assert "Does somebody make them do so?" in text
    assert "Quelqu'un les y pousse-t-il ?" in words(client.get("/fleet?language=fr").text, read)
    quiet = TestClient(create_app(look_at, facts=lambda: facts), base_url="http://127.0.0.1")
    assert "Does somebody make them" not in words(quiet.get("/fleet").text, read)
