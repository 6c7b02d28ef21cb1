"""What a response of ``http`` says of itself, as far as it may be told: length, digest, title, headers, goodput.

Must not live here: reading from a connection (plan.py), fingerprints of block pages (the collector's).
"""

import hashlib
from typing import Final

import msgspec

from balise_agent.codec.http_response import Body, Head, Malformed, read_body, read_head, text_of, title_of
from balise_agent.experiments.http.outcome import ALLOWED_HEADERS
from balise_agent.policy.redaction import anonymous, names_somebody, without_controls
from balise_agent.policy.scrub import without_digests
from balise_wire.evidence import Packet
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure

LEAST_FOR_GOODPUT: Final = 4_096
_BINARY_WITHIN: Final = 1_024
"""Bytes among which a NUL says that a body is no text."""


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading one response."""

    data: bytes = b""
    failure: Failure | None = None
    elapsed_ms: float = 0.0
    transfer_ms: float = 0.0
    """From the first to the last byte."""
    open: bool = True
    """Whether the connection is still ours to close."""
    packets: tuple[Packet, ...] = ()
    flood: int = 0


def described(result: HttpObservation, read: Read, most: int) -> HttpObservation:
    """Return the observation with what the response says of itself: status, length, hash, title, headers, goodput."""
    return _with_packets(_described(result, read, most), read.data)


def _described(result: HttpObservation, read: Read, most: int) -> HttpObservation:
    """Add what is read, without a look at whom it names."""
    try:
        head = read_head(read.data)
        if head is None:
            return result
    except Malformed:
        # No head at all: what stands there may still be a page, which browsers show (HTTP/0.9).
        failure = result.failure or Failure.HTTP_MALFORMED
        return msgspec.structs.replace(result, failure=failure, title=title_of(read.data), malformed=True)
    body = read_body(head, b"" if head.cut else read.data, most)
    return msgspec.structs.replace(
        result,
        status=head.status,
        body_bytes=len(body.data),
        **_digests(head, body),
        truncated=body.longer,
        malformed=head.malformed or body.malformed,
        title=title_of(body.data, head.get("content-type") or "") if _is_plain(head) else "",
        headers=tuple((name, value) for name, value in head.headers if name in ALLOWED_HEADERS),
        goodput_kbps=_goodput(body, read.transfer_ms),
    )


def _digests(head: Head, body: Body) -> dict[str, str]:
    """Return the body's digest, or that of what may be told of it.

    Many block pages print who asked. The digest of a page that is known but for an address is that address: four
    thousand million are tried in minutes. What cannot be looked at (compressed) has none.
    """
    if not body.data or not _is_plain(head):
        return {}
    raw = hashlib.sha256(body.data).hexdigest()
    if b"\0" in body.data[:_BINARY_WITHIN] and not names_somebody(body.data.decode("latin-1")):
        return {"body_sha256": raw}
    page = text_of(body.data, head.get("content-type") or "")
    told = anonymous(page)
    if told == without_controls(page):
        return {"body_sha256": raw}
    return {"body_redacted_sha256": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()}


def _with_packets(result: HttpObservation, data: bytes) -> HttpObservation:
    """Return the observation without the digests of its packets where a response in clear names its reader."""
    if result.tls or not names_somebody(text_of(data)):
        return result
    return msgspec.structs.replace(result, packets=without_digests(result.packets))


def _is_plain(head: Head) -> bool:
    """Tell whether the body is text as it stands: nothing is ever decompressed here."""
    return (head.get("content-encoding") or "identity").lower() == "identity"


def _goodput(body: Body, transfer_ms: float) -> float | None:
    """Return kilobits a second; ``None`` where the body is too short to say."""
    if len(body.data) < LEAST_FOR_GOODPUT or transfer_ms <= 0.0:
        return None
    return len(body.data) * 8 / transfer_ms
