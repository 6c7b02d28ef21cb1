"""A bounded reader of HTTP/1.1 responses (RFC 9112) that takes what browsers take: head, body framing, title.

What a browser shows to people must not read as a dead server here: a folded field, a blank before the colon, a line
that is none, a NUL are forgiven as browsers forgive them, and ``malformed`` says so. Lives here: what the bytes so far
say, and how many more are wanted. It never decompresses, never follows, never keeps more than its caller allows: the
sender may be hostile. Must not live here: sockets, requests, or what may leave the probe (scrub.py).
"""

import codecs
import html
import re
from typing import Final

import msgspec

MAX_HEAD_BYTES: Final = 65_536
"""Largest response head that is read. Servers with long policies and cookies send 17 KB and more; browsers take 256."""
MAX_HEADERS: Final = 500
"""Fields that are kept; what comes behind them is not read."""
MAX_CHUNK_LINE: Final = 256
_MOST_BLANK: Final = 16
"""Bytes of empty lines before a response (RFC 9112 2.2 has servers skip them; browsers do too)."""
_TITLE_WITHIN: Final = 16_384
_MOST_TITLE: Final = 2_000
_MOST_TAG: Final = 200
_META_WITHIN: Final = 1_024
"""Where a page names its own charset (HTML 4.2.5.4)."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_STATUS_LINE_FORGIVEN: Final = re.compile(
    rb"HTTP/[0-9]{1,3}(?:\.[0-9]{1,3})?[ \t]+([1-9][0-9]{2})(?![0-9])[^\n]*", re.IGNORECASE
)
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_CHUNK: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_CHARSET: Final = re.compile(r"charset\s{0,8}=\s{0,8}[\"']?\s{0,8}([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_CODECS: Final = {
    "big5": "big5hkscs",
    "cp1251": "cp1251",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "gb18030": "gb18030",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "latin1": "cp1252",
    "iso-8859-1": "cp1252",
    "us-ascii": "cp1252",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "tis-620": "cp874",
    "utf-16": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    **{f"iso-8859-{part}": f"iso8859_{part}" for part in range(2, 17) if part not in {9, 12}},
    "iso-8859-9": "cp1254",
    **{f"windows-{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
}
"""The labels of the WHATWG Encoding standard that pages of our countries use. A closed list: a label is a stranger's
word, and Python would look for a module of that name."""
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Malformed(ValueError):
    """The bytes are no HTTP response at all, or its body contradicts itself; the message says what was wrong."""


class Head(msgspec.Struct, frozen=True):
    """Status line and headers of the final response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, in order."""
    size: int
    """Bytes before the body, interim responses included."""
    malformed: bool = False
    """It breaks RFC 9112 in a way that browsers forgive."""
    cut: bool = False
    """Larger than ``MAX_HEAD_BYTES``: what is beyond was not read, and there is no body."""

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
    malformed: bool = False
    """Lengths that contradict each other, or broken chunks: browsers give up here, too. ``data`` came before it."""


def read_head(data: bytes) -> Head | None:
    """Read the final response's head; ``None`` while it is incomplete.

    Interim responses (1xx, RFC 9110 15.2) are skipped. A bare LF ends a line too (RFC 9112 2.2): the boxes that forge
    pages are careless. Empty lines before it are skipped.

    Raises:
        Malformed: not a response.
    """
    before = data[:_MOST_BLANK]
    start = len(before) - len(before.lstrip(b"\r\n"))
    blank = start > 0
    while True:
        end = _BLANK_LINE.search(data, start, MAX_HEAD_BYTES)
        if end is None:
            _check_beginning(data[start : start + MAX_HEAD_BYTES])
            if len(data) < MAX_HEAD_BYTES:
                return None
            whole = data[start:MAX_HEAD_BYTES].rpartition(b"\n")[0]
            status, headers, _ = _read_lines(whole)
            return Head(status, headers, len(data), malformed=True, cut=True)
        status, headers, clean = _read_lines(data[start : end.start()])
        if status >= 200 or status == 101:
            return Head(status, headers, end.end(), malformed=blank or not clean)
        start = end.end()


def _check_beginning(data: bytes) -> None:
    """Refuse early what cannot become a response."""
    if data[:5].upper() != b"HTTP/"[: len(data)]:
        raise Malformed(f"starts with {data[:16]!r}, not HTTP/")


def _read_lines(block: bytes) -> tuple[int, tuple[tuple[str, str], ...], bool]:
    """Read one status line and its fields as browsers do; the last value says whether RFC 9112 was kept.

    RFC 9112 5.2: a folded line belongs to the field before it. 5.1: blanks before a colon must be removed. What is no
    field at all is passed over.
    """
    first, *lines = re.split(rb"\r?\n", block)
    line = _STATUS_LINE.fullmatch(first)
    clean = line is not None
    line = line or _STATUS_LINE_FORGIVEN.fullmatch(first)
    if line is None:
        raise Malformed(f"status line {first[:40]!r}")
    fields: list[tuple[bytes, list[bytes]]] = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is not None:
            fields.append((field[1], [field[2]]))
            continue
        clean = False
        if text[:1] in {b" ", b"\t"} and fields:
            fields[-1][1].append(text)
            continue
        name, colon, value = text.partition(b":")
        if colon and _NAME.fullmatch(name.rstrip(b" \t")):
            fields.append((name.rstrip(b" \t"), [value]))
    kept = tuple((name.decode("ascii").lower(), _value(parts)) for name, parts in fields[:MAX_HEADERS])
    return int(line[1]), kept, clean


def _value(parts: list[bytes]) -> str:
    """Return a field's value on one line, without control characters, as text."""
    raw = _CONTROL.sub(b" ", b" ".join(part.strip(b" \t") for part in parts)).strip(b" \t")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_body(head: Head, data: bytes, most: int) -> Body:
    """Read the body by its framing (RFC 9112 6.3), at most ``most`` bytes of it.

    Args:
        head: as ``read_head`` returned it.
        data: everything received, head included.
        most: bytes of the body to keep.
    """
    raw = data[head.size :]
    if head.status in {101, 204, 304}:
        return Body(b"", complete=True, missing=0)
    coding = head.get("transfer-encoding")
    if coding is not None:
        if coding.lower().rsplit(",", 1)[-1].strip() == "chunked":
            return _read_chunks(raw, most)
        return Body(raw[:most], complete=False, longer=len(raw) > most)
    # RFC 9110 8.6: a list of one and the same number is that number. What is no number says nothing.
    values = ",".join(value for key, value in head.headers if key == "content-length").split(",")
    lengths = {int(value) for value in (each.strip() for each in values) if _LENGTH.fullmatch(value)}
    if not lengths:
        return Body(raw[:most], complete=False, longer=len(raw) > most)
    if len(lengths) > 1:
        return Body(raw[:most], complete=False, longer=len(raw) > most, malformed=True)
    length = lengths.pop()
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
                return Body(b"".join(pieces), complete=False, malformed=True)
            return Body(b"".join(pieces), complete=False)
        size_line = _CHUNK.fullmatch(raw[position:end].rstrip(b"\r"))
        if size_line is None:
            return Body(b"".join(pieces), complete=False, malformed=True)
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
            return Body(b"".join(pieces), complete=False, malformed=True)


def title_of(body: bytes, content_type: str = "") -> str:
    """Return the text of the first ``<title>``, white space collapsed; empty where there is none that ends.

    Args:
        body: the page's first bytes.
        content_type: the header, which may name the page's charset.
    """
    text = text_of(body[:_TITLE_WITHIN], content_type)
    lower = text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)
    start = lower.find("<title")
    opened = lower.find(">", start, start + _MOST_TAG) if start >= 0 else -1
    ended = lower.find("</title", opened, opened + _MOST_TITLE) if opened >= 0 else -1
    return " ".join(html.unescape(text[opened + 1 : ended]).split()) if ended >= 0 else ""


def text_of(body: bytes, content_type: str = "") -> str:
    """Return bytes of a page as text, by its mark, its header's charset or its own; bytes unfit are replaced."""
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    named = _CHARSET.search(content_type) or _CHARSET.search(body[:_META_WITHIN].decode("latin-1"))
    return body.decode(_CODECS.get(named[1].lower(), "utf-8") if named is not None else "utf-8", "replace")
