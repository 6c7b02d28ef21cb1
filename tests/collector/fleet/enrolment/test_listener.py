"""The listener on loopback: TLS 1.3, two paths, silence for everything else, and bounds that hold."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Any

import msgspec
import pytest
from cryptography import x509

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment import listener as listening
from balise_collector.fleet.enrolment.listener import CERTIFICATE_FILE, EnrolmentListener, alias
from balise_collector.fleet.enrolment.renewer import CertificateRenewer
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.system.bounded_accept import Bounds
from balise_collector.system.clock import Clock
from balise_collector.system.config import CollectorSettings, Config, EnrolmentSettings, Front
from balise_collector.system.rate import Pace
from balise_wire.enrolment import Enrolment as Answered
from tests.collector.fleet.enrolment.conftest import Board, Office

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def config(office: Office) -> Config:
    """Return settings with a listener on loopback."""
    table = EnrolmentSettings(
        host="127.0.0.1", port=0, addresses=("127.0.0.1",), brokers=(Front(host="front.example"),)
    )
    return Config(collector=CollectorSettings(state_dir=str(office.folder)), enrolment=table)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the listener hold less than a test can open."""
    monkeypatch.setattr(listening, "BOUNDS", Bounds(most=12, most_of_source=5))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the listener bear fewer questions of a source than a test asks."""
    monkeypatch.setattr(listening, "PACE", Pace(3.0, 0.5))


@pytest.fixture
def overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the listener bear no stranger's question."""
    monkeypatch.setattr(listening, "ALL", Pace(0.0, 0.0))


@pytest.fixture
def listener(config: Config) -> Iterator[EnrolmentListener]:
    """Return a listener that runs."""
    assert config.enrolment is not None
    running = EnrolmentListener(config, config.enrolment, Clock(), partial(SqliteRegistry, config.fleet_file))
    CertificateRenewer(config.authority_dir, partial(SqliteRegistry, config.fleet_file), running.fit)
    running.start()
    yield running
    running.stop()
    running.join(10.0)
    assert running.failed is None


@pytest.fixture
def ask(listener: EnrolmentListener, config: Config) -> Ask:
    """Return what asks the listener something: status, headers, body."""

    def call(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        context = ssl.create_default_context(cafile=str(config.authority_dir / "ca.pem"))
        asking = http.client.HTTPSConnection("127.0.0.1", listener.port, timeout=10, context=context)
        with closing(asking):
            asking.request(method, path, body, headers)
            answer = asking.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    return call


def test_a_board_is_enrolled_and_renewed_over_the_line(ask: Ask, office: Office, board: Board) -> None:
    """The whole way: token in, certificate out, and once more by the key."""
    token = office.token(expires=Clock().now() + 1000.0)
    status, _, body = ask("POST", "/enrol", board.enrolling(token))
    assert status == 200, body
    got = msgspec.json.decode(body, type=Answered)
    assert got.probe == "k7m2q9xd"
    assert got.brokers[0].host == "front.example"
    assert ask("POST", "/renew", board.renewing())[0] == 200


def test_the_log_knows_no_address(
    ask: Ask,
    office: Office,
    board: Board,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An address beside an id would say where a host lives: sources have words that die with the process."""
    with caplog.at_level("INFO"):
        ask("POST", "/enrol", board.enrolling(office.token(expires=Clock().now() + 1000.0)))
        ask("POST", "/enrol", b"{}")
    told = [record.getMessage() for record in caplog.records if "source" in record.getMessage()]
    assert len(told) == 2
    assert not [line for line in told if "127.0.0.1" in line]
    assert alias(b"x", "192.0.2.1") == alias(b"x", "::ffff:192.0.2.1") != alias(b"y", "192.0.2.1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/enrol"), ("POST", "/enrol/"), ("POST", "/other"), ("PUT", "/renew"), ("HEAD", "/")],
)
def test_everything_else_is_an_empty_404(ask: Ask, method: str, path: str) -> None:
    """No page, no name, no allowed methods: nothing to tell it by."""
    status, headers, body = ask(method, path)
    assert (status, body) == (404, b"")
    assert not {"server", "x-powered-by", "allow", "date"} & set(headers)


def test_answers_name_nothing(ask: Ask) -> None:
    """A refusal has no product's name in it either."""
    status, headers, body = ask("POST", "/enrol", b"{}")
    assert status == 400
    assert "server" not in headers
    assert b"balise" not in body
    assert headers["cache-control"] == "no-store"


def test_a_large_request_is_not_read(ask: Ask) -> None:
    """16 KiB and no more, whether the length is told or not."""
    assert ask("POST", "/enrol", b"x" * 20_000)[0] == 400


def test_older_tls_is_refused(listener: EnrolmentListener, config: Config) -> None:
    """Before 1.3 the certificates cross in clear."""
    context = ssl.create_default_context(cafile=str(config.authority_dir / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.socket() as plain:
        plain.settimeout(10)
        plain.connect(("127.0.0.1", listener.port))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_the_chain_ends_in_the_authority(listener: EnrolmentListener, config: Config) -> None:
    """A board that knows only the fingerprint finds the authority itself in the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.socket() as plain:
        plain.settimeout(10)
        plain.connect(("127.0.0.1", listener.port))
        with context.wrap_socket(plain) as wrapped:
            sent: Any = wrapped
            chain = [one.public_bytes() for one in sent._sslobj.get_unverified_chain()]
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        assert chain[-1] == authority.certificate_pem
    assert len(chain) == 2


@pytest.mark.usefixtures("narrow")
def test_garbage_and_floods_leave_it_standing(listener: EnrolmentListener, ask: Ask) -> None:
    """Raw bytes are no TLS; unfinished handshakes are bounded per source, and the oldest give way to newcomers."""
    held: list[socket.socket] = []
    for _ in range(20):
        one = socket.socket()
        one.settimeout(10)
        one.connect(("127.0.0.1", listener.port))
        held.append(one)
    closed = 0
    for one in held[:15]:
        with suppress(ConnectionError):
            closed += one.recv(1) == b""
    assert closed == 15
    for one in held[15:]:
        with suppress(ConnectionError):
            one.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)))
            while one.recv(4096):
                pass
    for one in held:
        one.close()
    assert ask("GET", "/")[0] == 404


@pytest.mark.usefixtures("narrow")
def test_idle_sources_do_not_hold_the_door(listener: EnrolmentListener, ask: Ask, office: Office, board: Board) -> None:
    """Six sources with all the connections they may have, and a board is still enrolled at its first try."""
    with ExitStack() as held:
        for number in range(6):
            for _ in range(5):
                idle = held.enter_context(socket.socket())
                idle.bind((f"127.0.{number}.2", 0))
                idle.connect(("127.0.0.1", listener.port))
        assert ask("POST", "/enrol", board.enrolling(office.token(expires=Clock().now() + 1000.0)))[0] == 200
        assert len(listener.listening) <= 12


@pytest.mark.usefixtures("strict")
def test_a_hammer_is_told_to_wait(ask: Ask) -> None:
    """A question beyond the burst is answered with 429 and when to come back."""
    answers = [ask("POST", "/enrol", b"{}") for _ in range(5)]
    assert answers[0][0] == 400
    assert answers[-1][0] == 429
    assert answers[-1][1]["retry-after"] == "60"
    assert b"too_many" in answers[-1][2]


@pytest.mark.slow
@pytest.mark.usefixtures("overrun")
def test_strangers_without_number_keep_no_board_out(ask: Ask, office: Office, board: Board, new_board: Any) -> None:
    """Many sources together use up what strangers have; who shows a token or a key of ours is answered all the same."""
    status, headers, body = ask("POST", "/enrol", board.enrolling("7K3QF-0V9DM-XW2HC-T5JRA-8ENP4"))
    assert (status, headers["retry-after"]) == (429, "60")
    assert b"too_many" in body
    assert ask("POST", "/enrol", b"{}")[0] == 429
    assert ask("POST", "/renew", board.renewing())[0] == 429
    assert ask("POST", "/enrol", board.enrolling(office.token(expires=Clock().now() + 1000.0)))[0] == 200
    assert ask("POST", "/renew", board.renewing())[0] == 200
    assert ask("POST", "/renew", new_board().renewing())[0] == 429


def test_the_doors_certificate_follows_the_settings(config: Config, listener: EnrolmentListener) -> None:
    """Kept while it is good; made anew under other names; a damaged file mends itself."""
    door = config.authority_dir / CERTIFICATE_FILE
    assert config.enrolment is not None
    first = door.read_bytes()
    assert door.stat().st_mode & 0o777 == 0o600
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        listener.fit(authority)
        assert door.read_bytes() == first
        door.write_bytes(b"nonsense")
        listener.fit(authority)
        second = door.read_bytes()
        assert second not in {first, b"nonsense"}
        moved = msgspec.structs.replace(config.enrolment, names=("other.example",), port=0)
        other = EnrolmentListener(config, moved, Clock(), partial(SqliteRegistry, config.fleet_file))
        other.fit(authority)
        other.stop()
    shown = x509.load_pem_x509_certificates(door.read_bytes())[0]
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert door.read_bytes() != second
    assert names.get_values_for_type(x509.DNSName) == ["other.example"]
