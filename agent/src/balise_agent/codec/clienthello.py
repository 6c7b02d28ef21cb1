"""A browser's ClientHello as bytes, with the name patched in: what hello-only trials send over a kernel TCP connection.

Lives here: the layout of Chrome 112's hello (RFC 8446 4.1.2, GREASE by RFC 8701, padding by RFC 7685), deterministic
from a seed. That version, not a newer one, because its hello fits one segment: with a post-quantum key share it takes
two, and boxes that do not reassemble would pass what people with older programs lose. The long one exists as well, as a
fact of its own; so do hellos with one extension more (ECH, its forerunner ESNI, one that nobody knows), and the cuts of
a hello inside its name. Must not live here: parsing.
"""

import hashlib
from collections.abc import Iterable
from enum import Enum, auto
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
_ECH, _ESNI, _PADDING = 0xFE0D, 0xFFCE, 21
"""RFC 9849 11.1; draft-ietf-tls-esni-02 8.1; RFC 7685 4."""
_ECH_PAYLOADS: Final = (144, 176, 208, 240)
"""Bytes of the sealed inner hello as browsers' GREASE ECH draws them (RFC 9849 6.2): 128 to 224, and a tag of 16."""
_ESNI_SEALED: Final = 292
"""Bytes of the sealed name: a name padded to 260, its type and length, a nonce and a tag (draft-02 5.1)."""


class Extra(Enum):
    """An extension beyond a browser's usual ones, in all of which a server that does not know it ignores it."""

    ECH = auto()
    """encrypted_client_hello in the form of an outer hello, with nothing inside (GREASE ECH, RFC 9849 6.2)."""
    ESNI = auto()
    """encrypted_server_name of draft-ietf-tls-esni-02, as Firefox and Cloudflare had it from 2018 to 2020."""
    LIKE_ECH = auto()
    """A reserved type (RFC 8701) with as many random bytes as ECH of this shape."""
    LIKE_ESNI = auto()
    """The same, as long as ESNI."""


class _Drawn:
    """A stream of bytes from a seed: SHA-256 in counter mode. Not secret, only arbitrary and repeatable."""

    def __init__(self, seed: int) -> None:
        self._seed = f"clienthello|{seed}".encode()
        self._counter = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes (at most 32)."""
        self._counter += 1
        return hashlib.sha256(self._seed + self._counter.to_bytes(4, "big")).digest()[:count]

    def many(self, count: int) -> bytes:
        """Return the next ``count`` bytes, however many."""
        return b"".join(self.take(min(32, count - at)) for at in range(0, count, 32))

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


def client_hello(
    sni: str | None, seed: int, *, shape: int | None = None, post_quantum: bool = False, extra: Extra | None = None
) -> bytes:
    """Return one TLS record with a ClientHello.

    Args:
        sni: the name; ``None`` leaves the extension out.
        seed: random, session id and key share follow from it: they are new in every hello.
        shape: GREASE and the order of extensions follow from it; that of ``seed`` where it is left out. Hellos of one
            shape differ in the name, and in what must be new, alone: a box that reads the name at one place reads all.
        post_quantum: with a share of X25519MLKEM768, as browsers have sent since 2024; it takes two segments.
        extra: one extension more, behind the others and before the last; a hello keeps within one segment.

    Raises:
        UnicodeEncodeError: the name is not ASCII (limits.py has refused it before).
    """
    drawn, shaped = _Drawn(seed), _Drawn(seed if shape is None else shape)
    head = _u16(0x0303) + drawn.take(32) + _vector(1, drawn.take(32))
    ciphers = _vector(2, _u16(shaped.grease(), *_CIPHERS)) + _vector(1, b"\0")
    usual = _extensions(sni, drawn, shaped, post_quantum=post_quantum)
    if extra is not None:
        # Drawn last, so that everything before it is as in a hello of the same seed without it.
        usual.insert(len(usual) - 1, _extra(extra, drawn, shaped, used=(usual[0][:2], usual[-1][:2])))
    extensions = b"".join(usual)
    # 4 bytes of handshake header and 2 of the extensions' length come on top.
    unpadded = 4 + len(head) + len(ciphers) + 2 + len(extensions)
    if 0xFF < unpadded < _PADDED:
        extensions += _extension(_PADDING, bytes(max(1, _PADDED - unpadded - 4)))
    body = head + ciphers + _vector(2, extensions)
    handshake = b"\x01" + _vector(3, body)
    # The record says TLS 1.0, as every browser's first one does (RFC 8446 5.1).
    return b"\x16" + _u16(0x0301) + _vector(2, handshake)


def _extra(kind: Extra, drawn: _Drawn, shaped: _Drawn, *, used: tuple[bytes, ...]) -> bytes:
    """Return one extension; its length follows from the shape, its content from the seed.

    Args:
        kind: which.
        drawn: of the seed.
        shaped: of the shape.
        used: reserved types that the hello has already (two of one type are an error, RFC 8446 4.2).
    """
    sealed = _ECH_PAYLOADS[shaped.take(1)[0] % len(_ECH_PAYLOADS)]
    free = next(byte << 8 | byte for byte in range(0x0A, 0x100, 0x10) if bytes((byte, byte)) not in used)
    # ECHClientHello: outer; HKDF-SHA256 and AES-128-GCM; config id; encapsulated X25519 key; sealed hello (RFC 9849 5).
    ech = b"\0" + _u16(1, 1) + drawn.take(1) + _vector(2, drawn.take(32)) + _vector(2, drawn.many(sealed))
    # ClientEncryptedSNI: cipher suite; key share; digest of the server's record; sealed name (draft-02 5.1).
    share = _u16(_X25519) + _vector(2, drawn.take(32))
    esni = _u16(_CIPHERS[0]) + share + _vector(2, drawn.take(32)) + _vector(2, drawn.many(_ESNI_SEALED))
    match kind:
        case Extra.ECH:
            return _extension(_ECH, ech)
        case Extra.ESNI:
            return _extension(_ESNI, esni)
        case Extra.LIKE_ECH:
            return _extension(free, drawn.many(len(ech)))
        case Extra.LIKE_ESNI:
            return _extension(free, drawn.many(len(esni)))


def cut_in_name(hello: bytes, sni: str, at: int) -> tuple[bytes, bytes]:
    """Return a record with a ClientHello in two parts, cut inside its name: to be sent in two segments.

    Args:
        hello: as ``client_hello`` returns it, with this name.
        sni: the name.
        at: characters of it that stay in the first part.
    """
    place = hello.index(_server_name(sni)) + len(_server_name("")) + at
    return hello[:place], hello[place:]


def in_two_records(hello: bytes, sni: str, at: int) -> bytes:
    """Return the same ClientHello in two TLS records, cut inside its name (RFC 8446 5.1 allows it)."""
    first, rest = cut_in_name(hello, sni, at)
    return first[:3] + _vector(2, first[5:]) + hello[:3] + _vector(2, rest)


def quic_client_hello(sni: str | None, seed: int, connection: bytes, *, shape: int) -> bytes:
    """Return a ClientHello as it travels in QUIC: a handshake message without a record (RFC 9001 4.1.3).

    Args:
        sni: the name; ``None`` leaves the extension out.
        seed: random and key share follow from it.
        connection: our own connection id, which the transport parameters repeat (RFC 9000 7.3).
        shape: GREASE and the order of extensions follow from it, as in ``client_hello``.

    Raises:
        UnicodeEncodeError: the name is not ASCII.
    """
    drawn, shaped = _Drawn(seed), _Drawn(shape)
    group = shaped.grease()
    ordinary = [
        _extension(10, _vector(2, _u16(group, *_GROUPS))),
        _extension(16, _vector(2, _vector(1, b"h3"))),
        _extension(13, _vector(2, _u16(*_SIGNATURES))),
        _extension(51, _vector(2, _u16(group) + _vector(2, b"\0") + _u16(_X25519) + _vector(2, drawn.take(32)))),
        _extension(45, _vector(1, b"\x01")),
        _extension(43, _vector(1, _u16(shaped.grease(), 0x0304))),
        _extension(27, _vector(1, _u16(2))),
        _extension(57, _transport_parameters(connection)),
    ]
    if sni is not None:
        ordinary.append(_server_name(sni))
    # No session id: QUIC has no middleboxes to pretend to (RFC 9001 8.4).
    body = _u16(0x0303) + drawn.take(32) + _vector(1, b"") + _vector(2, _u16(shaped.grease(), *_CIPHERS[:3]))
    body += _vector(1, b"\0") + _vector(2, b"".join(shaped.shuffled(ordinary)))
    return b"\x01" + _vector(3, body)


def _transport_parameters(connection: bytes) -> bytes:
    """Return what Chrome says of itself in QUIC (RFC 9000 18.2), as far as a server needs it to answer."""
    limits = (
        (1, 30_000),
        (3, 1_472),
        (4, 15_728_640),
        (5, 6_291_456),
        (6, 6_291_456),
        (7, 6_291_456),
        (8, 100),
        (9, 103),
    )
    numbers = b"".join(varint(key) + _vector(1, varint(value)) for key, value in limits)
    return numbers + varint(15) + _vector(1, connection)


def varint(value: int) -> bytes:
    """Return a number as QUIC writes it: in 1, 2, 4 or 8 bytes, the first two bits say how many (RFC 9000 16)."""
    for size, bits in ((1, 6), (2, 14), (4, 30)):
        if value < 1 << bits:
            return (value | (size.bit_length() - 1) << size * 8 - 2).to_bytes(size, "big")
    return (value | 3 << 62).to_bytes(8, "big")


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
