"""The bytes of ``http``: the request, and how far a response is read.

Must not live here: what stands in a response (codec/http_response.py reads it, response.py tells it), or the plan.
"""

from typing import Final

from balise_agent.codec.http_response import MAX_HEAD_BYTES, Malformed, read_body, read_head
from balise_wire.experiments.http import TLS_PORT, HttpParameters
from balise_wire.failures import Failure

ENDED: Final = b"\r\n\r\n"
BARE: Final = b"\n\n"
"""How a head ends where lines end with a bare LF: waiting for the other ending would wait for the time-out."""
MARGIN: Final = 1_024
"""Bytes for the framing of an ordinary chunked body."""
_AGENT: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36"
)


def request(asked: HttpParameters, host: str) -> bytes:
    """Return the GET as bytes: what a browser would ask, without compression, for the first bytes only."""
    port = asked.port
    lines = [
        f"GET {asked.path} HTTP/1.1",
        f"Host: {host}" if port in {80, TLS_PORT} else f"Host: {host}:{port}",
        "Connection: close",
        f"User-Agent: {_AGENT}",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "Accept-Encoding: identity",
        "Accept-Language: en-US,en;q=0.9",
    ]
    if asked.fetch_bytes > 0:
        lines.append(f"Range: bytes=0-{asked.fetch_bytes - 1}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def wanted(data: bytes, most: int) -> tuple[int, bytes]:
    """Return how many bytes to read next and what ends them early; 0 where nothing more is wanted.

    Framing is bounded, too: one byte a chunk brings six for each (RFC 9112 7.1), and whatever is read on purpose counts
    against the day that the host allows.

    Raises:
        Malformed: the bytes so far are no response, or a body that contradicts itself.
    """
    head = read_head(data)
    if head is None:
        return MAX_HEAD_BYTES + 4 - len(data), ENDED
    if head.cut:
        return 0, b""
    body = read_body(head, data, most)
    if body.malformed:
        raise Malformed("contradictory lengths, or broken chunks")
    if body.complete or len(body.data) >= most:
        return 0, b""
    if body.missing is not None:
        return min(body.missing, most - len(body.data)), b""
    # Chunked: framing costs a few bytes more than the body. Without framing: one byte more tells a longer body.
    more = min(most - len(body.data) + MARGIN, _framed_most(most) - (len(data) - head.size))
    return max(0, more), b"0\r\n\r\n" if head.get("transfer-encoding") else b""


def _framed_most(most: int) -> int:
    """Return the bytes behind a head that are read at most for ``most`` bytes of a body."""
    return 2 * most + MARGIN


def is_cut(data: bytes, most: int) -> bool:
    """Tell whether a response is larger than what is read of it: by its head, or by what frames its body."""
    head = read_head(data)
    if head is None or head.cut:
        return head is not None
    if head.get("transfer-encoding") is None or len(data) - head.size < _framed_most(most):
        return False
    body = read_body(head, data, most)
    return not body.complete and len(body.data) < most


def ended(data: bytes, until: bytes) -> bool:
    """Tell whether a read ended because it saw what it was to end with."""
    return bool(until) and (until in data or (until == ENDED and BARE in data))


def end_of_stream(data: bytes, most: int) -> Failure | None:
    """Name the failure of a stream that ended here: none where that ends the body, too."""
    try:
        head = read_head(data)
        if head is None:
            return Failure.EOF if not data else Failure.HTTP_MALFORMED
        if head.cut:
            return Failure.TOO_LARGE
        body = read_body(head, data, most)
    except Malformed:
        return Failure.HTTP_MALFORMED
    if body.malformed:
        return Failure.HTTP_MALFORMED
    framed = head.get("content-length") is not None or head.get("transfer-encoding") is not None
    return Failure.EOF if framed and not body.complete and not body.longer else None
