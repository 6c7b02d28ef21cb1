"""The bytes of http: what is asked, and how far an answer is read."""

from __future__ import annotations

from balise_agent.codec.http_response import MAX_HEAD_BYTES
from balise_agent.experiments.http.codec import MARGIN, is_cut, request, wanted
from balise_agent.experiments.task import Task
from balise_wire.experiments.http import HttpParameters

HOST = "twitter.example"


def test_request_is_what_a_browser_asks(task: Task) -> None:
    """No compression is offered (nothing here unpacks), and no more bytes are asked for than allowed."""
    text = request(task.parameters(HttpParameters), HOST).decode()
    assert text.startswith("GET / HTTP/1.1\r\nHost: twitter.example\r\n")
    assert "Accept-Encoding: identity\r\n" in text
    assert "Range: bytes=0-16383\r\n" in text
    assert text.endswith("\r\n\r\n")


def test_nothing_more_is_wanted_than_allowed() -> None:
    """The reads are bounded by head, framing and the cap together."""
    assert wanted(b"", 100) == (MAX_HEAD_BYTES + 4, b"\r\n\r\n")
    assert wanted(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 100) == (100, b"")
    assert wanted(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 100) == (7, b"")
    assert wanted(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 100) == (0, b"")
    assert wanted(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 0) == (0, b"")


def test_framing_is_read_within_bounds() -> None:
    """Six bytes of framing for each byte of a body are a flood: what is read on purpose counts against the day."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stream, read = head + b"1\r\nx\r\n" * 10_000, len(head)
    while (more := wanted(stream[:read], 1_000)[0]) > 0:
        read += more
    assert read - len(head) <= 2 * 1_000 + MARGIN
    assert is_cut(stream[:read], 1_000)
    assert not is_cut(head + b"3e8\r\n" + bytes(1_000) + b"\r\n0\r\n\r\n", 1_000)
    assert not is_cut(head + b"1\r\nx\r\n" * 10 + b"0\r\n\r\n", 10)
