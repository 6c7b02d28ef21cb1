"""JA4: the fingerprint by which a watcher of the line tells TLS programs apart, of a ClientHello as bytes.

Lives here: the computation (FoxIO, JA4 technical details, TLS client part), for what people are told of our own hellos
and for the tests that hold them alike. Must not live here: making a hello.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

_SERVER_NAME: Final = 0x0000
_ALPN: Final = 0x0010
_SIGNATURES: Final = 0x000D
_VERSIONS: Final = 0x002B
_NAMES: Final = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10"}


def ja4(record: bytes) -> str:
    """Return the JA4 of a ClientHello in one TLS record, e.g. ``t13d1516h2_8daaf6152771_02713d6af862``.

    Raises:
        ValueError: it is no ClientHello.
    """
    if len(record) < 44 or record[0] != 22 or record[5] != 1:
        raise ValueError("not a ClientHello")
    body = record[9:]
    place = 35 + body[34]
    size = int.from_bytes(body[place : place + 2], "big")
    ciphers = [value for value in _pairs(body[place + 2 : place + 2 + size]) if not _is_grease(value)]
    place += 2 + size
    place += 1 + body[place]
    found = {kind: data for kind, data in _extensions(body[place + 2 :]) if not _is_grease(kind)}
    versions = [value for value in _pairs(found.get(_VERSIONS, b"\0")[1:]) if not _is_grease(value)]
    newest = max(versions, default=int.from_bytes(body[:2], "big"))
    name = "d" if _SERVER_NAME in found else "i"
    head = f"t{_NAMES.get(newest, '00')}{name}{min(len(ciphers), 99):02}{min(len(found), 99):02}{_alpn(found)}"
    kinds = sorted(kind for kind in found if kind not in {_SERVER_NAME, _ALPN})
    signatures = [value for value in _pairs(found.get(_SIGNATURES, b"\0\0")[2:]) if not _is_grease(value)]
    extensions = _listed(kinds) + (f"_{_listed(signatures)}" if signatures else "")
    return f"{head}_{_digest(_listed(sorted(ciphers)))}_{_digest(extensions)}"


def _pairs(data: bytes) -> Iterator[int]:
    """Yield a list's 16-bit values."""
    for at in range(0, len(data) - 1, 2):
        yield int.from_bytes(data[at : at + 2], "big")


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each extension's kind and content."""
    while len(data) >= 4:
        kind, size = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        yield kind, data[4 : 4 + size]
        data = data[4 + size :]


def _is_grease(value: int) -> bool:
    """Tell whether a value only keeps servers tolerant (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _alpn(found: dict[int, bytes]) -> str:
    """Return the first and the last letter of the first protocol; ``00`` where none is offered."""
    first = found.get(_ALPN, b"")[3 : 3 + (found.get(_ALPN, b"\0\0\0")[2])] if _ALPN in found else b""
    return first[:1].decode("latin-1") + first[-1:].decode("latin-1") if first else "00"


def _listed(values: Sequence[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "000000000000"
