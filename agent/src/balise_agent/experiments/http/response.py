"""What a response of ``http`` says of itself, as far as it may be told: length, digest, title, headers, goodput.

Must not live here: reading from a connection (plan.py), fingerprints of block pages (the collector's).
"""

import hashlib
import re
from typing import Final

import msgspec

from balise_agent.codec.http_response import Body, Head, Malformed, read_body, read_head, text_of, title_of
from balise_agent.experiments.http.outcome import ALLOWED_HEADERS, ROBOT_HEADERS, redirect_host
from balise_agent.experiments.scramble import registered_name
from balise_agent.policy.limits import refuse_name
from balise_agent.policy.redaction import anonymous, names_somebody, without_controls
from balise_agent.policy.scrub import without_digests
from balise_wire.evidence import Packet
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure

LEAST_FOR_GOODPUT: Final = 4_096
_MOST_PATIENCE: Final = 31_536_000
_TOTAL: Final = re.compile(r"bytes [0-9]+-[0-9]+/([0-9]{1,15})")
_TESTS_WITH: Final = frozenset({202, 403, 405, 429, 503})
_ROBOT_TITLES: Final = (
    "just a moment",
    "attention required! | cloudflare",
    "access to this page has been denied",
    "robot check",
    "are you a robot",
    "are you human",
    "verify you are human",
    "human verification",
    "ddos-guard",
    "pardon our interruption",
)
"""Of Cloudflare, HUMAN, Amazon, DDoS-Guard, Imperva: how their tests are titled, in lower case."""
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
    eof: bool = False
    """Whether the stream ended."""
    packets: tuple[Packet, ...] = ()
    flood: int = 0
    arrived: int | None = None
    """As in ``steps.Failed``, and so is ``idle_ms``."""
    idle_ms: float | None = None


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
    whole = whole_length(head, body, eof=read.eof and read.failure is None)
    title = title_of(body.data, head.get("content-type") or "") if _is_plain(head) else ""
    result = msgspec.structs.replace(
        result,
        status=head.status,
        body_bytes=len(body.data),
        **_digests(head, body),
        truncated=body.longer or (whole is not None and whole > len(body.data) and read.failure is None),
        malformed=head.malformed or body.malformed,
        title=title,
        headers=tuple((name, value) for name, value in head.headers if name in ALLOWED_HEADERS),
        goodput_kbps=_goodput(body, read.transfer_ms),
        whole_bytes=whole,
        retry_after=retry_after(head),
        robot_test=is_robot_test(head, title),
    )
    elsewhere = redirect_host(result)
    if not elsewhere:
        return result
    site = registered_name(elsewhere) if refuse_name(elsewhere) is None else ""  # an address is nobody's site
    same = site == registered_name(result.host)
    return msgspec.structs.replace(result, redirect_site=site, same_site=same)


def whole_length(head: Head, body: Body, *, eof: bool) -> int | None:
    """Return the length of the whole body: what its frame or its range says, or what was read to its end.

    Args:
        head: of the response.
        body: as much of it as was read.
        eof: the stream ended in order.
    """
    if head.status == 206:  # RFC 9110 14.4: the part's length is ours, the whole's stands behind the slash
        total = _TOTAL.fullmatch(head.get("content-range") or "")
        return int(total[1]) if total is not None else None
    if body.missing is not None and not body.malformed and head.get("transfer-encoding") is None:
        stated = (head.get("content-length") or "").partition(",")[0].strip()
        return int(stated) if stated.isdecimal() else 0
    return len(body.data) if (body.complete or eof) and not body.longer and not body.malformed else None


def retry_after(head: Head) -> int | None:
    """Return the seconds of Retry-After (RFC 9110 10.2.3); a date, which needs a clock, is 0: patience all the same."""
    value = (head.get("retry-after") or "").strip()
    if not value:
        return None
    return min(int(value), _MOST_PATIENCE) if value.isdecimal() else 0


def is_robot_test(head: Head, title: str) -> bool:
    """Tell whether a response has the marks of a test for robots, which content networks set before anybody's page."""
    if any(head.get(name) for name in ROBOT_HEADERS):
        return True
    return head.status in _TESTS_WITH and any(mark in title.lower() for mark in _ROBOT_TITLES)


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
