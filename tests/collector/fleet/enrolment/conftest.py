"""What the enrolment tests share: boards that make requests, tokens in a registry, and the service."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.fleet.enrolment.service import Answer, EnrolmentService
from balise_collector.fleet.members import Member
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.token import Token, hash_of
from balise_wire import card_token
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import Enrolment, EnrolmentRequest, FrontDoor, Refusal, Refused, RenewalRequest
from balise_wire.measurement import Network

NOW = 1_800_000_000.0
DAY = 86_400.0


@dataclass
class Board:
    """A board at its first start."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_hex(self) -> str:
        """The public key as 64 hex digits."""
        return self.key.public_key().public_bytes_raw().hex()

    @property
    def csr(self) -> str:
        """A certificate request by the key."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(self.key, None).public_bytes(Encoding.PEM).decode()

    def request(self, token: str, **changes: Any) -> EnrolmentRequest:
        """What it asks for."""
        usual: dict[str, Any] = {"token": token, "request": self.csr, "country": "PK", "consent": CONSENT_VERSION}
        return EnrolmentRequest(**{**usual, **changes})

    def enrolling(self, token: str, **changes: Any) -> bytes:
        """The body of its ``POST /enrol``."""
        return msgspec.json.encode(self.request(token, **changes))

    def renewing(self) -> bytes:
        """The body of its ``POST /renew``."""
        return msgspec.json.encode(RenewalRequest(request=self.csr))


@dataclass
class Office:
    """Where boards come to be enrolled: a state folder, the service, and a time that the test moves."""

    folder: Path
    time: list[float] = field(default_factory=lambda: [NOW])

    @property
    def service(self) -> EnrolmentService:
        """The service of the folder."""
        return EnrolmentService(
            open_registry=self.registry,
            authority_dir=self.folder / "authority",
            collector_key="cd" * 32,
            brokers=(FrontDoor(host="front.example"), FrontDoor(host="192.0.2.1", transport="websockets")),
            consents=(CONSENT_VERSION,),
            now=lambda: self.time[0],
        )

    def token(self, probe: str = "k7m2q9xd", **changes: Any) -> str:
        """Make a token for an id, and keep it as the command line does."""
        text = card_token.make(secrets.token_bytes(card_token.ENTROPY_BYTES))
        usual: dict[str, Any] = {
            "hash": hash_of(text),
            "probe": probe,
            "network": Network(country="PK", asn=64501),
            "batch": "b1",
            "made_at": self.time[0],
            "expires": self.time[0] + 30 * DAY,
        }
        with closing(self.registry()) as registry, registry.transaction() as held:
            held.add_token(Token(**{**usual, **changes}))
        return text

    def registry(self, *, reading: bool = False) -> FleetRegistry:
        """Open the registry."""
        return SqliteRegistry(self.folder / "fleet.sqlite", reading=reading)

    def members(self) -> dict[str, Member]:
        """Who is in the registry."""
        with closing(self.registry()) as registry:
            return registry.fleet().members


@pytest.fixture
def board() -> Board:
    """Return a board that nobody knows."""
    return Board()


@pytest.fixture
def new_board() -> Callable[[], Board]:
    """Return a maker of boards."""
    return Board


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Return an office in a folder of its own."""
    return Office(tmp_path)


@pytest.fixture
def enrolment_of() -> Callable[[Answer], Enrolment]:
    """Return what reads the enrolment in an answer that must be one."""

    def read(answer: Answer) -> Enrolment:
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body, type=Enrolment)

    return read


@pytest.fixture
def refusal_of() -> Callable[[Answer], Refusal]:
    """Return what reads the refusal in an answer that must be one."""

    def read(answer: Answer) -> Refusal:
        assert answer.status != 200
        return msgspec.json.decode(answer.body, type=Refused).refused

    return read
