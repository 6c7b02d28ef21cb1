"""The door of the operator view: no page and no answer without the token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from balise_collector.pages.operator.app import create_app
from balise_collector.pages.operator.token_auth import COOKIE, cookie_of
from balise_collector.pages.views.read_model import View

TOKEN = "correct-horse-battery-staple-1234"


@pytest.fixture
def outside(look_at: Callable[..., View]) -> TestClient:
    """Return a reader without a token."""
    app = create_app(look_at, token=TOKEN)
    return TestClient(app, base_url="http://127.0.0.1:8484", follow_redirects=False, raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/matrix", "/method", "/incident/x", "/nowhere", "/PK/twitter"])
def test_no_page_is_shown_without_the_token(outside: TestClient, path: str) -> None:
    """The form is all that a stranger sees."""
    answer = outside.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert 'type="password"' in answer.text
    assert "AS645" not in answer.text


def test_the_interface_says_which_header_it_wants(outside: TestClient) -> None:
    """A program gets JSON and the mend."""
    answer = outside.get("/api/v1/status")
    assert answer.status_code == 401
    assert "Authorization: Bearer" in answer.json()["error"]


def test_the_header_opens(outside: TestClient) -> None:
    """A program sends the token with each request."""
    assert outside.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in ("Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \u00e9"):
        assert outside.get("/", headers={b"Authorization": wrong.encode("latin-1")}).status_code == 401


def test_the_form_gives_a_strict_cookie(outside: TestClient) -> None:
    """People log in once; the cookie is not the token, scripts cannot read it and no other site can send it."""
    answer = outside.post("/login", data={"token": TOKEN})
    assert answer.status_code == 303
    given = answer.headers["set-cookie"]
    assert "HttpOnly" in given
    assert "samesite=strict" in given.lower()
    assert TOKEN not in given
    assert outside.get("/").status_code == 200


def test_a_wrong_token_gives_nothing(outside: TestClient) -> None:
    """The form comes back and says so."""
    answer = outside.post("/login", data={"token": "guess"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not the token" in answer.text
    assert outside.post("/login", content=b"token=" + b"a" * 5000).status_code == 413
    assert outside.put("/login").status_code == 405


def test_no_made_up_cookie_opens(outside: TestClient) -> None:
    """Only the cookie of this token does."""
    for wrong in ("", TOKEN, cookie_of(b"another"), '"', "\u00ff"):
        sent = f"{COOKIE}={wrong}".encode("latin-1")
        assert outside.get("/", headers={b"Cookie": sent}).status_code == 401, wrong
    assert outside.get("/", headers={"Cookie": f"{COOKIE}={cookie_of(TOKEN.encode())}"}).status_code == 200


def test_only_the_form_may_be_sent_and_nothing_is_kept(outside: TestClient) -> None:
    """The policy that forbids forms allows this one, to this host; a shared browser keeps no page."""
    headers = outside.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).headers
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_without_a_token_there_is_no_door(client: TestClient) -> None:
    """On loopback the operator reads without one."""
    assert client.get("/").status_code == 200
    assert client.get("/login").status_code == 404
