"""What a box or a server reads in the first bytes of a connection: the name in a ClientHello, or in a request.

Must not live here: what either does about it.
"""

from typing import Final, NamedTuple

_HANDSHAKE, _CLIENT_HELLO = 0x16, 1
_SERVER_NAME: Final = 0
_RECORD, _MESSAGE = 5, 4
"""Bytes before a record's and a message's content."""
_BEFORE_SESSION: Final = 38
"""Bytes of handshake header, version and random (RFC 8446 4.1.2)."""
ECH, ESNI = 0xFE0D, 0xFFCE
"""Types of extensions: RFC 9849 11.1, draft-ietf-tls-esni-02 8.1."""


class Shown(NamedTuple):
    """What a client showed."""

    protocol: str
    """``tls``, ``http`` or empty."""
    name: str | None
    path: str = ""
    part: int = 0
    """Bytes of the body that were asked for (RFC 9110 14); 0: all."""
    extensions: frozenset[int] = frozenset()
    """Types of a ClientHello's extensions."""
    records: int = 1
    """TLS records that held the hello."""
    segments: int = 1
    """Segments in which it came."""


def shown(data: bytes) -> Shown:
    """Read a client's first bytes."""
    if is_hello(data):
        message, records = _message(data)
        found = {} if message is None else _extensions(message)
        return Shown("tls", found.get(_SERVER_NAME), extensions=frozenset(found), records=records)
    if data[:4] in {b"GET ", b"HEAD", b"POST"}:
        return _request(data)
    return Shown("", None)


def is_hello(data: bytes) -> bool:
    """Tell whether a client's first bytes begin a TLS handshake."""
    return data[:1] == bytes([_HANDSHAKE])


def is_whole(data: bytes) -> bool:
    """Tell whether a client's first bytes hold a whole ClientHello, or none of which more could come."""
    return not is_hello(data) or _message(data)[0] is not None


def _message(data: bytes) -> tuple[bytes | None, int]:
    """Return the ClientHello in a client's records (RFC 8446 5.1), and in how many; ``None`` while it is not whole."""
    message, records = b"", 0
    while len(data) >= _RECORD and len(data) >= _RECORD + int.from_bytes(data[3:_RECORD], "big"):
        size = int.from_bytes(data[3:_RECORD], "big")
        message, data, records = message + data[_RECORD : _RECORD + size], data[_RECORD + size :], records + 1
    whole = len(message) >= _MESSAGE and len(message) >= _MESSAGE + int.from_bytes(message[1:_MESSAGE], "big")
    return (message if whole else None), records


def _extensions(data: bytes) -> dict[int, str | None]:
    """Return the types of a ClientHello's extensions, the name beside that of server_name (RFC 6066 3)."""
    found: dict[int, str | None] = {}
    if len(data) < _BEFORE_SESSION + 1 or data[0] != _CLIENT_HELLO:
        return found
    at = _BEFORE_SESSION + 1 + data[_BEFORE_SESSION]
    at += 2 + int.from_bytes(data[at : at + 2], "big")
    at += 1 + data[at]
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(data)):
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        found[kind] = data[at + 9 : at + 4 + size].decode("ascii", "replace") if kind == _SERVER_NAME else None
        at += 4 + size
    return found


def _request(data: bytes) -> Shown:
    lines = data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
    path = [*lines[0].split(" "), "/"][1]
    name, part = None, 0
    for line in lines[1:]:
        field, _, value = line.partition(":")
        if field.lower() == "host":
            name = value.strip().partition(":")[0]
        elif field.lower() == "range":
            last = value.rpartition("-")[2]
            part = int(last) + 1 if last.isdigit() else 0
    return Shown("http", name, path, part)
