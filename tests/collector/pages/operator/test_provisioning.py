"""The bench: a card ticks itself off step by step, and each missing step says what to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from balise_collector.fleet.members import Fleet, Halt
from balise_collector.fleet.token import Token
from balise_collector.pages.operator import provisioning
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.operator.fleet import FleetFacts
from balise_collector.pages.operator.provisioning import ProvisioningFacts
from balise_collector.pages.views.read_model import View
from balise_wire.measurement import Network


@pytest.fixture(scope="module")
def crew(facts: FleetFacts) -> FleetFacts:
    """The day's fleet as the registry has it, with ids' keys and a halt of nobody."""
    return replace(facts, fleet=Fleet.of(facts.members))


def card(view: View, probe: str, **changes: Any) -> Token:
    """Return the card of a probe, made an hour ago and enrolled half an hour ago unless said otherwise."""
    usual: dict[str, Any] = {
        "hash": probe, "probe": probe, "network": Network(country="PK", asn=64501), "batch": "20200517-abcd",
        "made_at": view.now - 3600, "expires": view.now + 86_400, "spent_at": view.now - 1800, "spent_by": probe,
    }  # fmt: skip
    return Token(**{**usual, **changes})


def tile(view: View, facts: FleetFacts, one: Token) -> provisioning.Tile:
    """Return the tile of one card."""
    page = provisioning.provisioning(view, facts, [one], "20200517-abcd")
    assert page is not None
    return page.tiles[0]


def words(html: str, read: Callable[[str], Any]) -> str:
    """Return what a page says, as one line."""
    return " ".join(" ".join(read(html).text).split())


def test_steps_are_ticked_in_order(look_at: Callable[..., View], crew: FleetFacts) -> None:
    """Waiting, enrolled, measured, clock right: each step is told, the next one's reason too, and ready has none."""
    view = look_at()
    for probe, done, why in (
        ("pk64501a", [True, True, True], ""),
        ("pk64502a", [True, True, False], "its clock is +4000 seconds off"),
        ("pk64501b", [True, False, False], "the broker lost it without a good-bye"),
        ("pk64503a", [True, False, False], "not yet at the broker"),
    ):
        found = tile(view, crew, card(view, probe))
        assert [step for _, step in found.steps] == done, probe
        assert why in found.why
        assert found.done is all(done)
        assert bool(found.why) is not found.done


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "no board has come with it yet"),
        ({"refused": "consent_missing", "refused_at": 1.0}, "does not say that the host has agreed"),
        ({"refused": "token_expired", "refused_at": 1.0}, "the token had run out"),
        ({"expires": 0.0}, "ran out before a board came"),
        ({"withdrawn": True}, "taken back"),
    ],
)
def test_a_card_that_waits_says_why(
    look_at: Callable[..., View], crew: FleetFacts, changes: dict[str, Any], why: str
) -> None:
    """Who stands at the bench reads what to do, and no step is ticked."""
    view = look_at()
    found = tile(view, crew, card(view, "newcard0", spent_at=None, spent_by="", **changes))
    assert why in found.why
    assert not any(step for _, step in found.steps)
    assert not found.known


def test_what_was_measured_before_the_card_does_not_count(look_at: Callable[..., View], crew: FleetFacts) -> None:
    """A board that was known already: its first measurement is the first since it came with this card."""
    view = look_at()
    found = tile(view, crew, card(view, "pk64501a", spent_at=view.now - 10))
    assert [step for _, step in found.steps] == [True, False, False]
    assert "its first measurement comes within 5 minutes" in found.why


def test_a_halted_country_is_no_fault_of_the_card(look_at: Callable[..., View], crew: FleetFacts) -> None:
    """The reason is the halt, not the line."""
    view = look_at()
    halted = replace(crew, fleet=Fleet.of(crew.members, (Halt(country="PK", since=1.0, reason="x"),)))
    assert "halted" in tile(view, halted, card(view, "pk64503a")).why


@pytest.fixture(scope="module")
def operator(look_at: Callable[..., View], crew: FleetFacts) -> TestClient:
    """The operator's browser, with a batch of four cards, one of which has a hostile provider's label."""
    view = look_at()
    probes = ("pk64501a", "pk64502a", "pk64503a", "newcard0")
    cards = [
        card(view, probe, card=number, **({"spent_at": None, "spent_by": ""} if probe == "newcard0" else {}))
        for number, probe in enumerate(probes, 1)
    ]
    halted = Fleet.of(
        [msgspec.structs.replace(one, provider="<b>line</b>", tags=("roof",)) for one in crew.members],
        (Halt(country="DE", since=view.now - 60, reason="under review"),),
    )
    told = replace(crew, fleet=halted, members=tuple(halted.members.values()))
    known = ProvisioningFacts(
        batches=(("20200517-abcd", view.now - 3600, 4, 3),),
        cards=lambda batch: cards if batch == "20200517-abcd" else [],
    )
    return TestClient(create_app(look_at, facts=lambda: told, cards=lambda: known), base_url="http://127.0.0.1")


def test_the_page_looks_again_by_itself_until_told_not_to(operator: TestClient, read: Callable[[str], Any]) -> None:
    """Without JavaScript; and a reader who needs time stops it with a link."""
    answered = operator.get("/provisioning/20200517-abcd")
    html = answered.text
    assert read(html).wrong == []
    assert answered.headers["Refresh"] == "10"
    assert "1 of 4 cards are ready to be sealed" in words(html, read)
    assert html.count('class="tile') == 4 + 1  # the list and its tiles
    still = operator.get("/provisioning/20200517-abcd?refresh=off")
    assert "Refresh" not in still.headers
    assert "Look again by itself" in still.text
    french = operator.get("/provisioning/20200517-abcd?language=fr")
    assert read(french.text).wrong == []
    assert "cards are ready" not in french.text


def test_batches_are_listed(operator: TestClient, read: Callable[[str], Any]) -> None:
    """The newest first, with how many came; an unknown one is a 404; the fleet's page leads here."""
    html = operator.get("/provisioning").text
    assert read(html).wrong == []
    assert "3 of 4" in html
    assert '/provisioning/20200517-abcd"' in html
    assert operator.get("/provisioning/nothing").status_code == 404
    assert "/provisioning" in operator.get("/fleet").text


def test_the_fleet_tells_halts_and_the_operators_words(operator: TestClient, read: Callable[[str], Any]) -> None:
    """A halted country with its reason and the way back; labels and tags stand beside the probe, escaped."""
    html = operator.get("/fleet").text
    text = words(html, read)
    assert "Germany is halted since" in text
    assert "under review" in text
    assert "fleet halt DE --undo" in text
    assert "<b>line</b>" not in html
    assert "#roof" in text
    halted = words(operator.get("/probe/de64601a").text, read)
    assert "its country is halted" in halted
    assert "Consent text agreed to" in halted


def test_the_public_has_no_bench(client: TestClient) -> None:
    """Without the operator's facts there is neither page nor link."""
    assert client.get("/provisioning").status_code == 404
    assert client.get("/provisioning/20200517-abcd").status_code == 404


@pytest.mark.parametrize("path", ["/bench", "/bench/20200517-abcd?language=fr"])
def test_an_address_of_an_earlier_version_still_leads_there(operator: TestClient, path: str) -> None:
    """A bookmark or a printed address goes on for good, with what was asked."""
    answered = operator.get(path, follow_redirects=False)
    assert answered.status_code == 308
    assert answered.headers["location"].endswith(path.replace("/bench", "/provisioning"))
    assert operator.get(path).status_code == 200
