"""QUIC's first packets as a box on the way reads them, and as a modelled server answers them (RFC 9000, RFC 9001).

Written down anew from the RFCs: it shares no code with the probe that it is held against. Boxes of the lab, the
virtual field and tests read with it. Must not live here: what a box or a server does about it.
"""

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

V1: Final = 1
_SALT: Final = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
"""RFC 9001 5.2."""
_HEADER_FORM, _FIXED_BIT = 0x80, 0x40
_SERVER_ID: Final = b"\x5e\x72\x76\x65\x72\x00\x00\x01"


class Initial(NamedTuple):
    """One client's Initial, as anybody on the way can read it."""

    destination: bytes
    """The connection id from which the keys follow."""
    source: bytes
    name: str | None
    """In the server_name extension."""


class Header(NamedTuple):
    """The part of a long header that is alike in all versions (RFC 8999 5.1)."""

    version: int
    destination: bytes
    source: bytes
    end: int


def long_header(data: bytes) -> Header | None:
    """Read the beginning of a long header; ``None`` where it is none."""
    if len(data) < 7 or not data[0] & _HEADER_FORM:
        return None
    size = data[5]
    if len(data) < 7 + size:
        return None
    destination, at = data[6 : 6 + size], 6 + size
    source = data[at + 1 : at + 1 + data[at]]
    if len(source) != data[at]:
        return None
    return Header(int.from_bytes(data[1:5], "big"), destination, source, at + 1 + data[at])


def read_initial(data: bytes) -> Initial | None:
    """Decrypt a client's Initial of version 1 and find the name in its hello; ``None`` where it is none."""
    header = long_header(data)
    if header is None or header.version != V1 or data[0] & 0x70 != _FIXED_BIT:
        return None
    try:
        plain = _decrypted(data, header)
        return Initial(header.destination, header.source, _name(_hello(plain)))
    except (IndexError, ValueError, InvalidTag):
        return None


def server_initial(client: Initial, *, close: int = -1) -> bytes:
    """Return a server's first packet to a client's, padded to 1,200 bytes: an acknowledgement and a ServerHello.

    Args:
        client: whom it answers.
        close: an error code: CONNECTION_CLOSE in the place of the ServerHello.
    """
    hello = b"\x02\x00\x00\x56\x03\x03" + bytes(84)
    frames = b"\x02\x00\x00\x00\x00"  # ACK of packet 0
    frames += b"\x1c" + _varint(close) + b"\0\0" if close >= 0 else b"\x06\x00" + _varint(len(hello)) + hello
    head = b"\xc0" + V1.to_bytes(4, "big") + bytes([len(client.source)]) + client.source
    head += bytes([len(_SERVER_ID)]) + _SERVER_ID + b"\0"
    room = 1_200 - len(head) - 2 - 1 - 16
    head += (0x4000 | room + 17).to_bytes(2, "big") + b"\0"
    key, iv, mask_key = _keys(client.destination, b"server in")
    sealed = AESGCM(key).encrypt(iv, frames.ljust(room, b"\0"), head)
    mask = _mask(mask_key, sealed[3:19])
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-1] + bytes([head[-1] ^ mask[1]]) + sealed


def version_negotiation(data: bytes, versions: tuple[int, ...] = (V1,)) -> bytes:
    """Return what a server says to a long header of a version that it does not speak (RFC 9000 17.2.1)."""
    header = long_header(data)
    if header is None:
        raise ValueError("no long header")
    ids = bytes([len(header.source)]) + header.source + bytes([len(header.destination)]) + header.destination
    return b"\xcf" + bytes(4) + ids + b"".join(version.to_bytes(4, "big") for version in versions)


def _decrypted(data: bytes, header: Header) -> bytes:
    token, at = _read_varint(data, header.end)
    at += token
    length, at = _read_varint(data, at)
    if length < 20 or at + length > len(data):
        raise ValueError("cut short")
    key, iv, mask_key = _keys(header.destination, b"client in")
    mask = _mask(mask_key, data[at + 4 : at + 20])
    first = data[0] ^ mask[0] & 0x0F
    size = 1 + (first & 3)
    number = bytes(a ^ b for a, b in zip(data[at : at + size], mask[1:], strict=False))
    nonce = int.from_bytes(iv, "big") ^ int.from_bytes(number, "big")
    head = bytes([first]) + data[1:at] + number
    return AESGCM(key).decrypt(nonce.to_bytes(12, "big"), data[at + size : at + length], head)


def _hello(plain: bytes) -> bytes:
    """Put the pieces of CRYPTO frames together: Chrome sends them in any order."""
    pieces: dict[int, bytes] = {}
    at = 0
    while at < len(plain):
        kind = plain[at]
        at += 1
        if kind == 0x06:
            offset, at = _read_varint(plain, at)
            size, at = _read_varint(plain, at)
            pieces[offset] = plain[at : at + size]
            at += size
        elif kind not in {0x00, 0x01}:  # no PADDING, no PING
            raise ValueError(f"frame {kind:#x}")
    whole = b""
    for offset in sorted(pieces):
        if offset <= len(whole):
            whole = whole[:offset] + pieces[offset]
    return whole


def _name(hello: bytes) -> str | None:
    """Return the host_name in a ClientHello (RFC 8446 4.1.2, RFC 6066 3)."""
    if hello[0] != 1:
        raise ValueError("no ClientHello")
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(hello)):
        kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == 0:
            return hello[at + 9 : at + 4 + size].decode("ascii", "replace")
        at += 4 + size
    return None


def _keys(connection: bytes, side: bytes) -> tuple[bytes, bytes, bytes]:
    extract = hmac.HMAC(_SALT, hashes.SHA256())
    extract.update(connection)
    secret = _expand(extract.finalize(), side, 32)
    return _expand(secret, b"quic key", 16), _expand(secret, b"quic iv", 12), _expand(secret, b"quic hp", 16)


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
    return HKDFExpand(hashes.SHA256(), size, info).derive(secret)


def _mask(key: bytes, sample: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(sample)  # noqa: S305 - RFC 9001 5.4.3


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 64 else (0x4000 | value).to_bytes(2, "big")


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    size = 1 << (data[at] >> 6)
    return int.from_bytes(data[at : at + size], "big") & (1 << 8 * size - 2) - 1, at + size
