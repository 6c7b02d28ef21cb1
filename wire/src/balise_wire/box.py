"""The box: a sealed frame that only the collector opens. HPKE in base mode (RFC 9180) around an already signed frame.

Layout (big-endian)::

    0   4  magic    b"BLX1"
    4   1  flags    0
    5   8  addressee: first 8 bytes of SHA-256 of the recipient's raw X25519 public key
    13  8  check    first 8 bytes of SHA-256 over a row's number (8 bytes) and everything else of the box
    21  32 the sender's ephemeral X25519 key (RFC 9180 4.1, DHKEM(X25519, HKDF-SHA256))
    53  .. the frame under ChaCha20-Poly1305 (RFC 8439), its tag at the end

Signed first, boxed afterwards: the collector keeps what is inside, which verifies years later without any secret. The
header up to the addressee is bound in as HPKE's ``info``. The check is no secret and proves nothing to anybody: whoever
keeps a box without being able to open it learns from it whether the disk still holds what was written, in the row where
it was written. Must not live here: storage, who may open.
"""

import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from balise_wire.seal import SealError

MAGIC = b"BLX1"
OVERHEAD = 69
"""Bytes that a box adds to its frame."""
_FLAGS = b"\0"
_INFO = b"balise/v1 box\0"
_ADDRESSED = 13
_CHECKED = 21
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def private_key(seed: bytes) -> X25519PrivateKey:
    """Return the key that opens a collector's boxes, derived from the 32 bytes of its signing key (RFC 5869).

    One secret to keep and to restore; the derivation keeps the two uses of it apart.
    """
    return X25519PrivateKey.from_private_bytes(HKDF(SHA256(), 32, salt=None, info=b"balise/v1 box key").derive(seed))


def public_hex(key: X25519PublicKey) -> str:
    """Return a public key as the 64 hex digits that messages carry."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def is_box(frame: bytes) -> bool:
    """Tell a box from any other frame."""
    return frame.startswith(MAGIC)


def addressee(frame: bytes) -> bytes:
    """Return the 8 bytes that name whom a box is for.

    Raises:
        SealError: too short, no box, or of a newer form.
    """
    if len(frame) < _CHECKED + 32 + 16 or not is_box(frame):
        msg = f"not a box: {len(frame)} bytes, starts with {frame[:4]!r}, expected {MAGIC!r}"
        raise SealError(msg)
    if frame[4:5] != _FLAGS:
        msg = f"unknown box flags {frame[4]:#04x}: the sender is newer than this program; update it"
        raise SealError(msg)
    return frame[5:_ADDRESSED]


def is_whole(frame: bytes, number: int = 0) -> bool:
    """Tell whether a box is what was written in the row of this number; 0 where it has none."""
    try:
        addressee(frame)
    except SealError:
        return False
    return frame[_ADDRESSED:_CHECKED] == _check(number, frame[:_ADDRESSED], frame[_CHECKED:])


def renumbered(frame: bytes, number: int) -> bytes:
    """Return a box with the check of another row."""
    return frame[:_ADDRESSED] + _check(number, frame[:_ADDRESSED], frame[_CHECKED:]) + frame[_CHECKED:]


class Boxer:
    """Puts frames into boxes for one recipient; it cannot open them again."""

    def __init__(self, recipient: str) -> None:
        """Prepare a boxer.

        Args:
            recipient: the X25519 public key, 64 hex digits.

        Raises:
            SealError: not a key, or one that nothing can be boxed for.
        """
        self.recipient = recipient
        try:
            raw = bytes.fromhex(recipient)
            self._key = X25519PublicKey.from_public_bytes(raw)
            self.addressee = _name(raw)
            self.box(b"")
        except ValueError as error:
            msg = f"{recipient[:80]!r} is no key to box for: {error}"
            raise SealError(msg) from None

    def box(self, frame: bytes, number: int = 0) -> bytes:
        """Return a frame in a box, with the check of a row's number."""
        header = MAGIC + _FLAGS + self.addressee
        sealed = _SUITE.encrypt(frame, self._key, info=_INFO + header)
        return b"".join((header, _check(number, header, sealed), sealed))


class Opener:
    """Opens the boxes of a collector's keys."""

    def __init__(self, keys: Iterable[X25519PrivateKey]) -> None:
        """Prepare for these keys."""
        self._keys = {_name(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)): key for key in keys}

    def open(self, frame: bytes) -> bytes:
        """Return the frame in a box.

        Raises:
            SealError: no box, one for another recipient, or damaged.
        """
        key = self._keys.get(addressee(frame))
        if key is None:
            msg = "boxed for another collector than this one"
            raise SealError(msg)
        try:
            return _SUITE.decrypt(frame[_CHECKED:], key, info=_INFO + frame[:_ADDRESSED])
        except (InvalidTag, ValueError):
            msg = "the box does not open: it was altered on the way or damaged where it was kept"
            raise SealError(msg) from None


def _name(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()[:8]


def _check(number: int, header: bytes, sealed: bytes) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big") + header + sealed).digest()[:8]
