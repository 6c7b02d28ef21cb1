"""HTTP on a bounded listener: slow, silent and hostile clients end, and everybody else is answered."""

from __future__ import annotations

import logging
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from balise_collector.system.bounded_accept import BoundedListener, Bounds
from balise_collector.system.clock import Clock
from balise_collector.system.listening import listen
from balise_collector.system.serving import BoundedServer, allow_files
from tests.testbed.waiting import eventually

LARGE = 8_000_000
BOUNDS = Bounds(most=40, most_of_source=20, head=0.6, body=0.6, answer=0.8, life=30.0)


async def _small(_request: Request) -> Response:
    return Response(b"here")


async def _large(_request: Request) -> Response:
    return Response(bytes(LARGE))


async def _taking(request: Request) -> Response:
    return Response(str(len(await request.body())))


class Served:
    """A server in a thread, and somebody who connects to it."""

    def __init__(self) -> None:
        app = Starlette(routes=[Route("/", _small), Route("/large", _large), Route("/take", _taking, methods=["POST"])])
        self.door = BoundedListener(listen("127.0.0.1", 0, "test"), BOUNDS, Clock().monotonic)
        self.port = self.door.getsockname()[1]
        self.server = BoundedServer(app, self.door)
        self.thread = threading.Thread(target=self.server.run)

    def connect(self, stack: ExitStack, source: str = "127.0.0.1") -> socket.socket:
        """Connect from an address of loopback."""
        theirs = stack.enter_context(socket.socket())
        theirs.bind((source, 0))
        theirs.settimeout(10)
        theirs.connect(("127.0.0.1", self.port))
        return theirs

    def answered(self, source: str = "127.0.0.1") -> bool:
        """Ask, and return whether there was an answer."""
        with ExitStack() as stack:
            theirs = self.connect(stack, source)
            theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return read(theirs).endswith(b"here")


def read(theirs: socket.socket) -> bytes:
    """Return everything until the other side ends."""
    heard = b""
    with suppress(ConnectionError):
        while data := theirs.recv(65536):
            heard += data
    return heard


@pytest.fixture
def served() -> Iterator[Served]:
    """Return a server that runs."""
    made = Served()
    made.thread.start()
    yield made
    made.server.should_exit = True
    made.thread.join(10)
    assert not made.thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"", 0),
        (b"GET / HTT", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 0),
        (b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome", 1),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n", 1),
    ],
)
def test_what_is_not_finished_ends(served: Served, said: bytes, answers: int) -> None:
    """Silence, half a head, half a body, a body that nobody wants, no second request or half of one."""
    with ExitStack() as stack:
        theirs = served.connect(stack)
        theirs.sendall(said)
        assert read(theirs).count(b"200 OK") == answers


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 5, 19, 33, 45])
def test_who_asked_before_the_door_opened_is_read_before_a_crowd_takes_its_place(place: int) -> None:
    """Sixty networks hold one connection each, so none is the heaviest, and the one that asks is among the oldest."""
    made = Served()
    with ExitStack() as stack:
        asking = None
        for number in range(60):
            theirs = made.connect(stack, f"127.2.{number}.1")
            if number == place:
                asking = theirs
                theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        made.thread.start()
        assert asking is not None
        heard = read(asking)
        made.server.should_exit = True
        made.thread.join(10)
    assert heard.endswith(b"here")


@pytest.mark.slow
def test_a_byte_now_and_then_keeps_nothing_open(served: Served) -> None:
    """A slow sender of a head has as long as a silent one (slow loris)."""
    with ExitStack() as stack:
        theirs = served.connect(stack)
        theirs.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        begun, now = Clock().monotonic(), 0.0
        theirs.settimeout(0.05)
        with suppress(ConnectionError):
            while now < 10.0:
                theirs.sendall(b"x")
                with suppress(TimeoutError):
                    if not theirs.recv(1):
                        break
                now = Clock().monotonic() - begun
        assert 0.5 < now < 5.0


@pytest.mark.slow
def test_an_answer_that_nobody_takes_ends(served: Served) -> None:
    """A reader that never reads has the time of an answer, and a slow one that reads gets all of it."""
    with ExitStack() as stack:
        never = served.connect(stack)
        never.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        never.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        takes = served.connect(stack)
        takes.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert len(read(takes)) > LARGE
        eventually(lambda: not len(served.door), "nobody is held any more")


def test_more_connections_than_it_holds_keep_nobody_out(served: Served) -> None:
    """Three hundred that send half a request, of fifteen addresses, and every newcomer is answered."""
    with ExitStack() as stack:
        for number in range(300):
            served.connect(stack, f"127.0.{number % 15}.3").sendall(b"GET / HTTP/1.1\r\nHost:")
            if number % 50 == 0:
                assert served.answered()
        assert served.answered("127.0.3.3")
        assert len(served.door) <= BOUNDS.most


def test_what_strangers_send_is_no_line_in_the_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Who sends garbage all day would fill the disk with warnings."""
    with caplog.at_level(logging.DEBUG), ExitStack() as stack:
        theirs = served.connect(stack)
        theirs.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert read(theirs).startswith(b"HTTP/1.1 400")
        upgrade = served.connect(stack)
        upgrade.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n")
        assert read(upgrade).endswith(b"here")
    assert "Invalid" not in caplog.text
    assert "Unsupported" not in caplog.text


def test_the_limit_of_open_files_is_raised_and_never_lowered() -> None:
    """As far as the system lets us, and not below what is set."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert allow_files(300) == 300
        assert allow_files(200) == 300
        assert allow_files(10**9) == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
