"""STUN as boxes and servers of the lab see it (RFC 8489 5, 14; RFC 3489 11); shares no code with what it judges. Pure.

Must not live here: what a box does about it.
"""

import struct
from typing import Final

COOKIE: Final = 0x2112A442
_REQUEST, _SUCCESS = 0x0001, 0x0101
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020
_HEADER: Final = 20


def is_marked(data: bytes) -> bool:
    """Tell whether a datagram bears the magic cookie where STUN has it, as a box looks for it."""
    return len(data) >= _HEADER and struct.unpack_from("!I", data, 4)[0] == COOKIE


def is_request(data: bytes) -> bool:
    """Tell whether a datagram is a binding request, with the cookie or without."""
    return len(data) >= _HEADER and struct.unpack_from("!HH", data) == (_REQUEST, len(data) - _HEADER)


def binding_answer(request: bytes, address: int, port: int) -> bytes:
    """Return a server's answer that names an IPv4 address: XORed to a request with the cookie, plain to one without."""
    marked = is_marked(request)
    kind = _XOR_MAPPED if marked else _MAPPED
    seen = (port ^ COOKIE >> 16, address ^ COOKIE) if marked else (port, address)
    body = struct.pack("!HHBBHI", kind, 8, 0, 1, *seen)
    return struct.pack("!HH", _SUCCESS, len(body)) + request[4:_HEADER] + body


def rewritten(answer: bytes, address: int) -> bytes:
    """Return an answer after a home router that replaces every plain address in it, as some gateways do."""
    at = _HEADER
    out = bytearray(answer)
    while at + 4 <= len(out):
        kind, length = struct.unpack_from("!HH", out, at)
        if kind == _MAPPED and length == 8:
            struct.pack_into("!I", out, at + 8, address)
        at += 4 + length + -length % 4
    return bytes(out)
