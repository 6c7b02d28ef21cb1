"""Dialling never blocks the loop: names, silence, refusal and servers that speak something else."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from balise_agent.delivery import dial
from balise_agent.delivery.lookup import from_hosts, literal, lookup_through
from balise_agent.system.config import Broker, BrokerTransport
from balise_agent.system.reactor import WRITE
from balise_agent.system.task import file_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from balise_agent.system.reactor import Reactor


class Result:
    """What became of a dial."""

    def __init__(self, reactor: Reactor, broker: Broker, lookup: dial.Lookup) -> None:
        self.reactor = reactor
        self.opened: list[socket.socket] = []
        self.failed: list[str] = []
        self.dial = dial.task(
            dial.open_stream(broker, lookup, check_time=True),
            reactor=reactor,
            done=self.opened.append,
            failed=self.failed.append,
        )
        self.dial.start()

    def wait(self) -> Result:
        """Turn the loop until it is over."""
        assert self.reactor.run_until(lambda: bool(self.opened or self.failed), 15.0)
        for sock in self.opened:
            sock.close()
        return self


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a TCP server that a test plays."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10.0)
        yield server


@pytest.fixture
def resolver() -> Iterator[socket.socket]:
    """Return a UDP socket that a test answers DNS on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10.0)
        yield server


def answer(reactor: Reactor, resolver: socket.socket, addresses: dict[int, bytes]) -> None:
    """Let the reactor answer questions with these records by type."""

    def serve(_events: int) -> None:
        question, client = resolver.recvfrom(2000)
        end = question.index(b"\0", 12) + 5
        qtype = int.from_bytes(question[end - 4 : end - 2], "big")
        data = addresses.get(qtype)
        record = b"" if data is None else b"\xc0\x0c" + struct.pack("!HHIH", qtype, 1, 60, len(data)) + data
        head = question[:2] + b"\x81\x80\0\1" + struct.pack("!HHH", int(bool(record)), 0, 0)
        resolver.sendto(head + question[12:end] + record, client)

    reactor.watch(resolver, serve)


def test_a_name_is_asked_for_with_our_own_question(
    reactor: Reactor, resolver: socket.socket, listener: socket.socket, tmp_path: Path
) -> None:
    """A broker's name reaches it through the resolver that the system knows, without getaddrinfo."""
    answer(reactor, resolver, {1: socket.inet_aton("127.0.0.1")})
    lookup = lookup_through(lambda: ("127.0.0.1",), tmp_path / "hosts", resolver.getsockname()[1])
    found = Result(reactor, Broker(host="broker.example", port=listener.getsockname()[1]), lookup).wait()
    assert found.failed == []


def test_a_name_that_nobody_knows_is_a_failure_in_words(
    reactor: Reactor, resolver: socket.socket, tmp_path: Path
) -> None:
    """An empty answer leads to the next broker, not to a crash."""
    answer(reactor, resolver, {})
    lookup = lookup_through(lambda: ("127.0.0.1",), tmp_path / "hosts", resolver.getsockname()[1])
    found = Result(reactor, Broker(host="broker.example"), lookup).wait()
    assert found.failed == ["no address for broker.example"]


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example", "ex ample"])
def test_a_name_that_is_none_is_a_failure_too(reactor: Reactor, name: str) -> None:
    """Whatever stands in the settings, the loop goes on."""
    found = Result(reactor, Broker(host=name), lookup_through(lambda: ("127.0.0.1",), port=1)).wait()
    assert found.failed


def test_the_hosts_file_comes_before_the_resolver(tmp_path: Path) -> None:
    """Aliases count, comments and case do not."""
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# broker.example\n127.0.0.1 localhost\n198.18.0.1 b Broker.Example # the one\n::1 broker.example\n"
    )
    assert from_hosts("broker.example", hosts) == ("198.18.0.1", "::1")
    assert from_hosts("other.example", hosts) == ()
    assert from_hosts("broker.example", tmp_path / "none") == ()
    assert (literal("198.18.0.1"), literal("2001:db8::1"), literal("b")) == (("198.18.0.1",), ("2001:db8::1",), ())


def test_a_closed_port_fails_at_once(reactor: Reactor) -> None:
    """The reason is in the message."""
    found = Result(reactor, Broker(host="127.0.0.1", port=1), lookup_through(lambda: ())).wait()
    assert found.failed == ["connect: Connection refused"]


def test_the_next_address_is_tried(reactor: Reactor, listener: socket.socket) -> None:
    """A name with a dead address first still connects."""

    def lookup(_name: str) -> Any:
        yield from ()
        return ("127.0.0.2", "127.0.0.1")

    found = Result(reactor, Broker(host="x", port=listener.getsockname()[1]), lookup).wait()
    assert found.failed == []


def silent(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the patience with servers that say nothing."""
    monkeypatch.setattr(dial, "_TALK_SECONDS", seconds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "told"),
    [({"tls": True}, "TLS: no answer"), ({"transport": BrokerTransport.WEBSOCKETS}, "websocket: no answer")],
)
def test_a_server_that_says_nothing_is_given_up(
    reactor: Reactor, listener: socket.socket, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], told: str
) -> None:
    """A censor that swallows the handshake costs seconds of one socket, and none of the loop."""
    silent(0.2, monkeypatch)
    broker = Broker(host="127.0.0.1", port=listener.getsockname()[1], **settings)
    assert Result(reactor, broker, lookup_through(lambda: ())).wait().failed == [told]


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden"),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n", "not upgraded"),
        (b"HTTP/1.1 200 " + b"x" * 20_000, "not upgraded"),
        (b"", "not upgraded"),
    ],
    ids=["refused", "wrong key", "endless", "closed"],
)
def test_a_server_that_does_not_upgrade_is_told(
    reactor: Reactor, listener: socket.socket, response: bytes, told: str
) -> None:
    """A proxy's error page in the place of the broker is read to its first bytes and reported."""
    broker = Broker(host="127.0.0.1", port=listener.getsockname()[1], transport=BrokerTransport.WEBSOCKETS)
    clients: list[socket.socket] = []

    def serve(_events: int) -> None:
        client, _ = listener.accept()
        client.sendall(response)
        client.shutdown(socket.SHUT_WR)
        clients.append(client)

    reactor.watch(listener, serve)
    found = Result(reactor, broker, lookup_through(lambda: ())).wait()
    for client in clients:
        client.close()
    assert told in found.failed[0] or "reset" in found.failed[0]


def test_a_server_that_speaks_no_tls_is_told(reactor: Reactor, listener: socket.socket) -> None:
    """Plain text on a TLS port is a failure in words."""
    clients: list[socket.socket] = []

    def serve(_events: int) -> None:
        client, _ = listener.accept()
        client.sendall(b"220 mail.example ready\r\n")
        clients.append(client)

    reactor.watch(listener, serve)
    broker = Broker(host="127.0.0.1", port=listener.getsockname()[1], tls=True)
    found = Result(reactor, broker, lookup_through(lambda: ())).wait()
    for client in clients:
        client.close()
    assert "SSL" in found.failed[0]


@pytest.mark.slow
def test_an_task_has_an_end(reactor: Reactor, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who always says a little, each time within the patience of one wait, does not keep us from the next broker."""
    monkeypatch.setattr(dial, "_TASK_SECONDS", 0.2)

    def lookup(_name: str) -> Any:
        with socket.socket() as talker:
            talker.connect(listener.getsockname())
            while True:
                assert (yield file_ready(talker, WRITE, 10.0))

    assert Result(reactor, Broker(host="x"), lookup).wait().failed == ["no end in 0 s"]


def test_what_a_stranger_sends_ends_the_task_alone(reactor: Reactor) -> None:
    """Whatever a reader of foreign bytes raises is a failed attempt: the loop and its owner never see it."""

    def lookup(_name: str) -> Any:
        yield from ()
        raise IndexError("of a list that a stranger made too short")

    assert "too short" in Result(reactor, Broker(host="x"), lookup).wait().failed[0]


def test_a_resolver_of_junk_is_left_for_the_next(
    reactor: Reactor, resolver: socket.socket, listener: socket.socket, tmp_path: Path
) -> None:
    """Datagrams that answer nothing, one after the other, are silence after a few: the next resolver is asked."""
    port = resolver.getsockname()[1]
    answer(reactor, resolver, {1: socket.inet_aton("127.0.0.1")})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as junk:
        junk.bind(("127.0.0.2", port))

        def pour(_events: int) -> None:
            _, client = junk.recvfrom(2000)
            for _ in range(50):
                junk.sendto(b"junk", client)

        reactor.watch(junk, pour)
        lookup = lookup_through(lambda: ("127.0.0.2", "127.0.0.1"), tmp_path / "hosts", port)
        found = Result(reactor, Broker(host="broker.example", port=listener.getsockname()[1]), lookup).wait()
        reactor.unwatch(junk)
    assert found.failed == []


def test_a_name_with_a_hundred_dead_addresses_ends(reactor: Reactor) -> None:
    """A resolver that lies with many addresses costs a few attempts, not one for each."""
    tried: list[socket.socket] = []
    failed: list[str] = []
    addresses = tuple(f"127.0.1.{number}" for number in range(1, 101))
    steps = dial.connect(addresses, 1, tried.append)
    dial.task(steps, reactor=reactor, done=lambda sock: sock.close(), failed=failed.append).start()
    assert reactor.run_until(lambda: bool(failed), 15.0)
    assert len(tried) <= 6


def test_a_cancelled_dial_calls_nobody(reactor: Reactor, listener: socket.socket, until: Callable[..., None]) -> None:
    """A program that stops does not hear of its dials any more."""
    broker = Broker(host="127.0.0.1", port=listener.getsockname()[1], tls=True)
    made = Result(reactor, broker, lookup_through(lambda: ()))
    made.dial.cancel()
    ended: list[int] = []
    reactor.after(0.1, lambda: ended.append(1))
    until(lambda: bool(ended))
    assert (made.opened, made.failed) == ([], [])
