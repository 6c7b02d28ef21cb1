"""What a certificate says, read without asking whether it may: names, dates and key of any DER that looks like one.

``cryptography`` refuses a certificate for many reasons (a negative serial number, an unknown curve, a date that no
calendar has) and OpenSSL completes the handshake all the same. Who intercepts a name is told by the issuer, so it must
be readable exactly then. Lives here: a lenient reader of RFC 5280 4.1 over DER (X.690). Must not live here: signatures,
trust (net/trust.py). Every byte is hostile: what cannot be read is left empty, never an exception.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_MOST_ATTRIBUTES: Final = 32
_MOST_TEXT: Final = 256
_UTF8, _BMP, _UNIVERSAL = 0x0C, 0x1E, 0x1C
_CODECS: Final = {_UTF8: "utf-8", _BMP: "utf-16-be", _UNIVERSAL: "utf-32-be"}
"""String types that are no superset of ASCII in one byte; the others are read as Latin-1."""
_WORDS: Final = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}
"""Object identifiers of RFC 4514 3, as their content bytes."""


class Told(NamedTuple):
    """What a certificate says of itself; empty or 0.0 where it cannot be read."""

    subject: str = ""
    """Common name of the subject."""
    issuer: str = ""
    """``CN=...,O=...`` in RFC 4514's order, the last attribute first."""
    not_before: float = 0.0
    not_after: float = 0.0
    key: bytes = b""
    """The SubjectPublicKeyInfo, whole."""


class _Unreadable(ValueError):
    """The bytes are no DER here."""


def told_by(der: bytes) -> Told:
    """Read as much of a certificate as there is, in its order: issuer, dates, subject, key."""
    found = Told()
    try:
        parts = _fields(der)
        next(parts)  # signature algorithm
        found = found._replace(issuer=_name(next(parts)[1]))
        dates = [_moment(tag, value) for tag, value in _children(next(parts)[1])]
        if len(dates) == 2:
            found = found._replace(not_before=dates[0], not_after=dates[1])
        subject = next(parts)[1]
        found = found._replace(subject=_common_name(subject))
        return found._replace(key=_encoded(*next(parts)))
    except (_Unreadable, StopIteration):
        return found


def _fields(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the fields of the TBSCertificate behind version and serial number (RFC 5280 4.1)."""
    _, certificate = next(_children(der))
    _, signed = next(_children(certificate))
    fields = _children(signed)
    tag, _ = next(fields)
    if tag == _VERSION:
        next(fields)
    return fields


def _children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element in turn (_Unreadable where one is cut or of indefinite length)."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise _Unreadable
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= 4 or at + size > len(data):
                raise _Unreadable
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise _Unreadable
        yield tag, data[at : at + length]
        at += length


def _encoded(tag: int, content: bytes) -> bytes:
    """Return an element as DER writes it: the shortest length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _attributes(name: bytes) -> list[tuple[str, str]]:
    """Return type and text of a Name's attributes, at most so many."""
    found: list[tuple[str, str]] = []
    for _, relative in _children(name):
        for _, attribute in _children(relative):
            parts = list(_children(attribute))
            if len(parts) != 2 or parts[0][0] != _OID:
                continue
            word = _WORDS.get(parts[0][1]) or _dotted(parts[0][1])
            found.append((word, _text(*parts[1])))
            if len(found) >= _MOST_ATTRIBUTES:
                return found
    return found


def _name(name: bytes) -> str:
    """Return a Name much as RFC 4514 writes it; what needs an escape gets one."""
    return ",".join(f"{word}={_escaped(text)}" for word, text in reversed(_attributes(name)))


def _common_name(name: bytes) -> str:
    return next((text for word, text in _attributes(name) if word == "CN"), "")


def _text(tag: int, content: bytes) -> str:
    return content[: 4 * _MOST_TEXT].decode(_CODECS.get(tag, "latin-1"), "replace")[:_MOST_TEXT]


def _escaped(text: str) -> str:
    """Return a value with RFC 4514 2.4's special characters behind backslashes."""
    return "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in text)


def _dotted(oid: bytes) -> str:
    """Return an object identifier in dots, at most sixteen numbers of it."""
    if not oid:
        return "0"
    numbers = [min(oid[0] // 40, 2)]
    numbers.append(oid[0] - 40 * numbers[0])
    value = 0
    for byte in oid[1:33]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(str(number) for number in numbers[:16])


def _moment(tag: int, content: bytes) -> float:
    """Return a date as UNIX seconds; 0.0 for one that no calendar has (RFC 5280 4.1.2.5)."""
    try:
        text = content[:20].decode("ascii")
        if tag == _UTC_TIME:
            text = ("19" if text >= "50" else "20") + text
        elif tag != _GENERALIZED_TIME:
            return 0.0
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
