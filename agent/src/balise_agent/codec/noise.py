"""The opening of WhatsApp's chat: the first message of Noise_XX_25519_AESGCM_SHA256, and how its answer is known.

A header of four bytes, then frames with a length of three; in each a message of protobuf (*HandshakeMessage*): field 2
is the client's hello and holds its ephemeral key, field 3 the server's. The key that we send is nobody's: 32 random
bytes are a point of Curve25519 (RFC 7748 5), and the handshake ends with the answer. No account is named by it.
Source: the Noise Protocol Framework, revision 34, 7.5 (XX); the open clients whatsmeow (``socket/constants.go``,
``handshake.go``) and Baileys. Must not live here: sockets, proxies.
"""

import hashlib
from typing import Final

ANSWER: Final = 8
"""Bytes of an answer that are read: a length, the field and its size, and the first field within."""
_HEADER: Final = b"WA\6\3"
"""The protocol's version and that of its dictionary."""
_KEY: Final = 32
_LENGTH: Final = 3
_CLIENT_HELLO, _SERVER_HELLO, _EPHEMERAL = 0x12, 0x1A, 0x0A
"""Fields 2, 3 and 1 with a length before them (protobuf, "Message Structure")."""
_LEAST: Final = 2 + _KEY
"""Bytes of a hello that holds a key."""


def opening(seed: int) -> bytes:
    """Return the header and the client's hello with a key drawn from ``seed``."""
    key = hashlib.sha256(f"{seed}|noise".encode()).digest()
    hello = bytes([_EPHEMERAL, _KEY]) + key
    message = bytes([_CLIENT_HELLO, len(hello)]) + hello
    return _HEADER + len(message).to_bytes(_LENGTH) + message


def is_answer(data: bytes) -> bool:
    """Tell whether the first bytes of an answer begin a frame with the server's hello and its key."""
    if len(data) < ANSWER or data[_LENGTH] != _SERVER_HELLO:
        return False
    size, at, shift = 0, _LENGTH + 1, 0
    while at < len(data) and at < _LENGTH + 4:
        size |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    whole = int.from_bytes(data[:_LENGTH])
    return size >= _LEAST and whole == at - _LENGTH + size and data[at : at + 2] == bytes([_EPHEMERAL, _KEY])
