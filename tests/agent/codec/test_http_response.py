"""The reader of HTTP responses: as forgiving as a browser, bounded, indifferent to how bytes are cut."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec.http_response import MAX_HEAD_BYTES, Malformed, read_body, read_head, title_of

bodies = st.binary(max_size=3000)


def chunked(body: bytes, size: int) -> bytes:
    """Return a body in chunks of ``size`` (RFC 9112 7.1)."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;name=value\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"


@given(bodies, st.integers(min_value=1, max_value=700))
def test_chunks_are_joined(body: bytes, size: int) -> None:
    """However a body is chunked, it is the same body."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, size)
    head = read_head(data)
    assert head is not None
    read = read_body(head, data, len(body) + 1)
    assert (read.data, read.complete) == (body, True)


@given(bodies, st.integers(min_value=1, max_value=700), st.integers(min_value=0, max_value=5000), st.booleans())
def test_a_prefix_never_lies(body: bytes, size: int, cut: int, in_chunks: bool) -> None:
    """Any cut of a good response is incomplete or complete, never malformed, and its body is a prefix."""
    if in_chunks:
        whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, size)
    else:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    data = whole[:cut]
    head = read_head(data)
    if head is not None:
        read = read_body(head, data, 10_000)
        assert body.startswith(read.data)
        assert not read.complete or (read.data == body)


@given(st.binary(max_size=600), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))
def test_junk_is_refused_or_read_never_a_crash(junk: bytes, start: bytes) -> None:
    """The sender may be hostile: the only exception is Malformed, and never more comes out than went in."""
    data = start + junk
    with contextlib.suppress(Malformed):
        head = read_head(data)
        if head is not None:
            assert len(read_body(head, data, 100).data) <= 100
            assert all(value.isprintable() or "\t" in value or not value.isascii() for _, value in head.headers)
    title_of(junk, "text/html; charset=" + junk[:9].decode("latin-1"))


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=50))
def test_hostile_chunks(junk: bytes, most: int) -> None:
    """Chunk framing, too: bounded and never a crash."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + junk
    head = read_head(data)
    assert head is not None
    assert len(read_body(head, data, most).data) <= most


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"\r\n" * 9 + b"HTTP/1.1 200 OK\r\n\r\n",
        b"<html>" * 20_000,
    ],
)
def test_what_is_no_response(data: bytes) -> None:
    """What no browser takes for an HTTP response is refused."""
    with pytest.raises(Malformed):
        read_head(data)


FORGIVEN = {
    "a folded field": (b"HTTP/1.1 200 OK\r\nServer: first\r\n \t second part\r\n\r\n", "first second part"),
    "a fold before any field": (b"HTTP/1.1 200 OK\r\n folded\r\nServer: a\r\n\r\n", "a"),
    "a blank before the colon": (b"HTTP/1.1 200 OK\r\nServer \t: a\r\n\r\n", "a"),
    "a line without colon": (b"HTTP/1.1 200 OK\r\nno colon\r\nServer: a\r\n\r\n", "a"),
    "a field without name": (b"HTTP/1.1 200 OK\r\n: b\r\nServer: a\r\n\r\n", "a"),
    "a name of two words": (b"HTTP/1.1 200 OK\r\nBad Name: b\r\nServer: a\r\n\r\n", "a"),
    "a NUL": (b"HTTP/1.1 200 OK\r\nServer: a\x00\r\n\r\n", "a"),
    "control characters": (b"HTTP/1.1 200 OK\r\nServer: a\x1b[2J\x07b\r\n\r\n", "a [2J b"),
    "a carriage return inside": (b"HTTP/1.1 200 OK\r\nServer: a\rX: y\r\n\r\n", "a X: y"),
    "an empty line first": (b"\r\nHTTP/1.1 200 OK\r\nServer: a\r\n\r\n", "a"),
    "two bare line feeds first": (b"\n\nHTTP/1.1 200 OK\nServer: a\n\n", "a"),
    "a small http": (b"http/1.1 200 ok\r\nServer: a\r\n\r\n", "a"),
    "another version": (b"HTTP/2 200\r\nServer: a\r\n\r\n", "a"),
    "two blanks before the status": (b"HTTP/1.1  200 OK\r\nServer: a\r\n\r\n", "a"),
    "a NUL in the reason": (b"HTTP/1.1 200 O\x00K\r\nServer: a\r\n\r\n", "a"),
}


@pytest.mark.parametrize("what", FORGIVEN)
def test_what_browsers_forgive_is_read(what: str) -> None:
    """People see the page (RFC 9112 2.2, 5.1, 5.2), so the head is read, and that it was broken is a fact."""
    data, server = FORGIVEN[what]
    head = read_head(data)
    assert head is not None
    assert (head.status, head.get("server"), head.malformed, head.cut) == (200, server, True, False)
    assert head.size == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 \r\n" + b"X-H: v\r\n" * 130 + b"Content-Length: 2\r\n\r\n",
        b"HTTP/1.0 200 OK\nContent-Length: 2\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nPolicy: " + b"b" * 17_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: \xb9\xe3\xd6\xdd\r\n\r\n",
    ],
)
def test_large_and_plain_heads_are_nothing_special(data: bytes) -> None:
    """No reason, many fields, long ones, bare line feeds and other people's letters break no rule."""
    head = read_head(data)
    assert head is not None
    assert (head.status, head.get("content-length"), head.malformed) == (200, "2", False)


@pytest.mark.parametrize("end", [b"", b"\r\n\r\nbody"])
def test_an_endless_head_is_cut(end: bytes) -> None:
    """Beyond the bound nothing is read; what stands before it is told, and that it was cut."""
    data = b"HTTP/1.1 403 No\r\nServer: box\r\nX: " + b"b" * MAX_HEAD_BYTES + end
    head = read_head(data)
    assert head is not None
    assert (head.status, head.get("server"), head.cut) == (403, "box", True)
    assert read_head(data[: MAX_HEAD_BYTES - 1]) is None


@pytest.mark.parametrize(
    ("lengths", "read"),
    [
        ((b"2", b"2"), (b"ok", True, False)),
        ((b"2, 2",), (b"ok", True, False)),
        ((b"2, 2", b"2"), (b"ok", True, False)),
        ((b"2", b"3"), (b"ok more", False, True)),
        ((b"2, 3",), (b"ok more", False, True)),
        ((b"-1",), (b"ok more", False, False)),
        ((b"2", b"two"), (b"ok", True, False)),
        ((b"9" * 40,), (b"ok more", False, False)),
    ],
)
def test_repeated_lengths(lengths: tuple[bytes, ...], read: tuple[bytes, bool, bool]) -> None:
    """One number told twice is that number (RFC 9110 8.6); two contradict each other; no number says nothing."""
    data = b"HTTP/1.1 200 OK\r\n" + b"".join(b"Content-Length: %s\r\n" % one for one in lengths) + b"\r\nok more"
    head = read_head(data)
    assert head is not None
    body = read_body(head, data, 100)
    assert (body.data, body.complete, body.malformed) == read


def test_careless_line_ends_are_read() -> None:
    """Boxes that forge pages end lines with a bare LF; a recipient may take it (RFC 9112 2.2)."""
    data = b"HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<title>No</title>"
    head = read_head(data)
    assert head is not None
    assert (head.status, head.get("content-type")) == (403, "text/html")
    assert read_body(head, data, 100).data == b"<title>No</title>"


@pytest.mark.parametrize(
    ("body", "kind", "title"),
    [
        (b"<html><head><TITLE lang=en>\n A  page &amp; more </TITLE>", "", "A page & more"),
        (b"<title>open", "", ""),
        (b"<title" + b" " * 300 + b">far</title>", "", ""),
        (b"<title>" + b"x" * 3000 + b"</title>", "", ""),
        (b"nothing", "", ""),
        (b"<title>\xff\xfe</title>", "", "\ufffd\ufffd"),
        (
            "<title>\u60a8\u8bbf\u95ee\u7684\u7f51\u9875</title>".encode("gbk"),
            "text/html; charset=GBK",
            "\u60a8\u8bbf\u95ee\u7684\u7f51\u9875",
        ),
        ('<meta charset="gb2312"><title>\u62d2\u7edd</title>'.encode("gbk"), "text/html", "\u62d2\u7edd"),
        (
            "<title>\u0437\u0430\u043f\u0440\u0435\u0442</title>".encode("cp1251"),
            "text/html;charset='windows-1251'",
            "\u0437\u0430\u043f\u0440\u0435\u0442",
        ),
        ("\ufeff<title>\u0645</title>".encode("utf-16-le"), "", "\u0645"),
        ("\ufeff<title>\u0645</title>".encode(), "text/html; charset=latin1", "\u0645"),
        (b"<title>plain</title>", "text/html; charset=idna", "plain"),
        (b"<title>plain</title>", "text/html; charset=os", "plain"),
        (b"<title>plain</title>", "text/html; charset=unicode_escape", "plain"),
        ("<title>\u0130\u0130\u0130</title>".encode(), "", "\u0130\u0130\u0130"),
    ],
)
def test_titles(body: bytes, kind: str, title: str) -> None:
    """The title is text in the page's own charset, of a closed list; bytes that are no text are replaced."""
    assert title_of(body, kind) == title


@pytest.mark.parametrize("piece", [b"<title>", b"<title", b"<title ", b"charset=", b"&", b"&#", b"</title"])
def test_a_hostile_page_costs_no_time(piece: bytes) -> None:
    """Sixteen kilobytes of beginnings are read in one pass, not in one for each."""
    body = piece * (16_384 // len(piece))
    began = time.process_time()
    for _ in range(20):
        title_of(body)
    assert time.process_time() - began < 1.0
