"""What a response says of itself, and what of it may be told."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.words import Experiment
from tests.agent.experiments.http.pages import page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HTTP = REGISTRY[Experiment.HTTP]


HOST = "twitter.example"


PERSIAN = "\u0634\u0645\u0627 \u06f1\u06f9\u06f8.\u06f5\u06f1.\u06f1\u06f0\u06f1."


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ("Your IP: 198.51.101.7", "Your IP: 203.0.113.99"),
        (f"{PERSIAN}\u06f7", f"{PERSIAN}\u06f8"),
        ("id 77120934", "id 1234567"),
        ("MTk4LjUxLjEwMS43", "MTk4LjUxLjEwMS44"),
    ],
)
def test_a_page_that_names_its_reader_has_no_digest(network: FakeNetwork, task: Task, mine: str, others: str) -> None:
    """A page that is known but for an address is that address to whoever has its digest; without it, it is one page."""
    digests = []
    for words in (mine, others):
        network.pages[HOST] = page(body=f"<title>No</title>{words}".encode())
        (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
        assert isinstance(only, HttpObservation)
        assert only.body_sha256 == ""
        digests.append(only.body_redacted_sha256)
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]


def test_a_page_that_names_nobody_keeps_its_digest(network: FakeNetwork, task: Task) -> None:
    """The digest of a page of words alone is that of its bytes, as ever; a picture's too."""
    for body in (b"<title>Home</title>words", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR 12345 67890"):
        network.pages[HOST] = page(body=body)
        (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
        assert (only.body_sha256, only.body_redacted_sha256) == (hashlib.sha256(body).hexdigest(), "")


def test_what_cannot_be_looked_at_has_no_digest(network: FakeNetwork, task: Task) -> None:
    """A compressed body is not unpacked here, so that nobody knows whom it names."""
    network.pages[HOST] = page(body=b"\x1f\x8b\x08", Content_Encoding="gzip")
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.body_sha256, only.body_redacted_sha256, only.body_bytes) == ("", "", 3)


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        (page(body=b"words"), True),
        (page(body=b"words", X_Client="198.51.101.7"), False),
        (page(body=b"your address is 198.51.101.7"), False),
        (b"<html>your address is 198.51.101.7", False),
    ],
)
def test_packets_of_a_page_that_names_its_reader_have_no_digest(
    network: FakeNetwork, task: Task, response: bytes, kept: bool
) -> None:
    """The digest of a segment is one of the address in it; over TLS it is one of ciphertext."""
    packet = Packet(t_us=1, direction=Direction.IN, sha256="f" * 16)
    network.packet = packet
    network.pages[HOST] = response
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert bool(only.packets[0].sha256) is kept


def test_body_is_capped(network: FakeNetwork, task: Task, changed: Callable[..., Task]) -> None:
    """A huge body costs no more than was allowed, and the record says that there was more."""
    network.pages[HOST] = page(body=b"x" * 100_000)
    (only,) = network.play(HTTP.plan.sentinel(changed(task, fetch_bytes=5_000)), HttpObservation)
    assert (only.body_bytes, only.truncated, only.failure) == (5_000, True, None)


def test_goodput_needs_four_kilobytes(network: FakeNetwork, task: Task) -> None:
    """Kilobits a second over first to last byte; nothing is said from a short body."""
    network.pages[HOST] = page(body=b"x" * 8_000)
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    # One read for head (10 ms between its bytes), one for the body (20 ms to its first, 10 ms to its last byte).
    assert only.goodput_kbps == pytest.approx(8_000 * 8 / 40.0)
    network.pages[HOST] = page(body=b"x" * 4_000)
    assert network.play(HTTP.plan.sentinel(task), HttpObservation)[0].goodput_kbps is None


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        (b"", Failure.EOF),
        (b"SSH-2.0-OpenSSH\r\n", Failure.HTTP_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", Failure.EOF),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshort", Failure.HTTP_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", Failure.EOF),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\nx", Failure.HTTP_MALFORMED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, Failure.TOO_LARGE),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", None),
    ],
)
def test_ends(network: FakeNetwork, task: Task, response: bytes, failure: Failure | None) -> None:
    """Every way in which a response can end has its word; what framing allows is no failure."""
    network.pages[HOST] = response
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert only.failure is failure
    assert isinstance(only, HttpObservation)


PAGE = b"<html><head><title>Service</title></head><body>hello</body></html>"


FIELD = {
    "fold": b"X-Long: first\r\n second part\r\nContent-Length: 66\r\n",
    "spacecolon": b"Set-Cookie : a=b; path=/\r\nContent-Length: 66\r\n",
    "nocolon": b"This line has no colon\r\nContent-Length: 66\r\n",
    "nul": b"Server:nginx\x00\r\nContent-Length: 66\r\n",
    "dupcl": b"Content-Length: 66\r\nContent-Length: 66\r\n",
    "listcl": b"Content-Length: 66, 66\r\n",
    "bigcsp": b"Content-Security-Policy: " + b"https://a.example.com " * 800 + b"\r\nContent-Length: 66\r\n",
    "manyheaders": b"".join(b"X-H%d: v\r\n" % number for number in range(130)) + b"Content-Length: 66\r\n",
    "gbk": b"Server: \xb9\xe3\xd6\xdd\r\nContent-Length: 66\r\n",
}


@pytest.mark.parametrize("what", FIELD)
def test_heads_of_the_field_are_read_as_browsers_read_them(network: FakeNetwork, task: Task, what: str) -> None:
    """Each of these was a dead server at a reference; people see its page."""
    network.pages[HOST] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + FIELD[what] + b"\r\n" + PAGE
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.status, only.title, only.failure) == (200, "Service", None)
    assert only.malformed is (what in {"fold", "spacecolon", "nocolon", "nul"})


@pytest.mark.parametrize(
    "head", [b"\r\nHTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\nServer: box\n\n", b"HTTP/1.1 200\r\n\r\n"]
)
def test_careless_heads_are_read(network: FakeNetwork, task: Task, head: bytes) -> None:
    """An empty line first, bare line feeds, no reason: the page is there."""
    network.pages[HOST] = head + PAGE
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.status, only.title, only.failure) == (200, "Service", None)


def test_a_page_without_a_head_keeps_its_title(network: FakeNetwork, task: Task) -> None:
    """A box that writes its page without any head is shown by browsers: the title is what it is known by."""
    network.pages[HOST] = b"<html><title>Surf Safely!</title>"
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.status, only.failure, only.title, only.malformed) == (
        None,
        Failure.HTTP_MALFORMED,
        "Surf Safely!",
        True,
    )


def test_a_broken_body_keeps_its_head(network: FakeNetwork, task: Task) -> None:
    """What was read before the body broke is a fact: who answered, with what."""
    network.pages[HOST] = b"HTTP/1.1 403 No\r\nServer: box\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.status, only.failure, only.malformed) == (403, Failure.HTTP_MALFORMED, True)
    assert dict(only.headers)["server"] == "box"


@pytest.mark.parametrize(
    ("response", "whole", "truncated"),
    [
        (page(body=b"x" * 900), 900, False),
        (page(body=b"x" * 70_000), 70_000, True),
        (page(206, b"x" * 16_384, Content_Range="bytes 0-16383/70000"), 70_000, True),
        (page(206, b"x" * 900, Content_Range="bytes 0-899/900"), 900, False),
        (page(206, b"x" * 900, Content_Range="bytes 0-899/*"), None, False),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 900, 900, False),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 70_000, None, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3, False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, False),
    ],
)
def test_a_cut_length_is_none(
    network: FakeNetwork, task: Task, response: bytes, whole: int | None, truncated: bool
) -> None:
    """Only whole bodies compare by length: a range is as long as we asked for, whatever the page."""
    network.pages[HOST] = response
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.failure, only.whole_bytes, only.truncated) == (None, whole, truncated)
    assert only.asked_bytes == 16_384


@pytest.mark.parametrize(
    ("location", "site", "same"),
    [
        ("https://twitter.example/home", "twitter.example", True),
        ("https://pk.twitter.example/", "twitter.example", True),
        ("https://twitter.com.pk/", "twitter.com.pk", False),
        ("http://block.isp.example/warn?who=1", "isp.example", False),
        ("http://10.10.34.34/", "", False),
        ("/elsewhere", "", None),
    ],
)
def test_a_redirect_tells_its_site(
    network: FakeNetwork, task: Task, location: str, site: str, same: bool | None
) -> None:
    """A service that leads a country to its own sub-domain stays itself; nothing else of the way is told here."""
    network.pages[HOST] = page(302, Location=location)
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.redirect_site, only.same_site) == (site, same)
    assert (HTTP.reader.anomaly((only,)) is only) is (same is False)


@pytest.mark.parametrize(
    ("response", "seconds", "robot"),
    [
        (page(429, Retry_After="120"), 120, False),
        (page(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), 0, False),
        (page(403, cf_mitigated="challenge"), None, True),
        (page(403, b"<title>Just a moment...</title>"), None, True),
        (page(200, b"<title>Just a moment in time</title>"), None, False),
        (page(403, b"<title>Access Denied</title>"), None, False),
    ],
)
def test_patience_and_tests_for_robots_are_told(
    network: FakeNetwork, task: Task, response: bytes, seconds: int | None, robot: bool
) -> None:
    """A server that limits or tests its visitors is no censor; the marks of it stand beside the status."""
    network.pages[HOST] = response
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.retry_after, only.robot_test) == (seconds, robot)


ODD: dict[str, tuple[int, bool]] = {
    "bigcsp": (200, False), "dupcl": (200, False), "fold": (200, True), "gbk": (200, False),
    "leadingcrlf": (200, True), "lf": (200, False), "listcl": (200, False), "manyheaders": (200, False),
    "nocolon": (200, True), "noreason": (200, False), "nul": (200, True), "spacecolon": (200, True),
    "bp_spacecolon": (200, True), "bp_long": (200, False), "portal": (302, False), "portal200": (200, False),
}  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("name", ODD)
def test_heads_of_the_field_are_read_as_browsers_do(
    network: FakeNetwork, task: Task, shared_data: Path, name: str
) -> None:
    """What people see as a page is no dead server, and its length is known; that a rule was broken is a fact."""
    network.pages[HOST] = (shared_data / "field" / f"h_{name}.bin").read_bytes()
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.failure, only.status, only.malformed) == (None, *ODD[name])
    assert only.whole_bytes == only.body_bytes
    assert bool(only.title) is (name != "portal")
    assert only.same_site is (False if name == "portal" else None)
