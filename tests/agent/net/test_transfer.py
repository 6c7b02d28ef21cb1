"""What moves on a connection, over loopback: the count of what arrives, and of what the peer acknowledges."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from balise_agent.experiments.steps import Reply, Transfer, Transferred
from balise_agent.net.connection import Connection
from balise_agent.net.share import Share
from balise_agent.net.transfer import transfer
from balise_agent.testing import OpenGate

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
PATIENCE = 0.2
Serve = Callable[[socket.socket], None]


class Loopback:
    """A connection without a tap."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock, self.address, self.remote_port, self.tls = sock, "127.0.0.1", 1, None
        self.flow = SimpleNamespace(share=Share(1 << 20))
        self.context = SimpleNamespace(
            clock=SimpleNamespace(now=time.monotonic, monotonic=time.monotonic), gate=OpenGate()
        )
        self.is_open, self.overrun, self.bytes_in, self.last_in = True, False, 0, None
        self.injected = False

    read_some = Connection.read_some
    write_some = Connection.write_some


@pytest.fixture
def connected() -> Iterator[Callable[[Serve], Loopback]]:
    """Return what connects to a server that does something, once."""
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def connect(serve: Serve) -> Loopback:
        listening = socket.create_server(("127.0.0.1", 0))
        sock = socket.socket()
        sock.connect(listening.getsockname())
        peer, _ = listening.accept()
        opened.extend((listening, sock, peer))
        threads.append(threading.Thread(target=serve, args=(peer,), daemon=True))
        threads[-1].start()
        return Loopback(sock)

    yield connect
    for one in opened:
        one.close()
    for thread in threads:
        thread.join(5.0)


def carried_out(connection: Loopback, **changes: Any) -> Reply:
    """Carry a step out."""
    said: dict[str, Any] = {"handle": 1, "most": 50_000, "seconds": 5.0, "quiet": PATIENCE, **changes}
    operation = transfer(cast("Connection", connection), Transfer(**said))
    ready = False
    try:
        wait = next(operation)
        while True:
            left = max(0.0, wait.until - time.monotonic())
            files = [] if wait.file is None else [wait.file]
            writing = files if wait.events & 2 else []
            found = select.select(files if wait.events & 1 else [], writing, [], left)
            ready = any(found)
            wait = operation.send(ready)
    except StopIteration as stop:
        reply: Reply = stop.value
        return reply


def gives(data: bytes, *, close: bool) -> Serve:
    """Return a server that reads a request and gives bytes."""

    def serve(peer: socket.socket) -> None:
        peer.recv(4_096)
        peer.sendall(data)
        if close:
            peer.shutdown(socket.SHUT_WR)

    return serve


def test_what_arrives_is_counted_read_by_read(connected: Callable[[Serve], Loopback]) -> None:
    """With its times, its beginning, and what the kernel counted."""
    reply = carried_out(connected(gives(b"HTTP/1.1 200 OK" + bytes(60_000), close=False)), data=REQUEST)
    assert isinstance(reply, Transferred)
    assert sum(size for _, size in reply.arrivals) >= 50_000
    assert [at for at, _ in reply.arrivals] == sorted(at for at, _ in reply.arrivals)
    assert reply.head.startswith(b"HTTP/1.1 200 OK")
    assert reply.counted is not None
    assert (reply.counted.segments > 0, reply.counted.lost, reply.quiet, reply.eof) == (True, 0, False, False)


def test_an_end_of_the_stream_is_no_failure(connected: Callable[[Serve], Loopback]) -> None:
    """The server had no more."""
    reply = carried_out(connected(gives(bytes(9_000), close=True)), data=REQUEST)
    assert isinstance(reply, Transferred)
    assert (sum(size for _, size in reply.arrivals), reply.eof) == (9_000, True)


def test_silence_is_told_and_the_connection_stands(connected: Callable[[Serve], Loopback]) -> None:
    """Another step can go on where this one ended."""
    connection = connected(gives(bytes(9_000), close=False))
    reply = carried_out(connection, data=REQUEST)
    assert isinstance(reply, Transferred)
    assert (sum(size for _, size in reply.arrivals), reply.quiet, reply.eof) == (9_000, True, False)
    assert connection.is_open


def test_uploads_count_what_the_peer_acknowledged(connected: Callable[[Serve], Loopback]) -> None:
    """Not what the own kernel took."""

    def reads(peer: socket.socket) -> None:
        left = 200_000
        while left > 0 and (more := peer.recv(min(left, 65_536))):
            left -= len(more)

    reply = carried_out(connected(reads), data=bytes(200_000), up=True)
    assert isinstance(reply, Transferred)
    assert sum(size for _, size in reply.arrivals) == 200_000
    assert not reply.quiet
