"""The bytes of an enrolment: certificate request, HTTP request, and what came back.

Lives here: pure functions from settings and key to bytes, and from bytes to an answer or a trouble. Must not live here:
sockets, TLS, files, time.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_agent.codec.http_response import Malformed, read_body, read_head
from balise_agent.policy.redaction import redacted
from balise_agent.system.config import Config
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.enrolment import MAX_REQUEST_BYTES, Enrolment, EnrolmentRequest, Refusal, Refused, RenewalRequest

DEFAULT_PORT: Final = 443
_OK: Final = 200

REFUSALS: Final[dict[Refusal, ProblemId]] = {
    Refusal.TOKEN_UNKNOWN: ProblemId.TOKEN_UNKNOWN,
    Refusal.TOKEN_SPENT: ProblemId.TOKEN_SPENT,
    Refusal.TOKEN_EXPIRED: ProblemId.TOKEN_EXPIRED,
    Refusal.CONSENT_MISSING: ProblemId.CONSENT_MISSING,
    Refusal.CONSENT_OUTDATED: ProblemId.CONSENT_OUTDATED,
    Refusal.REQUEST_MALFORMED: ProblemId.REQUEST_REFUSED,
    Refusal.KEY_UNKNOWN: ProblemId.KEY_UNKNOWN,
    Refusal.REVOKED: ProblemId.REVOKED,
    Refusal.TOO_MANY: ProblemId.TOO_MANY,
    Refusal.UNKNOWN: ProblemId.REFUSED_NEWER,
}
"""Our own words for each refusal: what a stranger's server writes is never shown."""


class EnrolmentEndpoint(msgspec.Struct, frozen=True):
    """One place to enrol at."""

    host: str
    port: int


def front(url: str) -> EnrolmentEndpoint:
    """Return host and port of a URL that the settings already found good."""
    parts = urlsplit(url)
    return EnrolmentEndpoint(parts.hostname or "", parts.port or DEFAULT_PORT)


def certificate_request(key: Ed25519PrivateKey) -> str:
    """Return a PKCS #10 request in PEM (RFC 2986, RFC 8410) with an empty subject: the collector alone gives names."""
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
    return made.public_bytes(Encoding.PEM).decode("ascii")


def enrolment_body(config: Config, token: str, request: str, *, board: str, software: str) -> bytes:
    """Return the JSON of ``POST /enrol``."""
    probe = config.probe
    return msgspec.json.encode(
        EnrolmentRequest(
            token=token,
            request=request,
            country=probe.country,
            provider=probe.provider,
            access=probe.access,
            role=probe.role,
            profile=probe.profile,
            consent=config.consent.version,
            board=board,
            software=software,
        )
    )


def renewal_body(request: str) -> bytes:
    """Return the JSON of ``POST /renew``."""
    return msgspec.json.encode(RenewalRequest(request=request))


def http_request(place: EnrolmentEndpoint, path: str, body: bytes) -> bytes:
    """Return the request, as any program would send it: no name of ours in it."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    named = host if place.port == DEFAULT_PORT else f"{host}:{place.port}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {named}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def read_response(data: bytes, *, ended: bool) -> Enrolment | Trouble | None:
    """Read what came so far; ``None`` while more is wanted. An answer is never larger than MAX_REQUEST_BYTES.

    Args:
        data: everything received on the stream.
        ended: whether the server closed it.
    """
    try:
        head = read_head(data)
        body = None if head is None else read_body(head, data, MAX_REQUEST_BYTES)
    except Malformed as error:
        return Trouble(id=ProblemId.ANSWER_MALFORMED, detail=redacted(f"{error}", 200))
    if head is None or body is None:
        return Trouble(id=ProblemId.ANSWER_MALFORMED, detail="closed without an answer") if ended else None
    if body.longer or len(body.data) >= MAX_REQUEST_BYTES:
        return Trouble(id=ProblemId.ANSWER_MALFORMED, detail=f"more than {MAX_REQUEST_BYTES} bytes")
    if not (body.complete or ended):
        return None
    return read_answer(head.status, body.data)


def read_answer(status: int, body: bytes) -> Enrolment | Trouble:
    """Return the enrolment, or why there is none."""
    try:
        if status == _OK:
            return msgspec.json.decode(body, type=Enrolment)
        refused = msgspec.json.decode(body, type=Refused)
    except msgspec.DecodeError as error:
        return Trouble(id=ProblemId.ANSWER_MALFORMED, detail=f"status {status}: {redacted(f'{error}', 120)}")
    return Trouble(id=REFUSALS[refused.refused], detail=f"status {status}")
