"""Bytes of responses."""

from balise_lab.field.network import Effect, Host, Page
from balise_lab.field.network.pages import of_effect, of_page, response, text, usual


def test_a_response_is_framed() -> None:
    """Head, length and body belong together; 204 has neither."""
    whole = response(200, b"ok", server="nginx", more=("X: y",))
    assert whole.startswith(b"HTTP/1.1 200 OK\r\nServer: nginx\r\n")
    assert whole.endswith(b"\r\n\r\nok")
    assert b"Content-Length: 2\r\n" in whole
    assert b"Content-Length" not in response(204, b"")


def test_a_page_has_the_length_that_is_asked_for() -> None:
    """A block page of about the true page's length can be made."""
    assert 9_900 < len(text("t", 10_000, "s")) <= 10_060
    assert text("t", 10_000, "s") == text("t", 10_000, "s") != text("t", 10_000, "other")


def test_a_part_is_given_where_the_server_gives_parts() -> None:
    """RFC 9110 14: 206 with the whole length."""
    part = of_page("a.example", Page(length=50_000, ranges=True), 1_000)
    assert part.startswith(b"HTTP/1.1 206")
    assert b"Content-Range: bytes 0-999/" in part
    assert of_page("a.example", Page(length=50_000), 1_000).startswith(b"HTTP/1.1 200")


def test_a_host_in_clear_leads_to_https() -> None:
    """Unless it speaks in clear; a path that it does not have is not found."""
    host = Host(name="a.example", pages={"/x": Page(body="here")}, https=False)
    assert usual(host, "a.example", "/x", "PK", secure=False, part=0).endswith(b"here")
    assert usual(host, "a.example", "/y", "PK", secure=False, part=0).startswith(b"HTTP/1.1 404")
    assert b"Location: https://b.example/z" in usual(
        Host(name="b.example"), "b.example", "/z", "PK", secure=False, part=0
    )


def test_a_refusal_says_when_to_come_again() -> None:
    """429 with Retry-After."""
    assert b"Retry-After: 60\r\n" in of_effect(Effect(kind="server.status", status=429, retry_after=60), "a.example")
