"""The card as a PNG: the same layout in pixels, with every letter there and nothing in the margins."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import msgspec
import pytest
from babel import Locale
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from balise_collector.incidents.model import Incident, IncidentKind, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing import card, palette, picture
from balise_collector.pages.views.read_model import View
from balise_collector.words.translation import Language, languages, translations


def opened(data: bytes) -> Image.Image:
    """Return a picture as a reader's machine opens it."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def laid_out(look_at: Callable[..., View], told: dict[str, str], language: Language, **changes: object) -> card.Card:
    """Return the layout of a changed incident's card, with a long name of the service."""
    view = look_at()
    one: Incident = msgspec.structs.replace(view.store.revisions(told["twitter"])[-1][1], **changes)
    names = {**view.services, "twitter": "A service with quite a long name"}
    shown = View(store=view.store, now=view.now, services=names, language=language, rules="3-5f2c9a10")
    return card.layout(shown, one, "https://observatory.example")


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", list(IncidentKind))
@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.WITHDRAWN])
def test_nothing_stands_in_the_margins(
    look_at: Callable[..., View], told: dict[str, str], kind: IncidentKind, state: IncidentState, language: Language
) -> None:
    """Measured on the pixels: the layout estimates the width of letters, and an estimate can be wrong."""
    shown = laid_out(look_at, told, language, kind=kind, state=state, country="CD")
    image = opened(picture.png(shown))
    assert image.size == (card.WIDTH, card.HEIGHT)
    for box in ((card.WIDTH - 40, 0, card.WIDTH, card.HEIGHT), (25, 0, 70, card.HEIGHT)):
        assert image.crop(box).getcolors(1) is not None, box


@pytest.mark.slow
@pytest.mark.parametrize("state", list(VerdictState))
def test_each_state_has_its_colour_and_its_shape(state: VerdictState) -> None:
    """The shapes differ in pixels too, not only in colour: a card is also printed."""
    colour = palette.PAINTS[state].light
    shown = {
        one: opened(
            picture.png(card.Card(title="", sentence="", language="en", parts=(card.CardSign(0, 0, one, "#fff"),)))
        )
        for one in VerdictState
    }
    assert len({image.crop((0, 0, card.SIGN, card.SIGN)).tobytes() for image in shown.values()}) == len(VerdictState)
    drawn = opened(
        picture.png(card.Card(title="", sentence="", language="en", parts=(card.CardSign(0, 0, state, colour),)))
    )
    assert tuple(bytes.fromhex(colour.removeprefix("#"))) in {found for _, found in drawn.getcolors(100_000) or ()}


@pytest.mark.parametrize("bold", [False, True])
def test_every_letter_of_our_languages_is_in_the_fonts(bold: bool) -> None:
    """A box in the place of a letter is worse than no picture: sentences and the names of all countries."""
    french = translations(Language("fr"))
    said = [str(text) for text in getattr(french, "_catalog", {}).values()]
    said += [name for language in languages() for name in Locale(language).territories.values()]
    font = picture._font(40, bold=bold)
    missing = bytes(font.getmask("\uffff"))
    letters = {letter for text in said for letter in text if letter.isprintable() and not letter.isspace()}
    assert len(letters) > 80
    assert not {letter for letter in letters if bytes(font.getmask(letter)) == missing}


def test_a_picture_is_served_in_the_readers_language(client: TestClient, told: dict[str, str]) -> None:
    """As the SVG beside it; an id that was never given is a 404."""
    english = client.get(f"/incident/{told['twitter']}/card.png")
    assert english.headers["content-type"] == "image/png"
    french = client.get(f"/incident/{told['twitter']}/card.png?language=fr")
    assert french.headers["content-language"] == "fr"
    assert english.content != french.content
    assert len(english.content) < 200_000
    assert client.get("/incident/deadbeef0000/card.png").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("language", languages())
def test_who_shares_a_public_incident_shares_its_picture(public_pages: Starlette, language: Language) -> None:
    """The address is absolute, from the settings and not from the request, and leads to the picture."""
    reader = TestClient(public_pages, base_url="http://other.example")
    incident = re.search(r"/incident/\w+", reader.get("/").text)
    assert incident
    page = reader.get(f"{incident[0]}?language={language}").text
    found = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page))
    assert found["og:image"].startswith(f"https://observatory.example{incident[0]}/card.png")
    assert found["og:url"].startswith(f"https://observatory.example{incident[0]}")
    assert found["og:title"] in page.split("<h1>")[1]
    assert found["twitter:card"] == "summary_large_image"
    answered = reader.get(found["og:image"].removeprefix("https://observatory.example"))
    assert answered.headers["content-type"] == "image/png"
    assert answered.headers["content-language"] == language
    assert opened(answered.content).size == (int(found["og:image:width"]), int(found["og:image:height"]))


def test_the_operators_pages_offer_nothing_to_share(client: TestClient, told: dict[str, str]) -> None:
    """Their ids lead inside: only the public view tells other sites what to show."""
    assert "og:" not in client.get(f"/incident/{told['twitter']}").text
