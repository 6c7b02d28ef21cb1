"""The card to share: one picture that stands alone and says all that a picture without its page must say."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree as ET

import msgspec
import pytest
from starlette.testclient import TestClient

from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.pages.drawing.card import HEIGHT, WIDTH, card
from balise_collector.pages.views.read_model import View
from balise_collector.words.translation import Language, languages

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: str) -> list[ET.Element]:
    """Return the lines of text of a card, read as a browser reads it."""
    return list(ET.fromstring(drawn).iter(f"{SVG}text"))  # noqa: S314 - our own drawing


@pytest.mark.slow
def test_a_card_says_state_headline_times_scope_grade_and_link(client: TestClient, told: dict[str, str]) -> None:
    """Torn from its page it still says what, where, when, how far, how sure, and where to check it."""
    answered = client.get(f"/incident/{told['twitter']}/card.svg")
    assert answered.headers["content-type"].startswith("image/svg+xml")
    said = " ".join(line.text or "" for line in texts(answered.text))
    for fact in (
        "blocked - ended", "Pakistan: Twitter blocked on 3 of 4 measured providers", "Began between 17 May 2020 21:55",
        "Asia/Karachi (16:55-17:00 UTC)", "Ended between 18 May 2020 01:26",
        "3 providers affected, 1 measured and clean",
        "How sure: A", f"http://127.0.0.1:8484/incident/{told['twitter']}", "rules 3-5f2c9a10",
    ):  # fmt: skip
        assert fact in said, fact


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", list(IncidentKind))
@pytest.mark.parametrize("state", list(IncidentState))
def test_every_incident_fits_on_its_card(
    look_at: Callable[..., View], told: dict[str, str], kind: IncidentKind, state: IncidentState, language: Language
) -> None:
    """Whatever the kind and the language, no line leaves the picture, and none stands on another."""
    view = look_at()
    one: Incident = view.store.revisions(told["twitter"])[-1][1]
    one = msgspec.structs.replace(one, kind=kind, state=state, country="CD" if language == "fr" else "PK")
    names = {**view.services, "twitter": "A service with quite a long name <&>"}
    drawn = card(View(store=view.store, now=view.now, services=names, language=language, rules="3-5f2c9a10"), one)
    lines = texts(drawn)
    for line in lines:
        size = float(line.get("font-size", "0"))
        assert len(line.text or "") * size * 0.56 <= WIDTH - 48
        assert 0 < float(line.get("y", "0")) < HEIGHT
    rows = sorted({float(line.get("y", "0")) for line in lines})
    assert all(below - above >= 33 for above, below in pairwise(rows)), rows


def test_a_card_needs_nothing_else(client: TestClient, told: dict[str, str]) -> None:
    """No script, style, font or picture from elsewhere: the shape is drawn and the colours are attributes."""
    drawn = client.get(f"/incident/{told['twitter']}/card.svg").text
    assert not re.search(r"<(script|style|image|use|foreignObject)|href|url\(|style=|class=", drawn)
    assert f'width="{WIDTH}"' in drawn
    assert 'fill="#b02e00"' in drawn


def test_a_card_of_nothing_is_not_there(client: TestClient) -> None:
    """An id that was never given is a 404."""
    assert client.get("/incident/deadbeef0000/card.svg").status_code == 404
