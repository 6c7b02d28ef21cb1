"""The enrolled probe at a real broker: its certificate opens the door, nobody else's does, and a refusal is told."""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from balise_agent.delivery.backoff import is_refusal
from balise_agent.delivery.dial import open_stream, task
from balise_agent.delivery.lookup import lookup_through
from balise_agent.delivery.parts import Delivery
from balise_agent.delivery.publisher import Publisher
from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.provisioning.enrolment.request import certificate_request
from balise_agent.system.clock import Clock
from balise_agent.system.config import Broker, Config
from balise_agent.system.identity import Identity, ephemeral
from balise_agent.system.problems import ProblemId
from balise_wire.enrolment import Enrolment, FrontDoor
from balise_wire.profiles import CONNECTION
from balise_wire.seal import Sealer
from balise_wire.status import Meta
from tests.agent.conftest import DayBudget
from tests.agent.provisioning.enrolment.conftest import Authority, FrontDoors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from balise_agent.delivery.spool.spool import Spool
    from balise_agent.system.reactor import Reactor


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker13:
    """A mosquitto that wants a certificate of the fleet's authority, over TLS 1.3, plain and as WebSockets."""

    def __init__(
        self, program: Path, folder: Path, authority: Authority, days: tuple[float, float], *revoked: str
    ) -> None:
        self.ports = (free_port(), free_port())
        pem = authority.server(days=days)
        (folder / "ca.pem").write_text(authority.pem)
        self.crl = folder / "crl.pem"
        self.revoke(authority, *revoked)
        files = f"cafile {folder}/ca.pem\ncertfile {pem}\nkeyfile {pem}\ncrlfile {self.crl}\n"
        common = f"{files}require_certificate true\ntls_version tlsv1.3\nuse_identity_as_username true\n"
        config = folder / "broker.conf"
        config.write_text(
            f"user root\nlistener {self.ports[0]} 127.0.0.1\n{common}"
            f"listener {self.ports[1]} 127.0.0.1\nprotocol websockets\n{common}persistence false\n"
            "allow_anonymous false\n"
        )
        self.log = (folder / "broker.log").open("wb")
        self.process = subprocess.Popen([str(program), "-c", str(config)], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 10.0
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports[1])) == 0:
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail((folder / "broker.log").read_text())

    def revoke(self, authority: Authority, *certificates: str) -> None:
        """Write the list of what is revoked."""
        now = authority.certificate.not_valid_before_utc
        builder = x509.CertificateRevocationListBuilder().issuer_name(authority.name).last_update(now)
        builder = builder.next_update(authority.certificate.not_valid_after_utc)
        for pem in certificates:
            serial = x509.load_pem_x509_certificate(pem.encode()).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            )
        self.crl.write_bytes(builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(10)
        self.log.close()


@pytest.fixture
def broker13(tools_bin: Path, tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Broker13]]:
    """Return a function that starts a broker."""
    if not (tools_bin / "mosquitto").exists():
        pytest.skip("mosquitto not in .tools/bin; run make setup")
    started: list[Broker13] = []

    def start(days: tuple[float, float] = (-1, 30), *revoked: str) -> Broker13:
        started.append(Broker13(tools_bin / "mosquitto", tmp_path, authority, days, *revoked))
        return started[-1]

    yield start
    for one in started:
        one.close()


class Enrolled:
    """An enrolled probe with its publisher."""

    def __init__(self, folder: Path, identity: Identity, reactor: Reactor, spool: Spool, doors: FrontDoors) -> None:
        self.identity = identity
        self.reactor = reactor
        self.spool = spool
        self.files = Files(folder)
        self.doors = doors
        self.synced = True
        self.publishers: list[Publisher] = []

    def enrol(self, *brokers: FrontDoor, request: str = "") -> Any:
        """Enrol, with a certificate for this request (default: the probe's own)."""
        self.doors.brokers = brokers
        enrolment = self.doors.enrolment(request or certificate_request(self.identity.key))
        self.files.keep(enrolment, self.identity, "t")
        return enrolment

    def publisher(self, enrolment: Enrolment, budget: DayBudget) -> Publisher:
        """Start a publisher with the brokers of an enrolment."""
        config = decide.enrolled(Config(), enrolment, self.files.pems)
        made = Publisher(
            Delivery(
                brokers=config.broker,
                probe=config.probe.id,
                meta=Meta(public_key=self.identity.public_hex, software="test"),
                sealer=Sealer(self.identity.key),
                collector=ephemeral().key.public_key(),
                spool=self.spool,
                clock=Clock(synced=lambda: self.synced),
                reactor=self.reactor,
                lookup=lookup_through(lambda: ()),
                budget=budget,
                rng=random.Random(1),
            )
        )
        self.publishers.append(made)
        made.start()
        return made

    def until(self, done: Callable[[], bool]) -> None:
        """Turn the loop."""
        assert self.reactor.run_until(done, 15.0)


@pytest.fixture
def enrolled(
    tmp_path: Path, identity: Identity, reactor: Reactor, spool: Spool, doors: FrontDoors
) -> Iterator[Enrolled]:
    """Return a probe."""
    made = Enrolled(tmp_path, identity, reactor, spool, doors)
    yield made
    for publisher in made.publishers:
        publisher.close()


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["tcp", "websockets"])
def test_the_certificate_opens_the_door(
    enrolled: Enrolled, broker13: Callable[..., Broker13], budget: DayBudget, transport: str
) -> None:
    """Over TLS 1.3, with the key that also seals; plain and inside WebSockets."""
    port = broker13().ports[transport == "websockets"]
    publisher = enrolled.publisher(enrolled.enrol(FrontDoor(host="127.0.0.1", port=port, transport=transport)), budget)
    enrolled.until(lambda: publisher.connected)
    assert publisher.trouble is None
    # What the collector reckons with holds for both ways, and leaves room for the assignment that follows.
    assert 3_000 < sum(publisher.crossed()) < CONNECTION - 2_000


@pytest.mark.slow
def test_the_first_front_that_answers_is_used_and_remembered(
    enrolled: Enrolled, broker13: Callable[..., Broker13], budget: DayBudget
) -> None:
    """A dead one costs a moment; the next start begins with the one that worked."""
    good = FrontDoor(host="127.0.0.1", port=broker13().ports[0])
    enrolment = enrolled.enrol(FrontDoor(host="127.0.0.1", port=1), good)
    publisher = enrolled.publisher(enrolment, budget)
    enrolled.until(lambda: publisher.connected)
    publisher.close()
    again = enrolled.publisher(enrolment, budget)
    assert again.broker == f"127.0.0.1:{good.port}"


def test_a_revoked_certificate_is_told_and_tried_slowly(
    enrolled: Enrolled, broker13: Callable[..., Broker13], budget: DayBudget
) -> None:
    """The status has a word for it, the line sees one attempt in minutes, and a new certificate is tried at once."""
    enrolment = enrolled.enrol(FrontDoor(host="127.0.0.1"))
    broker = broker13((-1, 30), enrolment.certificate)
    enrolment = msgspec.structs.replace(enrolment, brokers=(FrontDoor(host="127.0.0.1", port=broker.ports[0]),))
    publisher = enrolled.publisher(enrolment, budget)
    enrolled.until(lambda: publisher.trouble is not None)
    assert publisher.trouble is not None
    assert publisher.trouble.id is ProblemId.BROKER_REFUSES
    assert publisher.connector.next_at - time.monotonic() > 100.0
    enrolled.enrol(FrontDoor(host="127.0.0.1", port=broker.ports[0]))
    publisher.retry()
    enrolled.until(lambda: publisher.connected)
    assert publisher.trouble is None


def test_a_stranger_authority_is_not_believed(
    enrolled: Enrolled, stranger: Authority, budget: DayBudget, tools_bin: Path, tmp_path: Path
) -> None:
    """Whoever answers in the broker's place without the pinned root hears nothing, and is no refusal."""
    folder = tmp_path / "other"
    folder.mkdir()
    if not (tools_bin / "mosquitto").exists():
        pytest.skip("mosquitto not in .tools/bin; run make setup")
    impostor = Broker13(tools_bin / "mosquitto", folder, stranger, (-1, 30))
    try:
        publisher = enrolled.publisher(enrolled.enrol(FrontDoor(host="127.0.0.1", port=impostor.ports[0])), budget)
        enrolled.until(lambda: publisher.trouble is not None)
        assert publisher.trouble is not None
        assert publisher.trouble.id is ProblemId.BROKER_UNREACHABLE
        assert "verify failed" in publisher.trouble.detail
    finally:
        impostor.close()


def test_an_expired_broker_is_met_by_a_board_without_a_clock(
    enrolled: Enrolled, broker13: Callable[..., Broker13], budget: DayBudget
) -> None:
    """Dates count only where somebody vouches for the machine's clock."""
    enrolment = enrolled.enrol(FrontDoor(host="127.0.0.1", port=broker13((-60, -30)).ports[0]))
    publisher = enrolled.publisher(enrolment, budget)
    enrolled.until(lambda: publisher.trouble is not None)
    publisher.close()
    enrolled.synced = False
    again = enrolled.publisher(enrolment, budget)
    enrolled.until(lambda: again.connected)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_protocol_is_named_and_nothing_below_1_3_spoken(
    authority: Authority,
    identity: Identity,
    reactor: Reactor,
    tmp_path: Path,
    doors: FrontDoors,
    version: ssl.TLSVersion,
) -> None:
    """ALPN ``mqtt`` would tell the line what we are; before TLS 1.3 the certificate crosses in clear (RFC 8705 8).

    The hello offers TLS 1.2 as others do; a server that takes it up sees no certificate of ours.
    """
    files = Files(tmp_path)
    files.keep(doors.enrolment(certificate_request(identity.key)), identity, "")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server())
    context.maximum_version = version
    context.set_alpn_protocols(["mqtt", "http/1.1"])
    server = socket.create_server(("127.0.0.1", 0))
    broker = Broker(
        host="127.0.0.1",
        port=server.getsockname()[1],
        tls=True,
        ca_file=files.pems.authority,
        cert_file=files.pems.certificate,
        key_file=files.pems.key,
    )
    opened: list[Any] = []
    failed: list[str] = []
    seen: list[Any] = []
    steps: list[Any] = []

    def serve(_events: int) -> None:
        if not steps:
            client, _ = server.accept()
            client.setblocking(False)
            steps.append(context.wrap_socket(client, server_side=True, do_handshake_on_connect=False))
            reactor.unwatch(server)
            reactor.watch(steps[0], serve)
        try:
            steps[0].do_handshake()
            seen.append(steps[0].selected_alpn_protocol())
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError as error:
            seen.append(error)
        reactor.unwatch(steps[0])

    reactor.watch(server, serve)
    opening = open_stream(broker, lookup_through(lambda: ()), check_time=True)
    dial = task(opening, reactor=reactor, done=opened.append, failed=failed.append)
    dial.start()
    assert reactor.run_until(lambda: bool(opened or failed) and bool(seen), 10.0)
    if version is ssl.TLSVersion.TLSv1_3:
        assert opened[0].version() == "TLSv1.3"
        assert seen == ["http/1.1"]
    else:
        assert "older than 1.3" in failed[0]
        assert isinstance(seen[0], OSError), "the server had a whole handshake, and our certificate in clear"
    for sock in (*opened, *steps, server):
        sock.close()


@pytest.mark.parametrize(
    ("why", "refused"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)", True),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] sslv3 alert certificate revoked (_ssl.c:2580)", True),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)", True),
        ("the broker refuses this probe: Not authorized", True),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer", False),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error", False),
        ("connect: Connection refused", False),
        ("connection ended: Unspecified error", False),
    ],
)
def test_what_counts_as_a_refusal(why: str, refused: bool) -> None:
    """Our certificate was looked at and not taken; an impostor's or a dead line is something else."""
    assert is_refusal(why) is refused


def test_changes_of_an_enrolment_do_not_touch_what_the_host_said(doors: FrontDoors, identity: Identity) -> None:
    """Consent and limits stay the settings'."""
    enrolment = msgspec.structs.replace(doors.enrolment(certificate_request(identity.key)), asn=1)
    before = Config()
    after = decide.enrolled(before, enrolment, decide.Pems("a", "b", "c"))
    assert (after.consent, after.limits, after.network) == (before.consent, before.limits, before.network)
