"""What the sink makes of answers that a real 1.6 on loopback cannot be made to give: a fake that is plainly a fake.

It answers ``/api/v2/write`` with recorded statuses and bodies of 1.8, 2.x and 3 (docs.influxdata.com, "Write API
errors"), and remembers the lines. Must not live here: what a real server can show (test_influx.py).
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from balise_collector.sinks import SinkError
from balise_collector.sinks.influx.bucket import BucketWriter
from balise_collector.sinks.influx.cardinality import Guard
from balise_collector.sinks.influx.point import Point

Answer = tuple[int, str, dict[str, str]]
T = 1_589_733_000


class FakeInflux:
    """Answers each write as its script says; 204 when the script has no word on it."""

    def __init__(self) -> None:
        self.judge: Callable[[list[str]], Answer | None] = lambda _lines: None
        self.stored: list[str] = []
        self.writes = 0
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Encoding"] == "gzip"
                lines = gzip.decompress(body).decode().splitlines()
                fake.writes += 1
                status, text, headers = fake.judge(lines) or (204, "", {})
                if status == 204:
                    fake.stored.extend(lines)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode("latin-1"))

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def fake() -> Iterator[FakeInflux]:
    """Return a running fake."""
    server = FakeInflux()
    yield server
    server.close()


@pytest.fixture
def sink(fake: FakeInflux) -> Iterator[BucketWriter]:
    """Return a sink that writes to the fake."""
    made = BucketWriter(
        url=fake.url, bucket="balise", org="balise", token=lambda: "t", guard=Guard({}), now=lambda: float(T)
    )
    yield made
    made.close()


def points(count: int) -> list[Point]:
    """Return some points."""
    return [Point("m", (("probe", f"p{n % 7}"),), (("n", n),), (T + n) * 10**9) for n in range(count)]


@pytest.mark.parametrize(
    ("status", "body", "headers", "wait", "mend"),
    [
        (429, '{"code":"too many requests","message":"rate limit"}', {"Retry-After": "17"}, 17.0, "too much to do"),
        (503, '{"code":"unavailable","message":"overloaded"}', {"retry-after": "5"}, 5.0, "too much to do"),
        (503, "busy", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0, "too much to do"),
        (500, '{"error":"engine: write: no space left on device"}', {}, 0.0, "make room on its disk"),
        (507, "", {}, 0.0, "make room on its disk"),
        (401, '{"code":"unauthorized","message":"unauthorized access"}', {}, 0.0, "token_file"),
        (404, '{"code":"not found","message":"bucket \\"balise\\" not found"}', {}, 0.0, "influx setup"),
        (200, "<html><h1>Welcome to Grand Hotel Wi-Fi</h1></html>", {"Content-Type": "text/html"}, 0.0, "204"),
        (200, "", {}, 0.0, "something else stands in its place"),
        (201, '{"accepted":3}', {"Content-Type": "application/json"}, 0.0, "something else"),
        (202, "", {}, 0.0, "mend [influx] url"),
        (206, "part", {}, 0.0, "something else"),
        (302, "", {"Location": "/portal"}, 0.0, "not followed"),
        (307, "", {"Location": "/elsewhere"}, 0.0, "not followed"),
        (502, "<html><h1>502 Bad Gateway</h1></html>", {}, 0.0, "offered again"),
    ],
)
def test_every_answer_that_is_no_success_stands_still_with_its_mend(
    fake: FakeInflux, sink: BucketWriter, status: int, body: str, headers: dict[str, str], wait: float, mend: str
) -> None:
    """Nothing is lost, the operator reads what to do, and Retry-After is heeded."""
    fake.judge = lambda _lines: (status, body, headers)
    with pytest.raises(SinkError, match=str(status)) as raised:
        sink.write(points(3))
    assert raised.value.retry_after == wait
    assert mend in str(raised.value)
    assert "<" not in str(raised.value)
    fake.judge = lambda _lines: None
    sink.write(points(3))
    assert len(fake.stored) == 3


@pytest.mark.parametrize("status", [200, 403, 503])
def test_an_answer_that_is_no_text_stands_still(fake: FakeInflux, sink: BucketWriter, status: int) -> None:
    """A portal's page in an old encoding is an impostor's, not the end of the sink's thread."""
    fake.judge = lambda _lines: (status, "Acc\xe8s refus\xe9", {})
    with pytest.raises(SinkError, match="nothing is lost"):
        sink.write(points(3))
    fake.judge = lambda _lines: None
    sink.write(points(3))
    assert len(fake.stored) == 3


def test_an_impostor_between_two_batches_costs_nothing(fake: FakeInflux, sink: BucketWriter) -> None:
    """Half of a write taken by the server and half by an impostor is offered again whole: points are idempotent."""
    fake.judge = lambda lines: (200, "ok", {}) if any(" n=6000i " in line for line in lines) else None
    with pytest.raises(SinkError, match="204"):
        sink.write(points(7000))
    assert sink.dropped == 0
    fake.judge = lambda _lines: None
    sink.write(points(7000))
    assert len(set(fake.stored)) == 7000


@pytest.mark.parametrize(
    ("status", "body", "lost", "reason"),
    [
        (400, '{"error":"partial write: points beyond retention policy dropped=2"}', 2, "beyond retention"),
        (
            422,
            json.dumps(
                {
                    "code": "unprocessable entity",
                    "message": "failure writing points to database: partial write: field type conflict: input field "
                    '"n" on measurement "m" is type float, already exists as type integer dropped=1',
                }
            ),
            1,
            "field type conflict",
        ),
        (
            400,
            json.dumps(
                {
                    "error": "partial write of line protocol occurred",
                    "data": [{"error_message": "invalid column type", "line_number": 2, "original_line": "m n=1"}] * 3,
                }
            ),
            3,
            "invalid column type",
        ),
    ],
)
def test_a_partial_write_is_not_offered_again(
    fake: FakeInflux,
    sink: BucketWriter,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: str,
    lost: int,
    reason: str,
) -> None:
    """1.8, 2.x and 3 store the rest of the batch: what they refused is counted, logged and owned up to as a point."""
    fake.judge = lambda lines: (status, body, {}) if lines[0].startswith("m,") else None
    sink.write(points(10))
    assert sink.dropped == lost
    assert reason in caplog.text
    assert fake.writes == 2
    assert [line.split(",")[0] for line in fake.stored] == ["balise_dropped"]


def test_a_line_that_spoils_its_batch_is_found(fake: FakeInflux, sink: BucketWriter, caplog: Any) -> None:
    """A 400 that stores nothing is halved down to the line at fault; every other line is stored."""
    text = '{"code":"invalid","message":"unable to parse \'m,probe=p2 n=100i\': bad"}'
    fake.judge = lambda lines: (400, text, {}) if any(" n=100i " in line for line in lines) else None
    sink.write(points(300))
    assert len([line for line in fake.stored if line.startswith("m,")]) == 299
    assert sink.dropped == 1
    assert "n=100i" in caplog.text


def test_a_server_that_refuses_every_line_loses_none(fake: FakeInflux, sink: BucketWriter) -> None:
    """A 400 to a plain line of our own is the server's (or the settings') fault: stand still, drop nothing."""
    fake.judge = lambda _lines: (400, '{"error":"database is required"}', {})
    with pytest.raises(SinkError, match="database is required"):
        sink.write(points(5))
    assert sink.dropped == 0
    assert fake.writes == 2


def test_a_batch_that_is_too_large_is_halved(fake: FakeInflux, sink: BucketWriter) -> None:
    """413 until it fits."""
    fake.judge = lambda lines: (413, "", {}) if len(lines) > 40 else None
    sink.write(points(300))
    assert len(fake.stored) == 300


def test_nobody_there(free_port: int) -> None:
    """A server that is off delays, with a line that names it and no object in it."""
    sink = BucketWriter(
        url=f"http://127.0.0.1:{free_port}",
        bucket="b",
        org="o",
        token=lambda: "t",
        guard=Guard({}),
        now=lambda: float(T),
    )
    with pytest.raises(SinkError, match="does not answer") as raised:
        sink.write(points(1))
    assert "object at" not in str(raised.value)
