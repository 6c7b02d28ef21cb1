"""A small authority, and a front door of its own to enrol at, for the agent's enrolment tests.

Both are made in the test: certificates with ``cryptography``, the server with ``ssl`` on loopback in a thread. Must not
live here: anything of the collector; tests/enrolment joins the two programs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from balise_agent.codec.http_response import read_head
from balise_wire.enrolment import (
    ENROL_PATH,
    RENEW_PATH,
    Enrolment,
    EnrolmentRequest,
    FrontDoor,
    Refusal,
    Refused,
    RenewalRequest,
)

COLLECTOR = "ab" * 32
NOW = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are judged by the machine's real time


class Authority:
    """A certificate authority of one test."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(
            self.name, self.key.public_key(), (-1, 3650), x509.BasicConstraints(ca=True, path_length=0)
        )

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        """What the settings pin."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).hexdigest()

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey | Ed25519PublicKey,
        days: tuple[float, float],
        constraint: x509.BasicConstraints,
        *names: x509.GeneralName,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + dt.timedelta(days=days[0]))
            .not_valid_after(NOW + dt.timedelta(days=days[1]))
            .add_extension(constraint, critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, *, address: str = "127.0.0.1", days: tuple[float, float] = (-1, 30)) -> Path:
        """Return a file with key, certificate and authority of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "front")])
        names = (x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("front.example"))
        made = self._signed(name, key.public_key(), days, x509.BasicConstraints(ca=False, path_length=None), *names)
        path = self.folder / f"server-{made.serial_number}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + made.public_bytes(Encoding.PEM) + self.pem.encode())
        return path

    def client(self, request: str, probe: str, days: tuple[float, float] = (-1, 90)) -> str:
        """Sign a probe's request."""
        asked = x509.load_pem_x509_csr(request.encode())
        assert asked.is_signature_valid
        key = asked.public_key()
        assert isinstance(key, Ed25519PublicKey)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, probe)])
        made = self._signed(name, key, days, x509.BasicConstraints(ca=False, path_length=None))
        return made.public_bytes(Encoding.PEM).decode()


class FrontDoors:
    """An enrolment listener that a test scripts: what it answers, and what it was asked."""

    def __init__(self, authority: Authority, *, days: tuple[float, float] = (-1, 30)) -> None:
        self.authority = authority
        self.probe = "k7m2q9xd"
        self.days: tuple[float, float] = (-1, 90)
        self.brokers: tuple[FrontDoor, ...] = (FrontDoor(host="127.0.0.1", port=1883),)
        self.refusals: list[Refusal] = []
        """What is answered first, one each."""
        self.raw: bytes | None = None
        """Sent in the place of an answer."""
        self.asked: list[EnrolmentRequest | RenewalRequest] = []
        self.heads: list[bytes] = []
        self.connections = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(authority.server(days=days))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://127.0.0.1:{self.port}"

    def close(self) -> None:
        """End it."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            client.settimeout(5.0)
            try:
                with self.context.wrap_socket(client, server_side=True) as talk:
                    self._talk(talk)
            except OSError:
                client.close()

    def _talk(self, talk: ssl.SSLSocket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = talk.recv(4096)
            if not more:
                return
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += talk.recv(4096)
        self.heads.append(head)
        talk.sendall(self.raw if self.raw is not None else self._answer(head.split()[1].decode(), body))

    def _answer(self, path: str, body: bytes) -> bytes:
        asked: EnrolmentRequest | RenewalRequest
        if path == ENROL_PATH:
            asked = msgspec.json.decode(body, type=EnrolmentRequest)
        else:
            assert path == RENEW_PATH
            asked = msgspec.json.decode(body, type=RenewalRequest)
        self.asked.append(asked)
        if self.refusals:
            return response(403, msgspec.json.encode(Refused(refused=self.refusals.pop(0), mend="no")))
        return response(200, msgspec.json.encode(self.enrolment(asked.request)))

    def enrolment(self, request: str) -> Enrolment:
        """Return what a board with this request gets."""
        return Enrolment(
            probe=self.probe,
            certificate=self.authority.client(request, self.probe, self.days),
            authority=self.authority.pem,
            collector=COLLECTOR,
            brokers=self.brokers,
            country="PK",
            asn=64501,
            at=NOW.timestamp(),
        )


def response(status: int, body: bytes) -> bytes:
    """Return an HTTP response."""
    made = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
    assert read_head(made) is not None
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return the fleet's authority."""
    return Authority(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """Return somebody else's."""
    return Authority(tmp_path, "stranger")


@pytest.fixture
def open_doors() -> Iterator[Callable[..., FrontDoors]]:
    """Return a function that opens an enrolment listener."""
    opened: list[FrontDoors] = []

    def made(authority: Authority, **settings: tuple[float, float]) -> FrontDoors:
        opened.append(FrontDoors(authority, **settings))
        return opened[-1]

    yield made
    for doors in opened:
        doors.close()


@pytest.fixture
def doors(authority: Authority, open_doors: Callable[..., FrontDoors]) -> FrontDoors:
    """Return an open enrolment listener."""
    return open_doors(authority)
