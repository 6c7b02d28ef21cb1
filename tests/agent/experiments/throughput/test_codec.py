"""The bytes of throughput."""

from __future__ import annotations

from balise_agent.experiments.throughput.codec import requests, status_of, upload


def test_requests_stand_one_behind_the_other() -> None:
    """The last one asks the server to close (RFC 9112 9.3.2)."""
    asked = requests("/a.jpg", "a.example", 65_536, 3).decode()
    assert asked.count("GET /a.jpg HTTP/1.1\r\nHost: a.example\r\n") == 3
    assert asked.count("keep-alive") == 2
    assert asked.endswith("Connection: close\r\n\r\n")


def test_an_upload_is_as_long_as_it_says() -> None:
    """A server reads no further; nothing in it repeats, so that no compressor on the way shortens it."""
    head, _, body = upload("a.example", 32_768).partition(b"\r\n\r\n")
    assert len(body) == 32_768
    assert b"Content-Length: 32768" in head
    assert len({body[at : at + 8] for at in range(0, 32_768, 8)}) == 4_096


def test_a_status_is_read_where_there_is_one() -> None:
    """Of anything else nothing is said."""
    assert status_of(b"HTTP/1.1 206 Partial Content\r\n") == 206
    assert status_of(b"\x15\x03") is None
