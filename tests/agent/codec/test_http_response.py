"""The reader of HTTP responses: strict, bounded, indifferent to how bytes are cut."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec.http_response import Malformed, read_body, read_head, title_of

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
    try:
        head = read_head(data)
        if head is not None:
            assert len(read_body(head, data, 100).data) <= 100
    except Malformed:
        pass


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=50))
def test_hostile_chunks(junk: bytes, most: int) -> None:
    """Chunk framing, too: bounded and never a crash."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + junk
    head = read_head(data)
    assert head is not None
    with contextlib.suppress(Malformed):
        assert len(read_body(head, data, most).data) <= most


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 17_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 17_000,
    ],
)
def test_malformed_heads(data: bytes) -> None:
    """What is no HTTP/1.1 head within bounds is refused."""
    with pytest.raises(Malformed):
        read_head(data)


def test_careless_line_ends_are_read() -> None:
    """Boxes that forge pages end lines with a bare LF; a recipient may take it (RFC 9112 2.2)."""
    data = b"HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<title>No</title>"
    head = read_head(data)
    assert head is not None
    assert (head.status, head.get("content-type")) == (403, "text/html")
    assert read_body(head, data, 100).data == b"<title>No</title>"


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"<html><head><TITLE lang=en>\n A  page &amp; more </TITLE>", "A page & more"),
        (b"<title>open", ""),
        (b"nothing", ""),
        (b"<title>\xff\xfe</title>", "\ufffd\ufffd"),
    ],
)
def test_titles(body: bytes, title: str) -> None:
    """The title is text, collapsed; bytes that are no text are replaced, not trusted."""
    assert title_of(body) == title
