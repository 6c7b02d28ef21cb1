"""A strict, bounded reader of HTTP/1.1 responses (RFC 9112): head, body framing, title.

Lives here: what the bytes so far say, and how many more are wanted. It never decompresses, never follows, never keeps
more than its caller allows: the sender may be hostile. Must not live here: sockets, requests, or what may leave the
probe (scrub.py).
"""

import html
import re
from typing import Final

import msgspec

from balise_agent.limits import MAX_HEAD_BYTES

MAX_HEADERS: Final = 100
MAX_CHUNK_LINE: Final = 256
_TITLE_WITHIN: Final = 16_384
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TITLE: Final = re.compile(rb"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


class Malformed(ValueError):
    """The bytes are no HTTP/1.1 response, or one beyond the bounds; the message says what was wrong."""


class Head(msgspec.Struct, frozen=True):
    """Status line and headers of the final response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, in order."""
    size: int
    """Bytes before the body, interim responses included."""

    def get(self, name: str) -> str | None:
        """Return the first header of a lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class Body(msgspec.Struct, frozen=True):
    """As much of a body as has arrived."""

    data: bytes
    complete: bool
    """Whether its framing says that this is all of it; a body that ends with the stream never says so."""
    longer: bool = False
    """Whether it is known to exceed the most that was asked for."""
    missing: int | None = None
    """Bytes that the framing still announces; ``None`` where it does not say."""


def read_head(data: bytes) -> Head | None:
    """Read the final response's head; ``None`` while it is incomplete.

    Interim responses (1xx, RFC 9110 15.2) are skipped. A bare LF ends a line too (RFC 9112 2.2): the boxes that forge
    pages are careless.

    Raises:
        Malformed: not a response, or a head of more than ``MAX_HEAD_BYTES``.
    """
    start = 0
    while True:
        end = _BLANK_LINE.search(data, start)
        if end is None:
            _check_beginning(data[start:])
            return None
        if end.end() > MAX_HEAD_BYTES:
            raise Malformed(f"head of {end.end()} bytes; at most {MAX_HEAD_BYTES} are read")
        status, headers = _read_lines(data[start : end.start()])
        if status >= 200 or status == 101:
            return Head(status, headers, end.end())
        start = end.end()


def _check_beginning(data: bytes) -> None:
    """Refuse early what cannot become a response."""
    if not data.startswith(b"HTTP/1."[: len(data)]):
        raise Malformed(f"starts with {data[:16]!r}, not HTTP/1.")
    if len(data) > MAX_HEAD_BYTES:
        raise Malformed(f"head of more than {MAX_HEAD_BYTES} bytes")


def _read_lines(block: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Read one status line and its fields; folded lines are refused (RFC 9112 5.2)."""
    first, *lines = re.split(rb"\r?\n", block)
    line = _STATUS_LINE.fullmatch(first)
    if line is None:
        raise Malformed(f"status line {first[:40]!r}")
    if len(lines) > MAX_HEADERS:
        raise Malformed(f"{len(lines)} header lines; at most {MAX_HEADERS} are read")
    headers: list[tuple[str, str]] = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise Malformed(f"header line {text[:40]!r}")
        headers.append((field[1].decode("ascii").lower(), field[2].decode("latin-1").rstrip(" \t")))
    return int(line[1]), tuple(headers)


def read_body(head: Head, data: bytes, most: int) -> Body:
    """Read the body by its framing (RFC 9112 6.3), at most ``most`` bytes of it.

    Args:
        head: as ``read_head`` returned it.
        data: everything received, head included.
        most: bytes of the body to keep.

    Raises:
        Malformed: contradictory lengths or broken chunks.
    """
    raw = data[head.size :]
    if head.status in {101, 204, 304}:
        return Body(b"", complete=True, missing=0)
    coding = head.get("transfer-encoding")
    if coding is not None:
        if coding.lower().rsplit(",", 1)[-1].strip() == "chunked":
            return _read_chunks(raw, most)
        return Body(raw[:most], complete=False, longer=len(raw) > most)
    lengths = {value.strip() for key, value in head.headers if key == "content-length"}
    if not lengths:
        return Body(raw[:most], complete=False, longer=len(raw) > most)
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise Malformed(f"content-length {sorted(lengths)!r:.60}")
    length = int(lengths.pop())
    kept = raw[: min(length, most)]
    return Body(kept, complete=len(raw) >= length, longer=length > most, missing=max(0, length - len(raw)))


def _read_chunks(raw: bytes, most: int) -> Body:
    """Read a chunked body (RFC 9112 7.1); its trailer fields are skipped."""
    pieces: list[bytes] = []
    kept = position = 0
    while True:
        end = raw.find(b"\n", position, position + MAX_CHUNK_LINE)
        if end < 0:
            if len(raw) - position >= MAX_CHUNK_LINE:
                raise Malformed("chunk size line too long")
            return Body(b"".join(pieces), complete=False)
        size_line = _CHUNK.fullmatch(raw[position:end].rstrip(b"\r"))
        if size_line is None:
            raise Malformed(f"chunk size {raw[position:end][:20]!r}")
        size = int(size_line[1], 16)
        start = end + 1
        if size == 0:
            ended = raw.startswith((b"\r\n", b"\n"), start) or _BLANK_LINE.search(raw, start) is not None
            return Body(b"".join(pieces), complete=ended, missing=0 if ended else None)
        pieces.append(raw[start : start + min(size, most - kept)])
        kept += len(pieces[-1])
        if kept >= most:
            return Body(b"".join(pieces), complete=False, longer=True)
        position = start + size
        if position >= len(raw):
            return Body(b"".join(pieces), complete=False)
        if raw.startswith(b"\r\n", position):
            position += 2
        elif raw.startswith(b"\n", position):
            position += 1
        elif raw[position:] == b"\r":
            return Body(b"".join(pieces), complete=False)
        else:
            raise Malformed("chunk data longer than its size")


def title_of(body: bytes) -> str:
    """Return the text of the first ``<title>``, white space collapsed; empty where there is none."""
    found = _TITLE.search(body[:_TITLE_WITHIN])
    if found is None:
        return ""
    return " ".join(html.unescape(found[1].decode("utf-8", "replace")).split())
