"""What a box or a server reads in the first bytes of a connection: the name in a ClientHello, or in a request.

Must not live here: what either does about it.
"""

from typing import Final, NamedTuple

_HANDSHAKE, _CLIENT_HELLO = 0x16, 1
_SERVER_NAME: Final = 0
_BEFORE_SESSION: Final = 43
"""Bytes of record header, handshake header, version and random (RFC 8446 4.1.2)."""


class Shown(NamedTuple):
    """What a client showed."""

    protocol: str
    """``tls``, ``http`` or empty."""
    name: str | None
    path: str = ""
    part: int = 0
    """Bytes of the body that were asked for (RFC 9110 14); 0: all."""


def shown(data: bytes) -> Shown:
    """Read a client's first bytes."""
    if data[:1] == b"\x16":
        return Shown("tls", _server_name(data))
    if data[:4] in {b"GET ", b"HEAD", b"POST"}:
        return _request(data)
    return Shown("", None)


def _server_name(data: bytes) -> str | None:
    if len(data) < _BEFORE_SESSION + 1 or data[5] != _CLIENT_HELLO:
        return None
    at = _BEFORE_SESSION + 1 + data[_BEFORE_SESSION]
    at += 2 + int.from_bytes(data[at : at + 2], "big")
    at += 1 + data[at]
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(data)):
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _SERVER_NAME:
            return data[at + 9 : at + 4 + size].decode("ascii", "replace")
        at += 4 + size
    return None


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
