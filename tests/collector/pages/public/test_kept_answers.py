"""Answers that are made once: what a question is reduced to, who must wait, and the first page is everybody's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from balise_collector.pages.operator.app import HeaderMiddleware
from balise_collector.pages.public import kept_answers
from balise_collector.pages.public.app import kept
from balise_collector.pages.public.kept_answers import AT_A_TIME, READER, SECONDS, Keeping, plain
from tests.testbed.waiting import eventually

HORIZON = 1_589_733_000.0
"""2020-05-17T16:30:00Z."""


@dataclass
class Served:
    """An application whose answers are counted, and a clock that a test sets."""

    now: float = 0.0
    made: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    proxy: str = ""

    def __post_init__(self) -> None:
        self.gate.set()
        self.keeping = Keeping(
            monotonic=lambda: self.now, horizon=lambda: HORIZON, proxies=lambda address: address == self.proxy
        )
        endpoints: dict[str, Callable[[Request], Response]] = {
            "/": self.page, "/matrix": self.page, "/api/v1/matrix": self.page, "/large": self.large,
            "/old": self.moved, "/{country}/{service}": self.page,
        }  # fmt: skip
        routes = [Route(path, kept(self.keeping, made), methods=["GET"]) for path, made in endpoints.items()]
        self.app = Starlette(routes=routes, middleware=[Middleware(HeaderMiddleware)])

    def page(self, request: Request) -> Response:
        """Make an answer."""
        self.made.append(str(request.url.query))
        self.gate.wait(10)
        text = f"{request.url.path}?{request.url.query}"
        return PlainTextResponse(text, headers={"Content-Language": "en", "Vary": "Accept-Language"})

    def large(self, request: Request) -> Response:
        """Make an answer of a megabyte."""
        return PlainTextResponse(request.query_params.get("language", "") + "x" * 1_000_000)

    def moved(self, _request: Request) -> Response:
        """Lead elsewhere."""
        self.made.append("moved")
        return RedirectResponse("/", 308)

    def reader(self, address: str = "192.0.2.1") -> TestClient:
        """Return somebody who asks from an address."""
        return TestClient(self.app, client=(address, 1), follow_redirects=False)


@pytest.fixture
def served() -> Iterator[Served]:
    """Return an application with its answers kept."""
    made = Served()
    yield made
    made.gate.set()


def test_what_means_nothing_makes_no_new_answer(served: Served) -> None:
    """Parameters that nobody reads, moments of one window, moments to come: each a question that was answered."""
    reader = served.reader()
    for query in ("", "?x=1", "?y=%00", "?language=en&x=2", "?language=en"):
        assert reader.get(f"/matrix{query}").status_code == 200
    assert sorted(served.made) == ["", "language=en"]
    served.made.clear()
    told = {reader.get(f"/matrix?at=2020-05-17T{moment}Z").text for moment in ("15:15", "15:16", "15:29")} | {
        reader.get("/matrix?z=1&at=2020-05-17T15:20Z").text
    }
    assert told == {"/matrix?at=2020-05-17T15%3A15Z"}
    assert len(served.made) == 1
    later = {reader.get(f"/matrix?at={moment}").text for moment in ("2020-05-17T16:30Z", "2099-01-01T00:00Z")}
    assert later == {"/matrix?at=2020-05-17T16%3A30Z"}
    exact = {reader.get(f"/api/v1/matrix?at={HORIZON - 1000 + n}").text for n in range(0, 90, 7)}
    assert exact == {f"/api/v1/matrix?at={HORIZON - 1800:.0f}"}


def test_a_moment_that_is_none_is_refused_before_anything_is_made(served: Served) -> None:
    """In the form of the page or of the interface."""
    assert served.reader().get("/matrix?at=yesterday").status_code == 400
    answer = served.reader().get("/api/v1/matrix?at=nan")
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert served.made == []


def test_an_answer_is_given_again_for_a_minute(served: Served) -> None:
    """With its tag; who has it gets no body; and a language is an answer of its own."""
    reader = served.reader()
    first = reader.get("/")
    again = reader.get("/", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["vary"] == "Accept-Language"
    assert reader.get("/", headers={"Accept-Language": "fr"}).headers["etag"] == first.headers["etag"]
    assert reader.head("/").status_code == 200
    assert len(served.made) == 2
    served.now = SECONDS + 1
    assert reader.get("/").text == first.text
    assert len(served.made) == 3


def test_what_leads_elsewhere_is_kept_too(served: Served) -> None:
    """With its Location, and without a tag."""
    for _ in range(3):
        answer = served.reader().get("/old")
        assert (answer.status_code, answer.headers["location"], answer.headers.get("etag")) == (308, "/", None)
    assert served.made == ["moved"]


def test_a_reader_has_so_many_new_answers_and_everybody_the_first_pages(served: Served) -> None:
    """Who asks for page after page waits; who asks what was made, or what everybody reads, does not, nor do others."""
    hammer, other = served.reader(), served.reader("192.0.2.2")
    answers = [hammer.get(f"/pk/service{n}") for n in range(int(READER.burst) + 5)]
    assert [answer.status_code for answer in answers] == [200] * int(READER.burst) + [429] * 5
    assert answers[-1].headers["retry-after"]
    assert answers[-1].headers["cache-control"] == "no-store"
    assert answers[-1].text == "Too many questions in a short time. Try again in a moment.\n"
    assert "Trop" in hammer.get("/pk/new", headers={"Accept-Language": "fr"}).text
    assert hammer.get("/pk/service0").status_code == 200
    assert hammer.get("/").status_code == hammer.get("/matrix?language=fr&x=1").status_code == 200
    assert other.get("/pk/new").status_code == 200
    served.now = 2.0
    assert hammer.get("/pk/newer").status_code == 200


def test_behind_a_proxy_that_names_nobody_nobody_is_refused(served: Served) -> None:
    """One address is all readers then: the proxy must say who asks, or bound it itself."""
    served.proxy = "192.0.2.1"
    reader = served.reader()
    assert {reader.get(f"/pk/service{n}").status_code for n in range(int(READER.burst) + 20)} == {200}


def test_equal_questions_are_answered_by_one(served: Served) -> None:
    """A hundred who ask at once cost as much as one."""
    served.gate.clear()
    with TestClient(served.app, client=("192.0.2.1", 1)) as reader, ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(reader.get, "/pk/one") for _ in range(20)]
        eventually(lambda: served.made, "one of them is asked")
        served.gate.set()
        assert {one.result().status_code for one in asked} == {200}
    assert len(served.made) == 1


def test_what_waits_is_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader waits for so many at a time; beyond what all may wait for, strangers are told that it is busy."""
    monkeypatch.setattr(kept_answers, "_WAITING_MOST", AT_A_TIME + 1)
    served.gate.clear()
    with TestClient(served.app, client=("192.0.2.1", 1)) as reader, ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(reader.get, f"/pk/{n}") for n in range(AT_A_TIME)]
        eventually(lambda: served.keeping._waiting.total() == AT_A_TIME, "all of them wait")
        assert reader.get("/pk/more").status_code == 429
        served.keeping._waiting["somebody else"] += 1
        assert reader.get("/pk/more").status_code == 503
        del served.keeping._waiting["somebody else"]
        served.gate.set()
        assert {one.result().status_code for one in waiting} == {200}
    assert not served.keeping._waiting


def test_what_is_kept_is_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes; the oldest go."""
    monkeypatch.setattr(kept_answers, "_MOST", 10)
    monkeypatch.setattr(kept_answers, "_BYTES_MOST", 3_000_000)
    reader = served.reader()
    for n in range(30):
        reader.get(f"/pk/{n}")
    assert len(served.keeping._answers) == 10
    for language in ("en", "fr"):
        for name in ("", "x"):
            reader.get(f"/large?language={language}", headers={"Accept-Language": name})
    assert served.keeping._bytes == sum(len(one.body) for one in served.keeping._answers.values()) <= 3_000_000


def test_an_answer_that_fails_is_not_kept(served: Served) -> None:
    """The next one may be made."""

    def fails(_request: Request) -> Response:
        served.made.append("failed")
        raise RuntimeError

    app = Starlette(routes=[Route("/", kept(served.keeping, fails))])
    reader = TestClient(app, raise_server_exceptions=False)
    assert [reader.get("/").status_code for _ in range(2)] == [500, 500]
    assert served.made == ["failed"] * 2
    assert not served.keeping._waiting
    assert not served.keeping._making


def test_the_plain_question_keeps_what_means_something() -> None:
    """The path and the reader's headers stay as they were."""
    scope = {
        "type": "http", "method": "GET", "path": "/matrix", "query_string": b"x=1&at=2020-05-17T16%3A01Z&language=fr",
        "headers": [(b"accept-language", b"en")], "server": ("x", 80), "scheme": "http", "root_path": "",
    }  # fmt: skip
    asked = plain(Request(scope), HORIZON)
    assert asked.url.path == "/matrix"
    assert dict(asked.query_params) == {"language": "fr", "at": "2020-05-17T16:00Z"}
    assert asked.headers["accept-language"] == "en"
