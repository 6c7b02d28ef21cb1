"""The public view: what nobody may get out of it, however they ask, and what everybody may rely on."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from balise_collector.conclude.k_anonymity import WitnessCounts
from balise_collector.pages.public.app import Notice, create_public_app
from balise_collector.pages.public.filter import Policy, PublicStore, public_view
from balise_collector.pages.public.openapi import OPENAPI
from balise_collector.pages.views.read_model import View
from balise_collector.system.each_thread import EachThread
from tests.collector.pages.conftest import Day

NOW = 1_589_673_600.0 + 21.5 * 3600
LATER = NOW + 26 * 3600
"""A day after every measurement: old enough to be redrawn."""
BASE = "https://observatory.example"
SECRET = b"of the tests"
DELAY = 1800.0
Make = Callable[..., TestClient]
ALL = ("twitter", "periscope", "zoom", "whatsapp", "standing")
FORBIDDEN_ROUTES = ("/api/v1/verdicts", "/api/v1/status", "/api/v1/measurements", "/login", "/probes", "/fleet")


@pytest.fixture(scope="session")
def make(folder: Path, look_at: Callable[..., View], told: dict[str, str]) -> Make:
    """Return a maker of readers of the public view."""
    witness_counts = EachThread(lambda: WitnessCounts(folder / "derived.sqlite"))

    def reader(least: int = 2, now: float = NOW, delay: float = DELAY, released: Iterable[str] = ()) -> TestClient:
        policy = Policy(least=least, delay=delay, secret=SECRET)

        def look() -> Any:
            view = look_at(now)
            seen = PublicStore(
                store=view.store,
                witness_counts=witness_counts(),
                policy=policy,
                now=now,
                members=view.members,
                released={told[one]: now - 60 for one in released},
            )
            return public_view(view, seen)

        app = create_public_app(look, base_url=BASE, notice=Notice(least=least, minutes=int(delay // 60)))
        return TestClient(app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)

    return reader


def walk(client: TestClient) -> dict[str, bytes]:
    """Return every answer that can be reached from the front page, the interface and the feed, with its headers."""
    waiting = {
        "/", "/matrix", "/method", "/feed.atom", "/api/v1/incidents", "/api/v1/matrix", "/api/v1/openapi.json",
        "/style.css", "/nowhere", f"/api/v1/matrix?at={NOW - 3 * 3600}", "/matrix?at=2020-05-17T17:32Z",
        *(f"/PK/{service}" for service in ("twitter", "periscope", "zoom", "whatsapp")), *FORBIDDEN_ROUTES,
        *(f"/api/v1/parts?country=PK&service={service}" for service in ("twitter", "periscope", "zoom", "whatsapp")),
    }  # fmt: skip
    seen: dict[str, bytes] = {}
    while waiting and len(seen) < 400:
        path = waiting.pop()
        answer = client.get(path)
        assert answer.status_code < 500, path
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name != "etag")
        seen[path] = answer.content + headers.encode()
        text = answer.text
        found = set(re.findall(r'(?:href|src)="(/[^"#]*)', text))
        found |= {link.removeprefix(BASE) for link in re.findall(rf'{re.escape(BASE)}(/[^"<\s]*)', text)}
        for one in re.findall(r'"id":"([0-9a-f]{12})"', text) + re.findall(r"/incident/([0-9a-f]{12})", text):
            found |= {f"/api/v1/incidents/{one}", f"/incident/{one}", f"/incident/{one}.csv"}
            found |= {f"/incident/{one}/report.txt?language=fr", f"/incident/{one}/card.svg"}
        fresh = {link.replace("&amp;", "&") for link in found}
        # Links back by an hour go on for ever, and English is the default: both are asked for above, once.
        waiting |= {link for link in fresh if "at=20" not in link and "language=en" not in link} - set(seen)
    return seen


@pytest.fixture(scope="session")
def walked(make: Make) -> Callable[..., dict[str, bytes]]:
    """Return a walk of a view; each is made once."""

    @cache
    def walking(least: int, now: float, released: tuple[str, ...]) -> dict[str, bytes]:
        return walk(make(least, now, released=released))

    return walking


@pytest.fixture(scope="session")
def planted(kept: Day, told: dict[str, str]) -> set[bytes]:
    """Return everything in the store that must never come out."""
    found = {member.id for member in kept.members} | {member.public_key for member in kept.members}
    found |= set(told.values())
    found |= {verdict.measurement for verdict in kept.verdicts}
    found |= {"104.244.42.65", "203.0.113.66", "93.184.216.34", "port 443", "0xd431", "0xbeef", "0011223344556677"}
    found |= {"77aa0102a0ffee10", "9d1f0c5a7b3e2211", "1f00d5c0ffee", "54321", "54582", "64240", "0x1c46"}
    return {one.encode() for one in found}


@pytest.mark.slow
def test_the_planted_secrets_are_there_to_be_found(
    client: TestClient, planted: set[bytes], told: dict[str, str]
) -> None:
    """The search below would see them: the operator's page of the same incident is full of them."""
    page = client.get(f"/incident/{told['twitter']}").content.lower()
    found = {one for one in planted if one in page}
    assert {b"104.244.42.65", b"port 443", b"0xd431", told["twitter"].encode(), b"pk64503a"} <= found


@pytest.mark.slow
@pytest.mark.parametrize("released", [(), ALL])
@pytest.mark.parametrize("least", [2, 3])
def test_no_planted_secret_comes_out_of_any_route(
    walked: Callable[..., dict[str, bytes]], planted: set[bytes], least: int, released: tuple[str, ...]
) -> None:
    """Probe ids, keys, addresses, ports, IP-IDs, hashes, ids of measurements and incidents: nowhere, in no byte."""
    answers = walked(least, LATER if released else NOW, released)
    assert len(answers) > 25
    assert any(path.endswith(".csv") for path in answers)
    assert any(path.endswith("card.svg") for path in answers)
    for path, content in answers.items():
        lowered = content.lower()
        assert not [one for one in planted if one in lowered], path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("least", "hidden"), [(3, (b"64502", b"64503", b"64504", b"64601", b"64611")), (2, (b"64611",))]
)
def test_no_cell_below_k_comes_out(
    walked: Callable[..., dict[str, bytes]], least: int, hidden: tuple[bytes, ...]
) -> None:
    """A provider that fewer than k probes stand on is named nowhere, not as clean either."""
    for path, content in walked(least, LATER, ALL).items():
        assert not [asn for asn in hidden if asn in content], path


@pytest.mark.slow
def test_no_time_is_finer_than_five_minutes(walked: Callable[..., dict[str, bytes]]) -> None:
    """A log of flows is joined by time: neither UNIX seconds nor a clock may tell when a packet was sent."""
    for path, content in walked(2, LATER, ALL).items():
        if path.partition("?")[0].endswith(".png"):
            continue  # pixels: the same layout as the SVG beside it, whose words are read here
        text = content.decode()
        if path in {"/method", "/style.css", "/api/v1/openapi.json"}:
            continue
        text = text.replace("at=2020-05-17T17%3A32Z", "").replace("at=2020-05-17T17:32Z", "")
        if "17:32" in path or "17%3A32" in path or "16:32" in path or "18:32" in path:
            continue  # the reader's own question is told back
        for unix in re.findall(r"\b15[89]\d{7}(?:\.\d+)?", text):
            assert float(unix) % 300 == 0, (path, unix)
        for minutes, seconds in re.findall(r"\b\d\d:(\d\d)(?::(\d\d))?\b", text):
            assert int(minutes) % 5 == 0, (path, minutes)
            assert not seconds or int(seconds) == 0, path


def test_what_one_probe_saw_is_never_public(make: Make, told: dict[str, str]) -> None:
    """Unconfirmed incidents have no page, no row, no entry, and the word for their service is that we cannot tell."""
    client = make()
    policy = Policy(least=2, delay=DELAY, secret=SECRET)
    listed = {one["id"] for one in client.get("/api/v1/incidents").json()["incidents"]}
    for one in ("whatsapp", "withdrawn"):
        name = policy.alias(told[one])
        assert name not in listed
        assert client.get(f"/incident/{name}").status_code == 404
        assert client.get(f"/incident/{name}.csv").status_code == 404
        assert client.get(f"/api/v1/incidents/{name}").status_code == 404
        assert name not in client.get("/feed.atom").text
    assert policy.alias(told["twitter"]) in listed


def test_inner_ids_open_nothing(make: Make, told: dict[str, str]) -> None:
    """Who knows the operator's id, or computes it from a guess of the onset, gets a 404."""
    client = make(released=("twitter",))
    for one in told.values():
        for path in (
            f"/incident/{one}",
            f"/incident/{one}.csv",
            f"/api/v1/incidents/{one}",
            f"/incident/{one}/report.txt",
        ):
            assert client.get(path).status_code == 404


def test_nothing_is_told_before_the_delay(make: Make) -> None:
    """The view speaks of the moment before the delay: what was concluded since is not in it."""
    onset = 1_589_673_600.0 + 17 * 3600
    early = make(now=onset + 610 + DELAY - 300).get("/api/v1/incidents").json()["incidents"]
    assert "twitter" not in {one["service"] for one in early}
    after = make(now=onset + 610 + DELAY + 600).get("/api/v1/incidents").json()
    (one,) = [one for one in after["incidents"] if one["service"] == "twitter"]
    assert (one["state"], one["revision"]) == ("open", 1)
    assert after["generated"] <= onset + 610 + 600


def test_a_later_moment_than_the_horizon_cannot_be_asked_for(make: Make) -> None:
    """``at`` in the future is the newest that may be seen."""
    client = make()
    assert client.get(f"/api/v1/matrix?at={NOW + 9e9}").json() == client.get("/api/v1/matrix").json()


def test_windows_that_slide_by_less_than_five_minutes_say_the_same(make: Make) -> None:
    """Two questions a minute apart would tell when one probe's result arrived."""
    client = make()
    base = NOW - 7200
    answers = {client.get(f"/api/v1/matrix?at={base + seconds}").text for seconds in (0, 61, 150, 299)}
    assert len(answers) == 1


def test_what_is_withheld_is_said(make: Make, told: dict[str, str]) -> None:
    """Counts of small cells become "not published"; the headline claims no more than is told."""
    client = make(3)
    name = Policy(least=3, delay=DELAY, secret=SECRET).alias(told["twitter"])
    one = client.get(f"/api/v1/incidents/{name}").json()["incident"]
    assert one["scope"]["affected"] == [64501]
    assert one["scope"]["clean"] == []
    assert set(one["scope"]["withheld"]) == {"affected", "clean"}
    page = client.get(f"/incident/{name}").text
    assert "not published" in page
    assert "1 or more providers" in page
    assert "others not published" in client.get(f"/incident/{name}/report.txt").text


@pytest.mark.slow
def test_evidence_waits_for_the_operator_and_for_a_day(make: Make, told: dict[str, str]) -> None:
    """Released and old: redrawn. Released and young, or old and not released: nothing."""
    name = Policy(least=2, delay=DELAY, secret=SECRET).alias(told["twitter"])
    path = f"/api/v1/incidents/{name}"
    assert make(released=("twitter",)).get(path).json()["evidence"] == {"released": True, "measurements": []}
    assert make(now=LATER).get(path).json()["evidence"] == {"released": False, "measurements": []}
    shown = make(now=LATER, released=("twitter",)).get(path).json()["evidence"]["measurements"]
    assert shown
    packets = [packet for one in shown for trial in one["trials"] for packet in trial["packets"]]
    assert any(packet["marked"] and packet["ttl"] == "unlike the server's" for packet in packets)
    assert all(packet["after_ms"] % 500 == 0 for packet in packets)
    page = make(now=LATER, released=("twitter",)).get(f"/incident/{name}").text
    assert "signs of forgery" in page
    assert "Public view" in page


@pytest.mark.slow
def test_pages_are_well_formed_and_links_lead_somewhere(
    make: Make, walked: Callable[..., dict[str, bytes]], read: Callable[[str], Any]
) -> None:
    """The same care as for the operator's pages: balanced tags, captions, no dead link, nothing from elsewhere."""
    client = make(now=LATER, released=ALL)
    leads: dict[str, int] = {}
    for path in walked(2, LATER, ALL):
        answer = client.get(path)
        if not answer.headers["content-type"].startswith("text/html") or answer.status_code != 200:
            continue
        found = read(answer.text)
        assert found.wrong == [], path
        for link in found.links:
            target = link.partition("#")[0].replace("&amp;", "&")
            if target and target not in leads:
                leads[target] = client.get(target).status_code
            assert not target or leads[target] in {200, 308}, (path, link)


@pytest.mark.slow
def test_answers_may_be_cached_and_are_not_sent_twice(make: Make) -> None:
    """Caches answer for a minute; who has an answer gets 304 and no body. Errors carry the headers too."""
    client = make()
    for path in ("/", "/api/v1/incidents", "/feed.atom", "/matrix"):
        answer = client.get(path)
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        again = client.get(path, headers={"If-None-Match": f'W/{answer.headers["etag"]}, "x"'})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/nowhere").headers["x-content-type-options"] == "nosniff"
    assert client.post("/").status_code == 405


def test_the_name_in_links_is_never_the_readers(make: Make) -> None:
    """A forged Host would poison a cache's copy."""
    client = make()
    for path in ("/", "/feed.atom", "/PK/twitter"):
        assert "evil.example" not in client.get(path, headers={"Host": "evil.example"}).text


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad", ["\ufffe", "\x00", "\x1b[31m", "\x9b2J", "\u202egro.live\u202c", "\ud800", "\U0001ffff"]
)
def test_a_name_that_no_document_can_hold_breaks_none(
    look_at: Callable[..., View], folder: Path, told: dict[str, str], bad: str
) -> None:
    """Whatever a catalogue calls a service or an operator a country: feed, drawings, cards, tables, pages stand."""
    witness_counts = WitnessCounts(folder / "derived.sqlite")

    def look() -> Any:
        names = {name: f"{text}{bad}{'x' * 5000}" for name, text in look_at(NOW).services.items()}
        view = replace(look_at(NOW), services=names, country_names={"PK": f"Pakistan{bad}"})
        policy = Policy(least=2, delay=DELAY, secret=SECRET)
        return public_view(
            view,
            PublicStore(store=view.store, witness_counts=witness_counts, policy=policy, now=NOW, members=view.members),
        )

    app = create_public_app(look, base_url=BASE, notice=Notice(least=2, minutes=30))
    client = TestClient(app, base_url=BASE)
    name = Policy(least=2, delay=DELAY, secret=SECRET).alias(told["twitter"])
    with closing(witness_counts):
        for path in ("/feed.atom", f"/incident/{name}/card.svg"):
            text = client.get(path).text
            ET.fromstring(text)  # noqa: S314 - our own text
            assert "Twitter" in text
        paths = (
            "/",
            "/matrix",
            "/PK/twitter",
            f"/incident/{name}",
            f"/incident/{name}.csv",
            f"/incident/{name}/card.png",
        )
        for path in (*paths, f"/incident/{name}/report.txt", "/api/v1/incidents"):
            answer = client.get(path)
            assert answer.status_code == 200, path
            if "json" not in answer.headers["content-type"] and not path.endswith(".png"):
                assert bad[0] not in answer.text, path
                assert "x" * 200 not in answer.text, path


# ---------------------------------------------------------------- the interface


def valid(value: Any, schema: dict[str, Any], place: str = "$") -> list[str]:
    """Return where a value is not what a schema says: the part of JSON Schema that openapi.py uses."""
    if "$ref" in schema:
        return valid(value, OPENAPI["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], place)
    if "anyOf" in schema:
        tried = [valid(value, one, place) for one in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool,
        "null": type(None),
    }  # fmt: skip
    kind = schema["type"]
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{place}: {value!r} is no {kind}"]
    wrong = [] if "enum" not in schema or value in schema["enum"] else [f"{place}: {value!r}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.append(f"{place}: {value!r} is not {schema['pattern']}")
    if "minimum" in schema and value < schema["minimum"]:
        wrong.append(f"{place}: {value}")
    if kind == "array":
        wrong += [error for n, one in enumerate(value) for error in valid(one, schema["items"], f"{place}[{n}]")]
    if kind == "object":
        known = schema.get("properties", {})
        wrong += [f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            more = known.get(name, schema.get("additionalProperties", False))
            wrong += valid(one, more, f"{place}.{name}") if more else [f"{place}.{name} is not described"]
            wrong += valid(name, schema["propertyNames"], f"{place} key") if "propertyNames" in schema else []
    return wrong


def test_every_route_is_described_and_every_description_has_a_route(make: Make) -> None:
    """The document is the contract: nothing beside it, nothing missing."""
    app: Any = make().app
    served = {route.path for route in app.routes if route.path.startswith("/api/")}
    assert served == {*OPENAPI["paths"], "/api/v1/openapi.json"}
    assert make().get("/api/v1/openapi.json").json() == OPENAPI


@pytest.mark.parametrize("least", [2, 3])
def test_every_answer_is_as_described(make: Make, least: int) -> None:
    """Real answers against the schemas, property by property."""
    client = make(least, LATER, released=("twitter", "zoom"))
    described = {path: one["get"]["responses"] for path, one in OPENAPI["paths"].items()}

    def check(path: str, key: str) -> Any:
        answer = client.get(path)
        content = described[key][str(answer.status_code)]["content"]["application/json"]["schema"]
        assert valid(answer.json(), content) == [], path
        return answer.json()

    for one in check("/api/v1/incidents", "/api/v1/incidents")["incidents"]:
        check(f"/api/v1/incidents/{one['id']}", "/api/v1/incidents/{id}")
    assert check(f"/api/v1/matrix?at={NOW - 3600}", "/api/v1/matrix")["cells"]
    check("/api/v1/matrix?at=nan", "/api/v1/matrix")
    check("/api/v1/incidents/none", "/api/v1/incidents/{id}")
    words = {
        one["word"]
        for one in check(f"/api/v1/parts?country=pk&service=twitter&at={NOW - 3600}", "/api/v1/parts")["parts"]
    }
    assert words, "each part has a word"
    check("/api/v1/parts?country=PK", "/api/v1/parts")
    check("/api/v1/parts?country=PK&service=nothing", "/api/v1/parts")


def test_every_reference_of_the_description_resolves() -> None:
    """A dangling $ref breaks every generator."""
    names = re.findall(r"#/components/schemas/(\w+)", repr(OPENAPI))
    assert set(names) == set(OPENAPI["components"]["schemas"])


@pytest.mark.parametrize("at", ["nan", "inf", "-inf", "1e999", "-1", "", "yesterday", "0x10", "%00", "%ff", "1" * 5000])
def test_a_time_that_is_none_is_refused(make: Make, at: str) -> None:
    """A sentence and a 400, or a far future that is the newest; never null, never a 500."""
    answer = make().get(f"/api/v1/matrix?at={at}")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        ["/", "/matrix", "/method", "/feed.atom", "/incident/{}", "/incident/{}.csv", "/incident/{}/report.txt",
         "/incident/{}/card.svg", "/api/v1/incidents", "/api/v1/incidents/{}", "/api/v1/matrix", "/{}/{}", "/PK/{}"]
    ),
    value=st.text(max_size=60) | st.sampled_from(["nan", "-1e308", "9" * 400, "\x00", "..", "%", "2020-05-17T17:30Z"]),
    name=st.sampled_from(["at", "language", "since", "probe", "state"]) | st.text(max_size=8),
)  # fmt: skip
def test_no_hostile_question_breaks_the_view(make: Make, path: str, value: str, name: str) -> None:
    """Whatever stands in a path or a query: an answer or a 4xx, never a 5xx."""
    hostile = quote(value.encode("utf-8", "surrogatepass"), safe="")
    asked = path.replace("{}", hostile) + f"?{quote(name.encode('utf-8', 'surrogatepass'))}={hostile}"
    answer = make().get(asked, headers={"If-None-Match": '"' + "a" * 30, "Accept-Language": "fr;q=x,,;"})
    assert answer.status_code < 500, asked


# ---------------------------------------------------------------- feed and table


def test_the_feed_is_atom(make: Make) -> None:
    """RFC 4287: required elements, absolute links and ids, unique, and the same at every asking."""
    text = make().get("/feed.atom")
    assert text.headers["content-type"].startswith("application/atom+xml")
    space = {"a": "http://www.w3.org/2005/Atom"}
    feed = ET.fromstring(text.text)  # noqa: S314 - our own text
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed"
    entries = feed.findall("a:entry", space)
    assert entries
    ids = [one.findtext("a:id", "", space) for one in (feed, *entries)]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("urn:uuid:") for one in ids)
    for one in (feed, *entries):
        assert one.findtext("a:title", "", space)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", one.findtext("a:updated", "", space))
        links = [(link.get("rel"), link.get("href", "")) for link in one.findall("a:link", space)]
        assert all(href.startswith(f"{BASE}/") for _, href in links)
        assert "alternate" in {rel for rel, _ in links}
    assert feed.find("a:author/a:name", space) is not None
    updated = [one.findtext("a:updated", "", space) for one in entries]
    assert updated == sorted(updated, reverse=True)
    later = ET.fromstring(make(now=NOW + 7200).get("/feed.atom").text)  # noqa: S314 - our own text
    assert {one.findtext("a:id", "", space) for one in later.findall("a:entry", space)} >= set(ids[1:])


def test_the_table_of_an_incident_is_csv(make: Make, told: dict[str, str]) -> None:
    """One row a place and five minutes, with the states that were measured."""
    name = Policy(least=2, delay=DELAY, secret=SECRET).alias(told["twitter"])
    answer = make().get(f"/incident/{name}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {"AS64501", "AS64504", "reference"} <= {row["provider"] for row in rows}
    assert {row["state"] for row in rows} >= {"ok", "blocked"}
    assert {row["country"] for row in rows} == {"PK", "DE"}
    assert all(row["service"] == "twitter" for row in rows)
