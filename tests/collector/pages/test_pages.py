"""Every page, as a reader with a strict browser, a screen reader or bad intentions meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.conclude.whereabouts import Side, Whereabouts
from balise_collector.experiments.path.locate import Form, Location
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.views.read_model import View
from balise_collector.system.each_thread import EachThread
from balise_collector.words.tables import STATES

PAGES = (
    "/", "/?language=fr", "/matrix", "/matrix?at=2020-05-17T17:30Z", "/method", "/PK/twitter", "/PK/whatsapp",
    "/PK/periscope", "/PK/twitter?at=2020-05-17T17:30Z", "/PK/zoom?at=2020-05-17T17:30Z&language=fr",
)  # fmt: skip
SUBJECTS = ("twitter", "periscope", "zoom", "fault", "whatsapp", "standing", "withdrawn")
FORBIDDEN = re.compile(
    r"\b(users?|utilisateurs?|government\w*|gouvernement\w*|censor\w*|censur\w*|regime|régime|authorit\w+|autorité\w*)\b",
    re.IGNORECASE,
)
HOSTILE = (
    "%27%20OR%201=1--", "..%2f..%2fetc%2fpasswd", "%00", "%3Cscript%3Ealert(1)%3C/script%3E", "a" * 5000, "%ff%fe",
    "deadbeef0000", "**", "%F0%9F%92%A9", "%0d%0aX-Evil:%201", "-1", "{{7*7}}",
)  # fmt: skip


def every_page(told: dict[str, str]) -> list[str]:
    """Return the path of every page of the day."""
    return [*PAGES, *(f"/incident/{told[one]}" for one in SUBJECTS), f"/incident/{told['twitter']}?language=fr"]


@pytest.mark.slow
def test_every_page_is_well_formed(client: TestClient, told: dict[str, str], read: Callable[[str], Any]) -> None:
    """Tags balance, ids are unique, each table has a caption and scoped headers, each drawing a title; no script."""
    for path in every_page(told):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert read(answer.text).wrong == [], path


@pytest.mark.slow
def test_every_page_has_landmarks_and_one_heading(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """A screen reader finds header, navigation, main and footer, a way past the navigation, and what the page is."""
    for path in every_page(told):
        html = shown(path)
        for part in (
            "<header",
            "<nav",
            '<main id="content"',
            "<footer",
            'href="#content"',
            f'<html lang="{"fr" if "=fr" in path else "en"}" dir="ltr"',
        ):
            assert part in html, (path, part)
        assert html.count("<h1") == 1, path
        assert ("Vue de l'opérateur" if "=fr" in path else "Operator view") in html
        assert "width=device-width" in html


@pytest.mark.slow
def test_headings_are_never_skipped(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """An outline that jumps from h1 to h3 misleads those who move by headings."""
    for path in every_page(told):
        levels = [int(level) for level in re.findall(r"<h([1-6])", shown(path))]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), path


@pytest.mark.slow
def test_every_link_within_the_pages_leads_somewhere(
    client: TestClient, shown: Callable[[str], str], told: dict[str, str], read: Callable[[str], Any]
) -> None:
    """No link is dead, and none leaves the host; the JSON's own links are tested with it."""
    seen: set[str] = set()
    for path in every_page(told):
        reader = read(shown(path))
        for link in reader.links:
            target, _, fragment = link.partition("#")
            assert target.startswith("/") or (not target and fragment in reader.ids), (path, link)
            seen.add(target)
    for target in sorted(seen - {""}):
        if not target.startswith("/api/"):
            assert client.get(target).status_code == 200, target


@pytest.mark.slow
def test_every_answer_carries_the_security_headers(client: TestClient, told: dict[str, str]) -> None:
    """Nothing from elsewhere may run or load, also on errors, plain text and the style sheet."""
    paths = [
        *every_page(told),
        "/style.css",
        "/icon.svg",
        "/nowhere",
        "/matrix?at=x",
        f"/incident/{told['zoom']}/report.txt",
    ]
    for path in paths:
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_nothing_is_loaded_from_elsewhere(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """A page that asks a third party tells it who reads about what."""
    for path in every_page(told):
        assert not re.search(r"""(src|href|action)=["'](https?:)?//""", shown(path)), path
    assert "url(" not in shown("/style.css")
    assert "@import" not in shown("/style.css")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_pages_are_only_read(client: TestClient, method: str) -> None:
    """Nothing here changes anything."""
    for path in (*PAGES, "/incident/x"):
        assert client.request(method, path).status_code == 405


def test_head_answers_without_a_body(client: TestClient) -> None:
    """HEAD is GET without the body."""
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_ids_are_not_found(client: TestClient, value: str) -> None:
    """Whatever stands in the place of an id, the answer is a 4xx and says nothing of ours."""
    for path in (f"/incident/{value}", f"/incident/{value}/report.txt"):
        answer = client.get(path)
        assert 400 <= answer.status_code < 500, path
        assert "Traceback" not in answer.text
        assert "<script>alert" not in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("value", [*HOSTILE, "2020-13-45T99:99Z", "1589733000", "now", "", "9999-12-31T23:59Z9"])
def test_hostile_questions_are_refused(client: TestClient, told: dict[str, str], value: str) -> None:
    """A value outside the form is a 400 that says what can be asked, escaped."""
    for path in (f"/matrix?at={value}", f"/incident/{told['zoom']}?language={value}"):
        answer = client.get(path)
        assert answer.status_code == 400, path
        assert "<script>alert" not in answer.text
        assert "{{" not in answer.text or "{{7*7}}" in unescape(answer.text)


def test_times_far_away_are_answered(client: TestClient) -> None:
    """A moment before our first measurement or in the future is a page, not a fault."""
    answers = {"0001-01-01T00:00Z": 400, "1971-01-01T00:00Z": 400, "2001-01-01T00:00Z": 200, "9999-12-31T23:59Z": 200}
    for at, status in answers.items():
        assert client.get(f"/matrix?at={at}").status_code == status, at


def test_another_host_name_is_refused(client: TestClient) -> None:
    """A page abroad that points its own name at the reader's machine gets nothing (DNS rebinding)."""
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.slow
def test_no_page_names_an_actor_or_people(
    shown: Callable[[str], str], told: dict[str, str], read: Callable[[str], Any]
) -> None:
    """mission S9: observation, mechanism and scope only."""
    for path in every_page(told):
        found = FORBIDDEN.search(" ".join(read(shown(path)).text))
        assert not found, (path, found)


def test_templates_name_no_actor_or_people(repo_root: Path) -> None:
    """Also the branches that no test renders."""
    folder = repo_root / "collector/src/balise_collector/pages/templates"
    templates = list(folder.glob("*.html"))
    assert len(templates) >= 5
    for template in templates:
        assert not FORBIDDEN.search(template.read_text(encoding="utf-8")), template.name


# ---------------------------------------------------------------- what the pages say


def test_the_first_page_tells_each_incident_in_one_sentence(
    shown: Callable[[str], str], read: Callable[[str], Any]
) -> None:
    """Who is affected, how far, from when to when, in local time and UTC."""
    text = " ".join(" ".join(read(shown("/")).text).split())
    assert (
        "Pakistan: Twitter blocked on 3 of 4 measured providers; it began between 17 May 2020 21:55 and 22:00 "
        "(16:55-17:00 UTC) and ended between 18 May 2020 01:26 and 01:31 (20:26-20:31 UTC)."
    ) in text
    assert "Zoom: service fault, everywhere" in text


def test_unconfirmed_is_never_told_as_a_finding(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """One probe's word has the grey shape of "we cannot tell", its own section and its own words."""
    first = shown("/")
    section = first[first.index('id="section-unconfirmed"') : first.index('id="section-standing"')]
    assert told["whatsapp"] in section
    assert "state-insufficient" in section
    assert "state-blocked" not in section
    page = shown(f"/incident/{told['whatsapp']}")
    assert "no finding" in page


def test_what_was_withdrawn_is_told_only_where_it_was_said(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """A link that was quoted still answers, and says at once that it no longer holds."""
    assert told["withdrawn"] not in shown("/")
    page = shown(f"/incident/{told['withdrawn']}")
    assert "<h1>WITHDRAWN (measurements that arrived later do not confirm it)" in page
    assert "state-insufficient" in page


def test_standing_is_known_and_no_alarm(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """What failed from the first measurement on stands apart."""
    first = shown("/")
    assert told["standing"] in first[first.index('id="section-standing"') : first.index('id="section-closed"')]


@pytest.mark.parametrize("state", list(VerdictState))
def test_each_state_is_a_shape_and_a_word(shown: Callable[[str], str], state: VerdictState) -> None:
    """Never a colour alone: legend, matrix and method show shape and word together."""
    shape, word = STATES[state]
    for path in ("/matrix", "/method"):
        html = shown(path)
        assert f'<span class="shape" aria-hidden="true">{shape}</span> {word}' in html


def test_a_cell_says_its_state_its_parts_and_its_n(shown: Callable[[str], str], read: Callable[[str], Any]) -> None:
    """Blocked on which parts, in how many of how many measurements, by how many of the probes."""
    text = " ".join(" ".join(read(shown("/matrix?at=2020-05-17T17:30Z")).text).split())
    assert "site, images, video: 9 of n = 18 measurements, 3 of 3 probes" in text
    assert "12 of n = 12 measurements, 2 probes" in text


def test_the_matrix_looks_back_and_never_ahead(shown: Callable[[str], str]) -> None:
    """Before the onset the same cells are reachable; the future is now."""
    blocked = re.compile(r"■</span> blocked</span>\s*<svg")
    assert len(blocked.findall(shown("/matrix?at=2020-05-17T16:30Z"))) == 1  # the standing one
    assert len(blocked.findall(shown("/matrix?at=2020-05-17T17:30Z"))) == 10
    assert "21:30 UTC" in shown("/matrix?at=2031-01-01T00:00Z")


def test_the_incident_page_holds_the_three_counts_and_the_references(
    shown: Callable[[str], str], told: dict[str, str], read: Callable[[str], Any]
) -> None:
    """Affected, clean and not measured together; local with the countries that say so."""
    text = " ".join(" ".join(read(shown(f"/incident/{told['twitter']}")).text).split())
    for fact in (
        "affected 3 providers AS64501, AS64502, AS64503",
        "measured and clean 1 provider AS64504",
        "not measured 0 providers none",
        "Seen by 7 of 9 probes that measured",
        "3 of 3 references abroad reached the same endpoints in the same window. They stand in Germany, Singapore.",
        "connections are reset as soon as they name the service sni.rst",
        "a likelihood ratio of about 600 to 1 for one common cause over chance",
    ):
        assert fact in text, fact


def test_where_on_the_way_it_is_cut_is_shown_to_the_operator(
    look_at: Callable[..., View], told: dict[str, str], read: Callable[[str], Any]
) -> None:
    """Hop, network and form of each run that looked, in the reader's language; nothing where nobody looked."""
    here = Whereabouts(
        measurement="m", probe="pk000001", country="PK", asn=64501, target="twitter/web/twitter.com/4",
        service="twitter", at=0.0, location=Location(first=3, last=3, form=Form.IN_PATH, distance=9, rounds=2),
        side=Side.OWN,
    )  # fmt: skip
    reader = TestClient(
        create_app(lambda: replace(look_at(), where=lambda one: (here,) if one.service == "twitter" else ())),
        base_url="http://127.0.0.1:8484",
    )
    text = " ".join(" ".join(read(reader.get(f"/incident/{told['twitter']}").text).text).split())
    assert (
        "Where on the way AS64501, twitter.com: hop 3 of 9, in the network of the probe's own provider, after a router "
        "that is not known, before a router that is not known, in path (stops what it cuts); two looks agree" in text
    )
    french = reader.get(f"/incident/{told['twitter']}?language=fr").text
    assert "saut 3 sur 9, dans le réseau du fournisseur de la sonde" in unescape(french)
    assert "Where on the way" not in reader.get(f"/incident/{told['zoom']}").text


def test_the_quote_is_there_in_both_languages(
    client: TestClient, shown: Callable[[str], str], told: dict[str, str]
) -> None:
    """The same report as the command line's, to copy, in English and in French."""
    english = shown(f"/incident/{told['twitter']}")
    french = shown(f"/incident/{told['twitter']}?language=fr")
    assert '<pre class="quote" lang="en">INCIDENT REPORT' in english
    assert '<pre class="quote" lang="fr">RAPPORT D&#39;INCIDENT' in french
    plain = client.get(f"/incident/{told['twitter']}/report.txt?language=fr")
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.headers["content-language"] == "fr"
    assert plain.text in unescape(french)


def test_the_forged_packet_is_marked_beside_its_control(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """A reset with another TTL than the SYN ACK is marked with the reason; a control's packets never are."""
    html = shown(f"/incident/{told['twitter']}")
    marked = re.findall(r'<tr class="came injected">.*?</tr>', html)
    assert marked
    assert all("RST" in row and ">61<" in row for row in marked)
    assert "TTL 61, where the server&#39;s SYN ACK had 49" in html
    assert "10.7 ms after the request, where a round trip takes 91.8 ms" in html
    for side in re.findall(r'<div class="side control">.*?<div class="side subject">', html, re.DOTALL):
        assert "injected" not in side


def test_a_forged_answer_is_marked_by_whom_it_cannot_be_from(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """An address where no resolver runs cannot answer."""
    assert "no resolver runs at the address that was asked" in shown(f"/incident/{told['twitter']}")


def test_silence_is_told_as_silence(shown: Callable[[str], str], told: dict[str, str]) -> None:
    """Where nothing came there is nothing to mark: our repeated packet is odd, not forged."""
    html = shown(f"/incident/{told['twitter']}")
    assert "sent again: nobody had acknowledged it" in html
    assert "Nothing more came within 8000 ms." in html
    assert not re.search(r'<tr class="sent injected">', html)


def test_what_we_said_before_stays(
    shown: Callable[[str], str], told: dict[str, str], read: Callable[[str], Any]
) -> None:
    """Every revision with when it was said and what changed, the newest first."""
    text = " ".join(" ".join(read(shown(f"/incident/{told['twitter']}")).text).split())
    history = text[text.index("What we said when") :]
    assert history.index("now ended") < history.index("provider AS64502 added") < history.index("first said")
    assert "grade B became A" in history


def test_an_old_store_does_not_speak_of_the_present(look_at: Callable[..., View]) -> None:
    """Where nothing has arrived for long, the pages say of which moment they speak."""
    late = look_at().now + 7 * 86400
    client = TestClient(create_app(lambda: look_at(late)), base_url="http://127.0.0.1")
    for path in ("/", "/matrix"):
        html = client.get(path).text
        assert "Nothing has arrived since" in html
        assert "As of" in html or "as of" in html
        assert re.search(r"17 May 2020 21:2\d UTC", html)


def test_no_data_yet_is_said_with_when_there_may_be_some(tmp_path: Path, read: Callable[[str], Any]) -> None:
    """Day one: no zero, no green, no empty table, but when to look again."""
    store = EachThread(lambda: SqliteStore(tmp_path / "empty.sqlite"))

    def look() -> View:
        return View(store=store(), now=1_589_733_010.0, services={"zoom": "Zoom"})

    client = TestClient(create_app(look), base_url="http://127.0.0.1")
    for path in ("/", "/matrix"):
        html = client.get(path).text
        assert "No data yet" in html
        assert "17 May 2020 16:40 UTC" in html
        assert read(html).wrong == []
    assert "state-ok" not in client.get("/").text


def test_a_fault_of_ours_is_a_page_without_details() -> None:
    """The reason is for the log; the reader gets a page with the same headers."""

    def broken() -> View:
        raise RuntimeError("the secret detail")

    client = TestClient(create_app(broken), base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_footers_sentences_stand_apart(shown: Callable[[str], str], language: str) -> None:
    """A block tag at a line's end eats the line break: two sentences must not run into each other."""
    footer = re.search(r"<footer>(.*)</footer>", shown(f"/method?language={language}"), re.DOTALL)
    assert footer
    assert not re.search(r"[.,;][^\W\d]", re.sub(r"<[^>]+>", "", footer[1]))
