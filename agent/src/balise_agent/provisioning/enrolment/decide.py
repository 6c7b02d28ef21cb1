"""What is in the way of an enrolment, whether an answer is to be believed, and when to try next. Pure.

Lives here: those decisions, with time and chance as arguments. Must not live here: files, network, words for people
(problems.py).
"""

import ipaddress
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from balise_agent.system.config import Broker, BrokerTransport, Collector, Config
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.card import CONSENT_VERSION
from balise_wire.enrolment import ENROL_PATH, RENEW_PATH, Enrolment, FrontDoor
from balise_wire.seal import public_bytes
from balise_wire.topics import is_probe_id
from balise_wire.words import Access, ProbeRole, Profile

_HEX_KEY: Final = 64
_AGAIN: Final = (5.0, 600.0)
"""Clock seconds of the first and of the longest back-off where nobody answered."""
_AGAIN_REFUSED: Final = (300.0, 3600.0)
"""Where somebody said no: only a person changes that, and each attempt shows the line that we are here."""
_REFUSALS: Final = frozenset(
    {
        ProblemId.TOKEN_UNKNOWN,
        ProblemId.TOKEN_SPENT,
        ProblemId.TOKEN_EXPIRED,
        ProblemId.CONSENT_MISSING,
        ProblemId.CONSENT_OUTDATED,
        ProblemId.REQUEST_REFUSED,
        ProblemId.KEY_UNKNOWN,
        ProblemId.REVOKED,
        ProblemId.TOO_MANY,
        ProblemId.AUTHORITY_WRONG,
        ProblemId.REFUSED_NEWER,
    }
)
TOKEN_USELESS: Final = frozenset({ProblemId.TOKEN_UNKNOWN, ProblemId.TOKEN_SPENT, ProblemId.TOKEN_EXPIRED})
"""What says that this token brings nothing, now or ever."""


def consent_trouble(config: Config) -> Trouble | None:
    """Say what is missing of the host's consent; a laboratory has no host, and so no text that could change."""
    consent = config.consent
    if not consent.accepted:
        return Trouble(id=ProblemId.CONSENT_MISSING)
    if consent.version != CONSENT_VERSION and not config.network.laboratory:
        told = f"agreed to {consent.version or 'no version'}, the text is {CONSENT_VERSION}"
        return Trouble(id=ProblemId.CONSENT_OUTDATED, detail=told)
    return None


def obstacle(config: Config, *, token: str, paused: bool, damaged: bool) -> Trouble | None:
    """Say why a board that is not enrolled sends nothing; ``None`` where it may ask.

    Args:
        config: the settings.
        token: the one-time token, wherever it stood; empty where there is none.
        paused: the host paused the board.
        damaged: it was enrolled once, and what was kept of it cannot be read.
    """
    if not config.enrolment.urls and not config.consent.accepted and not token:
        return Trouble(id=ProblemId.SETTINGS_MISSING)
    consent = consent_trouble(config)
    if consent is not None:
        return consent
    if paused:
        return Trouble(id=ProblemId.PAUSED)
    if not config.enrolment.urls:
        return Trouble(id=ProblemId.SETTINGS_MISSING, detail="[enrolment] urls is empty")
    if not token and not damaged:
        return Trouble(id=ProblemId.TOKEN_MISSING)
    return None


def path(*, token: str, known: bool, last: Trouble | None) -> str:
    """Return which question to ask: a token is spent once, the key shows who we are ever after.

    Args:
        token: one that was not used yet; empty where there is none.
        known: the collector enrolled this key before.
        last: what came of the last attempt.
    """
    if not known:
        return ENROL_PATH
    if not token or (last is not None and last.id in TOKEN_USELESS):
        return RENEW_PATH
    return ENROL_PATH


def pause(trouble: Trouble, failures: int, fronts: int, share: float) -> float:
    """Return the clock seconds until the next attempt: the next front at once, a whole round with full jitter.

    Args:
        trouble: what came of the last attempt.
        failures: attempts in a row that failed, this one included.
        fronts: how many places there are to ask at.
        share: a random number in [0, 1); a fleet that comes back after an outage must not come at once.
    """
    if trouble.id not in _REFUSALS and failures % max(1, fronts):
        return share
    first, most = _AGAIN_REFUSED if trouble.id in _REFUSALS else _AGAIN
    rounds = (failures - 1) // max(1, fronts)
    return max(1.0, share * min(most, first * 2.0 ** min(rounds, 10)))


@dataclass(frozen=True)
class Life:
    """When a certificate is good, in UNIX seconds of the machine's real time."""

    begins: float
    ends: float

    @property
    def renew_at(self) -> float:
        """When a third of its life remains: 30 days of 90 to get through to somebody who can renew it."""
        return self.ends - (self.ends - self.begins) / 3.0


def life(enrolment: Enrolment) -> Life:
    """Return the dates of a certificate that ``believed`` found good."""
    certificate = x509.load_pem_x509_certificate(enrolment.certificate.encode())
    return Life(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())


def believed(enrolment: Enrolment, *, key: Ed25519PublicKey, fingerprint: str) -> str:
    """Return what is wrong with an enrolment, empty where it can be lived by.

    Args:
        enrolment: as received over the pinned connection, or as kept on disk.
        key: the probe's own.
        fingerprint: SHA-256 of the authority that the settings pin; empty: none is pinned any more.
    """
    if not is_probe_id(enrolment.probe):
        return "no probe id"
    if len(enrolment.collector) != _HEX_KEY or set(enrolment.collector) - set("0123456789abcdef"):
        return "no collector key"
    if not enrolment.brokers:
        return "no broker"
    if not _ways(enrolment):
        return "a broker that is none"
    try:
        certificate = x509.load_pem_x509_certificate(enrolment.certificate.encode())
        authority = x509.load_pem_x509_certificate(enrolment.authority.encode())
        theirs = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "no certificate"
    if not isinstance(theirs, Ed25519PublicKey) or public_bytes(theirs) != public_bytes(key):
        return "a certificate for another key"
    if fingerprint and authority.fingerprint(SHA256()).hex() != fingerprint:
        return "another authority"
    return ""


def _ways(enrolment: Enrolment) -> tuple[FrontDoor, ...]:
    """Return the ways to the broker that this program can go: one by a transport of tomorrow costs itself."""
    return tuple(door for door in enrolment.brokers if door.host and door.transport in set(BrokerTransport))


class Pems(msgspec.Struct, frozen=True):
    """Where OpenSSL finds what it needs, as paths."""

    authority: str
    certificate: str
    key: str


def enrolled(config: Config, enrolment: Enrolment, pems: Pems) -> Config:
    """Return the settings with what the collector said in them.

    Literal addresses come last: a front with a name can be moved, an address that is blocked stays blocked.

    Args:
        config: as read; what the host agreed to, the limits and the line's interface stay as they are.
        enrolment: already found good by ``believed``.
        pems: the files that the brokers' TLS needs.
    """
    probe = msgspec.structs.replace(
        config.probe,
        id=enrolment.probe,
        country=enrolment.country or config.probe.country,
        asn=enrolment.asn,
        access=config.probe.access if enrolment.access is Access.UNKNOWN else enrolment.access,
        region=enrolment.region,
        role=config.probe.role if enrolment.role is ProbeRole.UNKNOWN else enrolment.role,
        # A profile of a newer collector: the least of what we know keeps within whatever it means.
        profile=Profile.METERED if enrolment.profile is Profile.UNKNOWN else enrolment.profile,
    )
    doors = sorted(_ways(enrolment), key=lambda door: _is_literal(door.host))
    brokers = tuple(
        Broker(
            host=door.host,
            port=door.port,
            transport=BrokerTransport(door.transport),
            path=door.path,
            tls=True,
            ca_file=pems.authority,
            cert_file=pems.certificate,
            key_file=pems.key,
        )
        for door in doors
    )
    return msgspec.structs.replace(config, probe=probe, collector=Collector(key=enrolment.collector), broker=brokers)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
