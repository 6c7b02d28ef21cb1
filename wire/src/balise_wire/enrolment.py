"""Enrolment: how a board that nobody knows becomes a probe with a certificate, and how it keeps one.

Two requests over HTTPS, each with one JSON answer: ``POST /enrol`` spends a one-time token, ``POST /renew`` shows that
the caller still holds the key it was enrolled with. The certificate request is signed by the probe's own Ed25519 key
(RFC 2986, RFC 8410), which is also the key that seals its batches: so the collector learns it with proof, and a
repeated request gives a stranger nothing but a certificate for a key that is not theirs. Must not live here: TLS,
files, tokens.
"""

import msgspec

from balise_wire.word import Word
from balise_wire.words import Access, ProbeRole, Profile

ENROL_PATH = "/enrol"
RENEW_PATH = "/renew"
MAX_REQUEST_BYTES = 16 * 1024
"""Largest request that the collector reads, and largest answer that a probe reads."""


class EnrolmentRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /enrol``: what the card says, and the certificate request made on the device.

    A stranger speaks here, so what is not known is refused: this message never gets another field. What a board of
    tomorrow has to say goes to another path. Its words may grow like any other.
    """

    token: str
    """The one-time token from the operator's file."""
    request: str
    """PKCS #10 certificate request in PEM, signed by the device's Ed25519 key; its subject is empty."""
    country: str = ""
    """ISO 3166-1 alpha-2, as the card says; what the token was made for goes first."""
    provider: str = ""
    """The operator's label of the line; the collector keeps it, no page of the public view shows it."""
    access: Access = Access.FIXED
    role: ProbeRole = ProbeRole.PROBE
    profile: Profile = Profile.STANDARD
    consent: str = ""
    """Version of the consent text that the host agreed to; empty is a refusal."""
    board: str = ""
    software: str = ""


class RenewalRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /renew``: a new certificate request by the same key; strict as the other."""

    request: str


class FrontDoor(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One way to the broker; the order of a list is the order of trial."""

    host: str
    port: int = 443
    transport: str = "tcp"
    """``tcp`` or ``websockets``; both over TLS 1.3 with the client certificate."""
    path: str = "/mqtt"


class Enrolment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Answer 200 to both requests: everything a probe needs to speak."""

    probe: str
    """The opaque id; stays the same through renewals, replacements and reinstallations."""
    certificate: str
    """The client certificate in PEM; its common name is the id and nothing else of it tells a story."""
    authority: str
    """The certificate of the fleet's own authority in PEM: the only root that broker and collector are believed by."""
    collector: str
    """The Ed25519 key that seals assignments and receipts, 64 hex digits."""
    brokers: tuple[FrontDoor, ...]
    country: str = ""
    asn: int = 0
    access: Access = Access.FIXED
    region: str = ""
    role: ProbeRole = ProbeRole.PROBE
    profile: Profile = Profile.STANDARD
    at: float = 0.0
    """UNIX seconds on the collector's clock: a time hint that the pinned authority vouches for."""
    sealed_to: str = ""
    """As in the assignment, so that nothing is written down before that is known."""


class Refusal(Word):
    """Why the answer was no; the probe shows its own words for each."""

    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a word for the reason, not a secret
    TOKEN_SPENT = "token_spent"  # noqa: S105 - a word for the reason, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a word for the reason, not a secret
    CONSENT_MISSING = "consent_missing"
    CONSENT_OUTDATED = "consent_outdated"
    """The text changed since: the host must read the new one."""
    REQUEST_MALFORMED = "request_malformed"
    KEY_UNKNOWN = "key_unknown"
    """A renewal by a key that no approved probe has."""
    REVOKED = "revoked"
    TOO_MANY = "too_many"
    """Tried too often; come back later."""
    UNKNOWN = "unknown"
    """A reason that this program does not know: no, all the same."""


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of every answer that is not 200."""

    refused: Refusal
    mend: str = ""
    """One English sentence for the log."""
