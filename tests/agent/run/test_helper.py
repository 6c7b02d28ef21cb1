"""The helper: every name is answered, little is given, and nothing of who asked is kept."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from balise_agent.codec import call
from balise_agent.codec.clienthello import client_hello
from balise_agent.codec.vpn.handshake import OVER_TCP
from balise_agent.codec.vpn.registry import HANDSHAKES
from balise_agent.run.helper import (
    ANSWER,
    BUSY,
    Counted,
    Datagrams,
    Helper,
    HelperRules,
    Speaks,
    bind,
    certificate,
    listen,
    tls_context,
)
from balise_agent.run.vpn_echo import HelperEcho
from balise_agent.system.errors import ConfigError
from balise_wire.experiments.call import CallShape
from balise_wire.experiments.vpn import VpnProtocol, VpnShape

T = TypeVar("T")


def served(
    folder: Path, ask: Callable[[int], T], *, speaks: Speaks = Speaks.TLS, rules: HelperRules | None = None
) -> T:
    """Return what a client finds out, which is given the port, while a helper answers on loopback."""

    async def play() -> T:
        helper = Helper(rules or HelperRules(seconds=2.0), tls_context(certificate(folder)))
        listening = listen("127.0.0.1", 0)
        serving = asyncio.get_running_loop().create_task(helper.serve(listening, speaks))
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

    assert served(tmp_path, ask, speaks=Speaks.HTTP, rules=HelperRules(seconds=0.3)) == (ANSWER, b"")


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

    assert served(tmp_path, ask, speaks=Speaks.HTTP, rules=rules) == b""


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


def _talk(port: int) -> tuple[int, bool]:
    """Return how many packets of a short train come back, and whether a stranger's datagram is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.settimeout(5.0)
        talk.connect(("127.0.0.1", port))
        talk.send(call.hello(3))
        token = call.read_token(talk.recv(2048), 3)
        assert token is not None
        for number in range(20):
            talk.send(call.packet(token, 3, number, CallShape.VOICE, CallShape.VOICE))
        back = {call.read_back(talk.recv(2048), 3) for _ in range(20)}
        talk.settimeout(0.2)
        talk.send(b"\x05" + bytes(159))
        try:
            return len(back - {None}), bool(talk.recv(2048))
        except TimeoutError:
            return len(back - {None}), False


def test_trains_are_answered_over_udp() -> None:
    """A packet for a packet, once there is a token; a stranger hears nothing."""

    async def play() -> tuple[int, bool]:
        bound = bind("127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(HelperEcho(b"s")), sock=bound)
        try:
            return await asyncio.to_thread(_talk, bound.getsockname()[1])
        finally:
            transport.close()

    assert asyncio.run(play()) == (20, False)


def test_a_port_of_udp_that_is_taken_is_said_with_the_mend() -> None:
    """The operator reads which one, and what to do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigError, match=r"UDP port .* free it, or name others with --udp-ports"):
            bind("127.0.0.1", taken.getsockname()[1])


def _shaken(port: int) -> list[bytes]:
    """Return what a handshake over TCP hears in its rounds, as far as it gets."""
    handshake = HANDSHAKES[VpnProtocol.OPENVPN_TCP, VpnShape.PROTOCOL]
    mark, heard = handshake.mark(OVER_TCP, 7), list[bytes]()
    with _dial(port) as talk:
        for number, (_, answer) in enumerate(handshake.rounds):
            for data in handshake.ask(mark, number, heard):
                talk.sendall(data)
            said = talk.recv(answer, socket.MSG_WAITALL)
            heard.append(said)
            if not handshake.accepts(mark, number, said):
                break
    return heard


def test_handshakes_are_answered_over_tcp(tmp_path: Path) -> None:
    """To their end, and a stranger is hung up on."""
    rules = HelperRules(per_minute=1)
    assert [len(one) for one in served(tmp_path, _shaken, speaks=Speaks.VPN, rules=rules)] == [28, 283, 110]

    def ask(port: int) -> bytes:
        with _dial(port) as talk:
            talk.sendall(bytes(2_000))
            try:
                return talk.recv(10)
            except ConnectionResetError:
                return b""

    assert served(tmp_path, ask, speaks=Speaks.VPN) == b""


@pytest.mark.parametrize("rules", [HelperRules(handshakes_per_minute=1), HelperRules(most=1)])
def test_who_makes_too_many_handshakes_is_told_so(tmp_path: Path, rules: HelperRules) -> None:
    """A hang-up, or a reset, would be taken for a cut."""

    def ask(port: int) -> list[bytes]:
        with _dial(port):
            return _shaken(port)

    assert served(tmp_path, ask, speaks=Speaks.VPN, rules=rules) == [BUSY]
