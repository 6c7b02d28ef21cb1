"""The server behind the counterpart of QUIC, on loopback: any name is greeted, and other versions are negotiated."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from balise_agent.codec import quic
from balise_lab.counterparts.engine import quic_server
from balise_lab.world import authority, waiting


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Return the port of a server that runs."""
    pem = tmp_path / "quic.pem"
    authority.issue(authority.found(), ("a.lab",), pem)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", quic_server.__name__, str(pem), str(number), "127.0.0.1"])
    try:
        yield number
    finally:
        server.kill()
        server.wait()


def asked(port: int, data: bytes, seed: int) -> str:
    """Send a datagram, and name what came; empty for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, suppress(OSError):
        client.settimeout(0.3)
        client.connect(("127.0.0.1", port))
        client.send(data)
        return quic.read_answer(client.recv(2048), seed).word
    return ""


def test_the_probes_own_packets_are_understood(port: int) -> None:
    """A server that shares nothing with us decrypts our Initial, and lists its versions to a strange one."""
    waiting.until(lambda: asked(port, quic.version_probe(4), 4) == "version_negotiation", "the server to answer", 15.0)
    assert asked(port, quic.initial("b.lab", 3, shape=1), 3) == "server_hello"
    assert asked(port, quic.noise(5), 5) == ""
