"""The helper: every name is answered, little is given, and nothing of who asked is kept."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from balise_agent.codec.clienthello import client_hello
from balise_agent.run.helper import ANSWER, Counted, Helper, HelperRules, certificate, listen, tls_context
from balise_agent.system.errors import ConfigError

T = TypeVar("T")


def served(folder: Path, ask: Callable[[int], T], *, tls: bool = True, rules: HelperRules | None = None) -> T:
    """Return what a client finds out, which is given the port, while a helper answers on loopback."""

    async def play() -> T:
        helper = Helper(rules or HelperRules(seconds=2.0), tls_context(certificate(folder)))
        listening = listen("127.0.0.1", 0)
        serving = asyncio.get_running_loop().create_task(helper.serve(listening, tls=tls))
        try:
            return await asyncio.to_thread(ask, listening.getsockname()[1])
        finally:
            serving.cancel()
            listening.close()

    return asyncio.run(play())


def _dial(port: int) -> socket.socket:
    talk = socket.socket()
    talk.settimeout(5.0)
    talk.connect(("127.0.0.1", port))
    return talk


def _handshake(port: int, name: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        _dial(port) as plain,
        context.wrap_socket(plain, server_hostname=name) as talk,
    ):
        talk.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return talk.recv(4096)


@pytest.mark.parametrize("name", ["twitter.com", "anything.at.all.example"])
def test_every_name_is_answered(tmp_path: Path, name: str) -> None:
    """A certificate of its own, and the one thing it has to say."""
    assert served(tmp_path, lambda port: _handshake(port, name)) == ANSWER


def test_a_probes_hello_gets_a_server_hello(tmp_path: Path) -> None:
    """The hello that probes send, as bytes over TCP."""

    def ask(port: int) -> bytes:
        with _dial(port) as talk:
            talk.sendall(client_hello("twitter.com", 1))
            return talk.recv(7)

    found = served(tmp_path, ask)
    assert (found[0], found[5]) == (22, 2)


def test_plain_http_is_answered_in_a_line(tmp_path: Path) -> None:
    """And a silent client is hung up on within seconds: its place is another's."""

    def ask(port: int) -> tuple[bytes, bytes]:
        with _dial(port) as talk:
            talk.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            said = talk.recv(4096)
        with _dial(port) as silent:
            return said, silent.recv(10)

    assert served(tmp_path, ask, tls=False, rules=HelperRules(seconds=0.3)) == (ANSWER, b"")


@pytest.mark.parametrize("rules", [HelperRules(most=1), HelperRules(per_minute=1)])
def test_who_asks_for_more_than_a_share_is_hung_up_on(tmp_path: Path, rules: HelperRules) -> None:
    """The second connection: all places taken, or the prefix's minute used up."""

    def ask(port: int) -> bytes:
        with (
            _dial(port),
            _dial(port) as second,
        ):
            try:
                return second.recv(10)
            except ConnectionResetError:
                return b""

    assert served(tmp_path, ask, tls=False, rules=rules) == b""


def test_connections_are_counted_by_prefix_and_minute() -> None:
    """A provider's pool is one, mapped addresses are IPv4's, and the table is bounded."""
    counted = Counted(2)
    assert [counted.admits(a, 0.0) for a in ("192.0.2.1", "192.0.2.200", "::ffff:192.0.2.3", "198.51.100.1")] == [
        True, True, False, True,
    ]  # fmt: skip
    assert counted.admits("192.0.2.1", 60.0)
    assert [counted.admits(f"2001:db8:0:{n}::1", 0.0) for n in range(3)] == [True, True, False]
    for n in range(5_000):
        counted.admits(f"10.{n // 256}.{n % 256}.1", 61.0)
    assert len(counted._seen) <= 4_096


def test_the_certificate_is_made_once_and_belongs_to_nobody(tmp_path: Path) -> None:
    """It names no one; its file is for its owner alone; a broken one is said with its mend."""
    path = certificate(tmp_path)
    before = path.read_bytes()
    assert certificate(tmp_path).read_bytes() == before
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("broken")
    with pytest.raises(ConfigError, match="made anew"):
        tls_context(path)
    with pytest.raises(ConfigError, match="--state"):
        certificate(tmp_path / "gone")


def test_a_port_that_is_taken_is_said() -> None:
    """One line with the mend."""
    with listen("127.0.0.1", 0) as held, pytest.raises(ConfigError, match="--address"):
        listen("127.0.0.1", held.getsockname()[1])
