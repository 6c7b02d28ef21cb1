"""The answer page: one word for one service in one country, and only where several probes agree on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from balise_collector.pages.operator.app import create_app
from balise_collector.pages.views import answer
from balise_collector.pages.views.decision import AnswerReason
from balise_collector.pages.views.read_model import View
from tests.collector.pages.views.test_decision import told


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/PK/twitter", "Reachable"),
        ("/PK/twitter?at=2020-05-17T17:30Z", "Blocked"),
        ("/PK/twitter?at=2020-05-17T16:30Z", "Reachable"),
        ("/PK/twitter?at=2020-05-17T09:00Z", "We cannot tell"),
        ("/PK/whatsapp", "We cannot tell"),
        ("/PK/periscope", "Blocked"),
        ("/PK/zoom?at=2020-05-17T14:00Z", "We cannot tell"),
    ],
)
def test_the_day_in_words(shown: Callable[[str], str], path: str, word: str) -> None:
    """Before, during and after; one probe's word is none; a service's own fault is never called blocked."""
    html = shown(path)
    assert f"</span> {word}</span></h1>" in html


def test_the_page_says_n_coverage_places_and_what_is_not_known(
    shown: Callable[[str], str], read: Callable[[str], Any]
) -> None:
    """A word without its n, its time and its limits is a rumour."""
    text = " ".join(" ".join(read(shown("/PK/twitter?at=2020-05-17T17:30Z")).text).split())
    for fact in (
        "As of 17 May 2020 22:30 Asia/Karachi (17:30 UTC) .",
        "n = 54 measurements by 9 probes on 4 providers. 4 of 4 providers that we know of there were measured.",
        "Interference measured on 3 of 4 providers; controls on the same lines worked.",
        "Local: no international outage.",
        "Who or what causes it, or why.",
        "forged DNS answers",
    ):
        assert fact in text, fact


def test_the_quote_has_a_permanent_link_and_the_rules(shown: Callable[[str], str]) -> None:
    """What is copied says where it can be checked, as of when, and by which rules it was made."""
    html = shown("/PK/twitter?at=2020-05-17T17:30Z")
    assert (
        "Twitter in Pakistan: blocked, as of 17 May 2020 22:30 Asia/Karachi (17:30 UTC). "
        "Interference measured on 3 of 4 providers;"
    ) in html
    assert "balise, rules 3-5f2c9a10, http://127.0.0.1:8484/PK/twitter?at=2020-05-17T17:30Z" in html


def test_what_we_said_before_stays_also_when_it_was_withdrawn(shown: Callable[[str], str]) -> None:
    """An answer that was wrong is shown as such, with when it was given."""
    html = shown("/PK/whatsapp")
    said_then = html[html.index('id="said"') :]
    assert "withdrawn" in said_then
    assert "seen by one probe, not confirmed" in said_then


def test_spelling_does_not_matter(client: TestClient) -> None:
    """Whoever types an address by hand arrives, and at the one address that is quoted."""
    answered = client.get("/pk/Twitter?at=2020-05-17T17:30Z", follow_redirects=False)
    assert (answered.status_code, answered.headers["location"]) == (308, "/PK/twitter?at=2020-05-17T17%3A30Z")


@pytest.mark.parametrize("path", ["/DE/twitter", "/PK/facebook", "/XX/y", "/nowhere/else", "/PK/internet", "/**/zoom"])
def test_what_we_do_not_measure_is_said_with_what_we_do(client: TestClient, path: str) -> None:
    """A dead end that leads on: 404, and every answer there is."""
    answered = client.get(path)
    assert answered.status_code == 404
    assert 'href="/PK/twitter"' in answered.text


def test_an_old_store_gives_the_last_answer_as_of_then(look_at: Callable[..., View]) -> None:
    """A page that nobody feeds must not pretend to know the present."""
    late = TestClient(create_app(lambda: look_at(look_at().now + 7 * 86400)), base_url="http://127.0.0.1")
    html = late.get("/PK/twitter").text
    assert "Nothing has arrived since" in html
    assert "18 May 2020 02:2" in html


def test_the_first_page_and_the_matrix_lead_to_each_answer(shown: Callable[[str], str]) -> None:
    """The pages that people look for are one step away."""
    for path in ("/", "/matrix"):
        for service in ("twitter", "periscope", "zoom", "whatsapp"):
            assert f'href="/PK/{service}"' in shown(path)


def test_every_reason_is_said_in_a_sentence(look_at: Callable[..., View]) -> None:
    """No reason without words."""
    assert all(answer.because(look_at(), reason, [told()]).endswith((".", "interference.")) for reason in AnswerReason)
