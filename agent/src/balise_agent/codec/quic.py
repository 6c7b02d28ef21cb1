"""QUIC's first packets, written and read: Initials of version 1, what asks for a version, and what a server answers.

Lives here: the keys that everybody can derive from an Initial (RFC 9001 5.2), packet protection, headers. Reading is
strict: bytes are hostile, and what is cut short or does not decrypt is ``other``, never an exception. Must not live
here: the ClientHello (clienthello.py), sockets, what an answer means. A whole library of QUIC is not needed: nothing
is ever sent after the first packet but what needs no keys (docs/decisions/0025-quic-initials.md).
"""

import hashlib
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from balise_agent.codec.clienthello import quic_client_hello, varint

SIZE: Final = 1_200
"""Bytes of a datagram that carries an Initial, at the least (RFC 9000 14.1)."""
VERSION_1: Final = bytes.fromhex("00000001")
NOBODYS_VERSION: Final = bytes.fromhex("1a2a3a4a")
"""Reserved to make a server negotiate (RFC 9000 15)."""
_SALT: Final = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_CONNECTION_ID: Final = 8
_NUMBER: Final = 4
"""Bytes of our packet numbers."""
_TAG: Final = 16
_SAMPLE: Final = 16
_LONG, _FIXED, _INITIAL, _RETRY = 0x80, 0x40, 0x00, 0x30
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO, _CLOSE, _CLOSE_BY_APPLICATION = 0, 1, 2, 3, 6, 0x1C, 0x1D
_SERVER_HELLO: Final = 2
_MOST_FRAMES: Final = 64
_MOST_VERSIONS: Final = 16


class _Keys(NamedTuple):
    key: bytes
    iv: bytes
    hp: bytes
    """For the header's protection."""


class QuicAnswer(NamedTuple):
    """What one datagram from a server is."""

    word: str
    """As ``QuicObservation.answer``."""
    versions: tuple[str, ...] = ()
    """Eight hex digits each."""


OTHER: Final = QuicAnswer("other")


class ConnectionIds(NamedTuple):
    """The two that a client chooses for a packet: the server's for now, and its own."""

    server: bytes
    client: bytes


def connection_ids(seed: int) -> ConnectionIds:
    """Return those that follow from a seed."""
    drawn = hashlib.sha256(f"quic|ids|{seed}".encode()).digest()
    return ConnectionIds(drawn[:_CONNECTION_ID], drawn[_CONNECTION_ID : 2 * _CONNECTION_ID])


def initial(sni: str | None, seed: int, *, shape: int, number: int = 0) -> bytes:
    """Return a datagram of ``SIZE`` bytes with one Initial packet: the ClientHello, and padding (RFC 9000 17.2.2).

    Args:
        sni: the name that it carries.
        seed: connection ids, random and key share follow from it.
        shape: as in ``quic_client_hello``; datagrams of one shape differ in the name and in what must be new.
        number: of the packet: a copy that is sent again has the next one (RFC 9000 12.3).
    """
    ids = connection_ids(seed)
    hello = quic_client_hello(sni, seed, ids.client, shape=shape)
    frames = varint(_CRYPTO) + varint(0) + varint(len(hello)) + hello
    head = bytes([_LONG | _FIXED | _INITIAL | _NUMBER - 1]) + VERSION_1
    head += _with_length(ids.server) + _with_length(ids.client) + varint(0)
    room = SIZE - len(head) - 2 - _NUMBER - _TAG
    length = _NUMBER + room + _TAG
    head += (0x4000 | length).to_bytes(2, "big") + number.to_bytes(_NUMBER, "big")
    return _protect(_keys(ids.server, "client in"), head, number, frames.ljust(room, b"\0"))


def version_probe(seed: int) -> bytes:
    """Return as long a datagram of a version that nobody has: it names nothing, and is answered without any state.

    Behind the part that all versions share (RFC 8999 5.1) it is shaped as version 1 is: some servers read on all the
    same, aioquic 1.7 among them.
    """
    ids = connection_ids(seed)
    head = bytes([_LONG | _FIXED]) + NOBODYS_VERSION + _with_length(ids.server) + _with_length(ids.client)
    room = SIZE - len(head) - 3
    return head + varint(0) + (0x4000 | room).to_bytes(2, "big") + _drawn("version", seed, room)


def noise(seed: int) -> bytes:
    """Return as long a datagram of random bytes without QUIC's fixed bit: no server reads it (RFC 9000 17)."""
    drawn = _drawn("noise", seed, SIZE)
    return bytes([0x04 | drawn[0] & 3]) + drawn[1:]


def read_answer(data: bytes, seed: int) -> QuicAnswer:
    """Return what a server's datagram is, as an answer to what was made of this seed."""
    ids = connection_ids(seed)
    if len(data) < 7 or not data[0] & _LONG:
        return OTHER
    version, at = data[1:5], 5
    server, at = _id(data, at)
    client, at = _id(data, at)
    if server != ids.client or client is None:
        return OTHER
    if version == bytes(4):
        # The server repeats both ids, exchanged (RFC 9000 17.2.1): whoever did not see ours cannot.
        numbers = data[at:]
        if client != ids.server or not numbers or len(numbers) % 4:
            return OTHER
        found = [numbers[each : each + 4].hex() for each in range(0, len(numbers), 4)]
        return QuicAnswer("version_negotiation", tuple(found[:_MOST_VERSIONS]))
    if version != VERSION_1:
        return OTHER
    if data[0] & 0x30 == _RETRY:
        return QuicAnswer("retry")
    return _read_initial(data, at, ids) if data[0] & 0x30 == _INITIAL else OTHER


def _read_initial(data: bytes, at: int, ids: ConnectionIds) -> QuicAnswer:
    """Read a server's Initial, whose keys follow from the id that the client chose."""
    try:
        token, at = _number(data, at)
        at += token
        length, at = _number(data, at)
        plain = _unprotect(_keys(ids.server, "server in"), data, at, length)
    except (IndexError, ValueError, InvalidTag):
        return OTHER
    return QuicAnswer(_first_frame(plain))


def _first_frame(plain: bytes) -> str:
    """Name what an Initial says: the first frame that says anything."""
    at = 0
    try:
        for _ in range(_MOST_FRAMES):
            while plain[at] == _PADDING:
                at += 1
            kind, at = _number(plain, at)
            if kind == _CRYPTO:
                offset, at = _number(plain, at)
                _, at = _number(plain, at)
                return "server_hello" if offset == 0 and plain[at] == _SERVER_HELLO else "initial"
            if kind in {_CLOSE, _CLOSE_BY_APPLICATION}:
                code, _ = _number(plain, at)
                return f"close:{code:x}"
            if kind in {_ACK, _ACK_ECN}:
                at = _behind_ack(plain, at, counts=kind == _ACK_ECN)
            elif kind != _PING:
                break
    except (IndexError, ValueError):
        pass
    return "initial"


def _behind_ack(plain: bytes, at: int, *, counts: bool) -> int:
    """Return where an ACK frame ends (RFC 9000 19.3)."""
    for _ in range(2):
        _, at = _number(plain, at)
    ranges, at = _number(plain, at)
    for _ in range(1 + 2 * min(ranges, _MOST_FRAMES) + 3 * counts):
        _, at = _number(plain, at)
    return at


# --- protection -------------------------------------------------------------------------------------------------------


def _keys(connection: bytes, side: str) -> _Keys:
    """Return a side's keys for Initials (RFC 9001 5.2)."""
    extract = HMAC(_SALT, SHA256())
    extract.update(connection)
    secret = _expand(extract.finalize(), side, 32)
    return _Keys(_expand(secret, "quic key", 16), _expand(secret, "quic iv", 12), _expand(secret, "quic hp", 16))


def _expand(secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label without a context (RFC 8446 7.1)."""
    whole = b"tls13 " + label.encode()
    info = size.to_bytes(2, "big") + bytes([len(whole)]) + whole + b"\0"
    return HKDFExpand(SHA256(), size, info).derive(secret)


def _protect(keys: _Keys, head: bytes, number: int, frames: bytes) -> bytes:
    """Encrypt a packet whose header ends with its number of ``_NUMBER`` bytes."""
    sealed = AESGCM(keys.key).encrypt(_nonce(keys, number), frames, head)
    mask = _mask(keys, sealed[4 - _NUMBER : 4 - _NUMBER + _SAMPLE])
    first = head[0] ^ mask[0] & 0x0F
    hidden = bytes(a ^ b for a, b in zip(head[-_NUMBER:], mask[1:], strict=False))
    return bytes([first]) + head[1:-_NUMBER] + hidden + sealed


def _unprotect(keys: _Keys, data: bytes, at: int, length: int) -> bytes:
    """Decrypt a packet whose number begins at ``at``.

    Raises:
        ValueError: it is cut short.
        InvalidTag: other keys, or other bytes.
    """
    if length < 4 + _SAMPLE or at + length > len(data):
        raise ValueError("cut short")
    mask = _mask(keys, data[at + 4 : at + 4 + _SAMPLE])
    first = data[0] ^ mask[0] & 0x0F
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(data[at : at + size], mask[1:], strict=False))
    head = bytes([first]) + data[1:at] + number
    nonce = _nonce(keys, int.from_bytes(number, "big"))
    return AESGCM(keys.key).decrypt(nonce, data[at + size : at + length], head)


def _nonce(keys: _Keys, number: int) -> bytes:
    return (int.from_bytes(keys.iv, "big") ^ number).to_bytes(12, "big")


def _mask(keys: _Keys, sample: bytes) -> bytes:
    """Return the mask of a header (RFC 9001 5.4.3)."""
    block = Cipher(AES(keys.hp), ECB()).encryptor()  # noqa: S305 - the one block that RFC 9001 asks for
    return block.update(sample) + block.finalize()


# --- numbers ----------------------------------------------------------------------------------------------------------


def _with_length(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def _id(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the connection id at a place, and where it ends; ``None`` where it is cut short."""
    size = data[at] if at < len(data) else 256
    end = at + 1 + size
    return (data[at + 1 : end] if end <= len(data) else None), end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place (RFC 9000 16), and where it ends (IndexError where it is cut short)."""
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big") & (1 << size * 8 - 2) - 1, at + size


def _drawn(what: str, seed: int, size: int) -> bytes:
    """Return bytes that follow from a seed: not secret, only arbitrary and repeatable."""
    blocks = (hashlib.sha256(f"quic|{what}|{seed}|{each}".encode()).digest() for each in range(-(-size // 32)))
    return b"".join(blocks)[:size]
