"""The stand-in of WhatsApp's chat, on loopback: the probe's opening is answered, nothing else is."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from balise_agent.codec import noise
from balise_lab.counterparts.engine import chat_server
from balise_lab.world import waiting


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of a server that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", chat_server.__name__, str(number), "127.0.0.1"])
    try:
        waiting.until(lambda: said(number, noise.opening(1)) != b"", "the server to answer", 15.0)
        yield number
    finally:
        server.kill()
        server.wait()


def said(port: int, data: bytes) -> bytes:
    """Return what comes back to bytes; nothing where the connection ends."""
    with suppress(OSError), socket.socket() as client:
        client.settimeout(5.0)
        client.connect(("127.0.0.1", port))
        client.sendall(data)
        return client.recv(noise.ANSWER)
    return b""


@pytest.mark.parametrize("before", [b"", b"PROXY TCP4 198.51.100.1 203.0.113.2 4000 5222\r\n"])
def test_the_probes_opening_is_answered(port: int, before: bytes) -> None:
    """Behind HAProxy's line and without; each side is written from the protocol alone."""
    assert noise.is_answer(said(port, before + noise.opening(7)))


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"XX" + noise.opening(7)[2:], noise.opening(7)[:7] + b"\x1a" + noise.opening(7)[8:]],
)
def test_nothing_else_is(port: int, data: bytes) -> None:
    """A relay that leads elsewhere must be seen as such."""
    assert said(port, data + bytes(64)) == b""
