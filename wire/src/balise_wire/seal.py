r"""The seal: zstd, then an Ed25519 signature, in one self-describing frame.

Layout (big-endian)::

    0   4  magic   b"BLS1"
    4   1  flags   bit 0: payload is a zstd frame (its dictionary id is in the zstd header); others must be 0
    5   8  key id  first 8 bytes of SHA-256 of the signer's raw public key
    13  64 signature over b"balise/v1\0" + frame[0:13] + payload (RFC 8032, Ed25519)
    77  .. payload

A frame is the exact bytes a spool row holds and a journal row keeps, so that a signature made in the field can be
verified years later. Nothing here touches a clock or a network.
"""

import hashlib

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from balise_wire.dictionary import CURRENT, DICTIONARIES

MAGIC = b"BLS1"
_ZSTD = 0x01
_CONTEXT = b"balise/v1\0"
_SIGNED_HEADER = 13
HEADER = 77
"""Bytes before the payload."""


class SealError(ValueError):
    """The frame is malformed, too large, or not signed by the key it should be; the message says which."""


def public_bytes(key: Ed25519PublicKey) -> bytes:
    """Return the 32 raw bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(key: Ed25519PublicKey) -> bytes:
    """Return the 8-byte id by which a frame names its signer."""
    return hashlib.sha256(public_bytes(key)).digest()[:8]


class Sealer:
    """Seals messages with one private key; the compressor and its dictionary are made once."""

    def __init__(self, key: Ed25519PrivateKey, *, level: int = 6, dictionary: int = CURRENT) -> None:
        """Prepare a sealer.

        Args:
            key: the signer's key.
            level: zstd level; 6 costs a Pi Zero 2 W about a millisecond a batch.
            dictionary: id of the dictionary, which every reader of the frames must have.
        """
        self._key = key
        self._header = MAGIC + bytes([_ZSTD]) + key_id(key.public_key())
        self._compressor = zstandard.ZstdCompressor(level=level, dict_data=DICTIONARIES.get(dictionary))

    @property
    def public(self) -> Ed25519PublicKey:
        """The key that its frames verify against."""
        return self._key.public_key()

    def seal(self, message: bytes) -> bytes:
        """Return the sealed frame of ``message``."""
        payload = self._compressor.compress(message)
        signature = self._key.sign(_CONTEXT + self._header + payload)
        return b"".join((self._header, signature, payload))


def signer(frame: bytes) -> bytes:
    """Return the 8-byte key id a frame claims, unverified.

    Raises:
        SealError: the frame is too short or has another magic or unknown flags.
    """
    if len(frame) < HEADER or frame[:4] != MAGIC:
        msg = f"not a sealed frame: {len(frame)} bytes, starts with {frame[:4]!r}, expected {MAGIC!r}"
        raise SealError(msg)
    if frame[4] != _ZSTD:
        msg = f"unknown seal flags {frame[4]:#04x}: the sender is newer than this program; update it"
        raise SealError(msg)
    return frame[5:_SIGNED_HEADER]


def unseal(frame: bytes, key: Ed25519PublicKey, *, most: int) -> bytes:
    """Verify a frame against ``key`` and return its message.

    Args:
        frame: the sealed bytes.
        key: the only key that is accepted.
        most: largest message in bytes; the decompressor stops there.

    Raises:
        SealError: malformed, signed by another key, too large, or an unknown dictionary.
    """
    if signer(frame) != key_id(key):
        msg = "signed by another key than the one approved for this sender"
        raise SealError(msg)
    payload = frame[HEADER:]
    try:
        key.verify(frame[_SIGNED_HEADER:HEADER], _CONTEXT + frame[:_SIGNED_HEADER] + payload)
    except InvalidSignature:
        msg = "signature does not match: the frame was altered on the way or signed by another key"
        raise SealError(msg) from None
    return _decompress(payload, most)


def _decompress(payload: bytes, most: int) -> bytes:
    """Decompress at most ``most`` bytes; the signature is already verified, the size is still not trusted."""
    try:
        parameters = zstandard.get_frame_parameters(payload)
        dictionary = DICTIONARIES.get(parameters.dict_id) if parameters.dict_id else None
        if parameters.dict_id and dictionary is None:
            msg = f"compressed with dictionary {parameters.dict_id}, which this program lacks: update it"
            raise SealError(msg)
        # A declared size is checked before memory is taken; an undeclared one is not something our sealer makes.
        if parameters.content_size > most:
            msg = f"message of {parameters.content_size} bytes (or of undeclared size) where {most} are allowed"
            raise SealError(msg)
        return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(payload, max_output_size=most)
    except zstandard.ZstdError as error:
        msg = f"payload is not valid zstd: {error}"
        raise SealError(msg) from None
