"""STUN's messages, written and read: binding requests with and without the magic cookie, and what a server answers.

Lives here: headers and attributes of RFC 8489, and of RFC 3489 where there is no cookie. Reading is strict: bytes are
hostile, and what is cut short, is too long or answers another transaction is ``other``, never an exception. The address
in an answer is the home's own: it is not read, only how it was said. Must not live here: sockets, what an answer means.
"""

import hashlib
import struct
from typing import Final, NamedTuple

COOKIE: Final = bytes.fromhex("2112a442")
"""RFC 8489 5: what tells STUN from everything else on the wire."""
HEADER: Final = 20
"""Bytes: type, length, cookie, transaction id (RFC 8489 5)."""
MOST: Final = 2_048
"""Bytes of an answer that are looked at."""
_BINDING: Final = 0x0001
_SUCCESS, _ERROR = 0x0101, 0x0111
_MAPPED, _ERROR_CODE, _XOR_MAPPED, _OLD_XOR_MAPPED = 0x0001, 0x0009, 0x0020, 0x8020
_MOST_ATTRIBUTES: Final = 32
_HOW: Final = {(True, True): "both", (True, False): "xor", (False, True): "plain", (False, False): "none"}


class StunAnswer(NamedTuple):
    """What one datagram from a server is."""

    word: str
    """As ``StunObservation.answer``."""
    mapped: str = ""
    """As ``StunObservation.mapped``; empty where it is no success."""


OTHER: Final = StunAnswer("other")


def binding(seed: int) -> bytes:
    """Return a binding request of a header alone; its transaction id follows from the seed (RFC 8489 5, 6.1)."""
    return struct.pack("!HH", _BINDING, 0) + COOKIE + _drawn("binding", seed)[:12]


def classic(seed: int) -> bytes:
    """Return one of the same length without the cookie (RFC 3489 11.1): most servers still answer it."""
    drawn = _drawn("classic", seed)[:16]
    if drawn.startswith(COOKIE):
        drawn = drawn[1:] + drawn[:1]
    return struct.pack("!HH", _BINDING, 0) + drawn


def read_answer(data: bytes, request: bytes) -> StunAnswer:
    """Return what a datagram is to a request of ours.

    Args:
        data: whatever came.
        request: as ``binding`` or ``classic`` made it.
    """
    if not HEADER <= len(data) <= MOST or data[4:HEADER] != request[4:HEADER]:
        return OTHER
    kind, length = struct.unpack_from("!HH", data)
    if kind not in {_SUCCESS, _ERROR} or length % 4 or length != len(data) - HEADER:
        return OTHER
    found = _attributes(data[HEADER:])
    if found is None:
        return OTHER
    if kind == _ERROR:
        code = found.get(_ERROR_CODE, b"")
        if len(code) < 4 or not 3 <= code[2] & 7 <= 6 or code[3] > 99:
            return OTHER
        return StunAnswer(f"error:{(code[2] & 7) * 100 + code[3]}")
    return StunAnswer("binding", _HOW[bool({_XOR_MAPPED, _OLD_XOR_MAPPED} & set(found)), _MAPPED in found])


def _attributes(body: bytes) -> dict[int, bytes] | None:
    """Return the attributes, the first of a kind (RFC 8489 14); ``None`` where they do not fit or are too many."""
    found: dict[int, bytes] = {}
    at = 0
    for _ in range(_MOST_ATTRIBUTES):
        if at == len(body):
            return found
        if at + 4 > len(body):
            return None
        kind, length = struct.unpack_from("!HH", body, at)
        end = at + 4 + length
        if end > len(body):
            return None
        found.setdefault(kind, body[at + 4 : end])
        at = end + -length % 4
    return found if at == len(body) else None


def _drawn(what: str, seed: int) -> bytes:
    return hashlib.sha256(f"stun|{what}|{seed}".encode()).digest()
