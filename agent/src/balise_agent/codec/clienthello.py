"""A browser's ClientHello as bytes, with the name patched in: what hello-only trials send over a kernel TCP connection.

Lives here: the layout of Chrome 112's hello (RFC 8446 4.1.2, GREASE by RFC 8701, padding by RFC 7685), deterministic
from a seed. That version, not a newer one, because its hello fits one segment: with a post-quantum key share it takes
two, and boxes that do not reassemble would pass what people with older programs lose. The long one exists as well, as a
fact of its own. Must not live here: parsing.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

_CIPHERS: Final = (
    0x1301, 0x1302, 0x1303,  # TLS 1.3
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8,  # ECDHE with AEAD
    0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035,  # what old servers still need
)  # fmt: skip
_SIGNATURES: Final = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
_X25519: Final = 0x001D
_GROUPS: Final = (_X25519, 0x0017, 0x0018)
_X25519MLKEM768: Final = 0x11EC
"""draft-ietf-tls-ecdhe-mlkem: the share is an ML-KEM-768 key and an X25519 one."""
_COEFFICIENTS: Final = 768
_MODULUS: Final = 3_329
_PADDED: Final = 512
"""Chrome pads hellos of 256 to 511 bytes to 512: some servers hang on that range (RFC 7685 1)."""


class _Drawn:
    """A stream of bytes from a seed: SHA-256 in counter mode. Not secret, only arbitrary and repeatable."""

    def __init__(self, seed: int) -> None:
        self._seed = f"clienthello|{seed}".encode()
        self._counter = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes (at most 32)."""
        self._counter += 1
        return hashlib.sha256(self._seed + self._counter.to_bytes(4, "big")).digest()[:count]

    def mlkem_key(self) -> bytes:
        """Return an ML-KEM-768 encapsulation key: 768 coefficients of 12 bits below the modulus, and 32 bytes.

        Servers refuse a key with any other coefficient (FIPS 203 7.2); to nobody but them is it anything but noise.
        """
        numbers = 0
        for place in range(0, _COEFFICIENTS, 8):
            drawn = self.take(32)
            for within in range(8):
                value = int.from_bytes(drawn[4 * within : 4 * within + 4], "big") % _MODULUS
                numbers |= value << 12 * (place + within)
        return numbers.to_bytes(_COEFFICIENTS * 12 // 8, "little") + self.take(32)

    def grease(self) -> int:
        """Return a GREASE value, 0x?A?A with equal bytes (RFC 8701 2)."""
        byte = (self.take(1)[0] & 0xF0) | 0x0A
        return byte << 8 | byte

    def shuffled(self, items: Iterable[bytes]) -> list[bytes]:
        """Return the items in arbitrary order, as Chrome orders its extensions since 110."""
        left = list(items)
        return [left.pop(int.from_bytes(self.take(4), "big") % len(left)) for _ in range(len(left))]


def _u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _vector(length_bytes: int, data: bytes) -> bytes:
    """Return ``data`` behind its length (RFC 8446 3.4)."""
    return len(data).to_bytes(length_bytes, "big") + data


def _extension(kind: int, data: bytes = b"") -> bytes:
    return _u16(kind) + _vector(2, data)


def _server_name(name: str) -> bytes:
    """Return the server_name extension (RFC 6066 3)."""
    return _extension(0, _vector(2, b"\0" + _vector(2, name.encode("ascii"))))


def client_hello(sni: str | None, seed: int, *, shape: int | None = None, post_quantum: bool = False) -> bytes:
    """Return one TLS record with a ClientHello.

    Args:
        sni: the name; ``None`` leaves the extension out.
        seed: random, session id and key share follow from it: they are new in every hello.
        shape: GREASE and the order of extensions follow from it; that of ``seed`` where it is left out. Hellos of one
            shape differ in the name, and in what must be new, alone: a box that reads the name at one place reads all.
        post_quantum: with a share of X25519MLKEM768, as browsers have sent since 2024; it takes two segments.

    Raises:
        UnicodeEncodeError: the name is not ASCII (limits.py has refused it before).
    """
    drawn, shaped = _Drawn(seed), _Drawn(seed if shape is None else shape)
    head = _u16(0x0303) + drawn.take(32) + _vector(1, drawn.take(32))
    ciphers = _vector(2, _u16(shaped.grease(), *_CIPHERS)) + _vector(1, b"\0")
    extensions = b"".join(_extensions(sni, drawn, shaped, post_quantum=post_quantum))
    # 4 bytes of handshake header and 2 of the extensions' length come on top.
    unpadded = 4 + len(head) + len(ciphers) + 2 + len(extensions)
    if 0xFF < unpadded < _PADDED:
        extensions += _extension(21, bytes(max(1, _PADDED - unpadded - 4)))
    body = head + ciphers + _vector(2, extensions)
    handshake = b"\x01" + _vector(3, body)
    # The record says TLS 1.0, as every browser's first one does (RFC 8446 5.1).
    return b"\x16" + _u16(0x0301) + _vector(2, handshake)


def _extensions(sni: str | None, drawn: _Drawn, shaped: _Drawn, *, post_quantum: bool) -> list[bytes]:
    """Return the extensions: GREASE first and last, the others in arbitrary order."""
    first, last, group = shaped.grease(), shaped.grease(), shaped.grease()
    if last == first:  # two extensions of one type are an error (RFC 8446 4.2)
        last ^= 0x1010
    groups: tuple[int, ...] = _GROUPS
    shares = _u16(group) + _vector(2, b"\0")
    if post_quantum:
        groups = (_X25519MLKEM768, *_GROUPS)
        shares += _u16(_X25519MLKEM768) + _vector(2, drawn.mlkem_key() + drawn.take(32))
    shares += _u16(_X25519) + _vector(2, drawn.take(32))
    ordinary = [
        _extension(23),  # extended_master_secret
        _extension(0xFF01, b"\0"),  # renegotiation_info
        _extension(10, _vector(2, _u16(group, *groups))),  # supported_groups
        _extension(11, _vector(1, b"\0")),  # ec_point_formats
        _extension(35),  # session_ticket
        _extension(16, _vector(2, _vector(1, b"h2") + _vector(1, b"http/1.1"))),  # ALPN
        _extension(5, b"\x01\0\0\0\0"),  # status_request
        _extension(13, _vector(2, _u16(*_SIGNATURES))),  # signature_algorithms
        _extension(18),  # signed_certificate_timestamp
        _extension(51, _vector(2, shares)),
        _extension(45, _vector(1, b"\x01")),  # psk_key_exchange_modes
        _extension(43, _vector(1, _u16(shaped.grease(), 0x0304, 0x0303))),  # supported_versions
        _extension(27, _vector(1, _u16(2))),  # compress_certificate: brotli
        _extension(17513, _vector(2, _vector(1, b"h2"))),  # application_settings
    ]
    if sni is not None:
        ordinary.append(_server_name(sni))
    return [_extension(first), *shaped.shuffled(ordinary), _extension(last, b"\0")]
