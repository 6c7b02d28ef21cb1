"""A stream of bytes under a passphrase: scrypt (RFC 7914) for the key, ChaCha20-Poly1305 (RFC 8439) for the chunks.

The chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015): the nonce holds the chunk's number
and whether it is the last, so that none can be left out, repeated, swapped or cut off unnoticed. Must not live here:
what is in the stream.
"""

import secrets
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC: Final = b"SEALED1\n"
_SALT: Final = 16
_PREFIX: Final = 7
_CHUNK: Final = 1 << 20
_TAG: Final = 16
_COST: Final = 1 << 16
"""64 MiB and a few tenths of a second for each guess."""


class WrongPassphrase(ValueError):
    """The first chunk does not open: another passphrase, or a damaged file."""


class Damaged(ValueError):
    """A later chunk does not open, or the end is missing."""


def _cipher(passphrase: bytes, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


class SealingWriter:
    """Takes bytes, writes sealed chunks; ``close`` writes the last one and leaves the file open."""

    def __init__(self, out: BinaryIO, passphrase: bytes) -> None:
        salt, self._prefix = secrets.token_bytes(_SALT), secrets.token_bytes(_PREFIX)
        self._out = out
        self._cipher = _cipher(passphrase, salt)
        self._header = MAGIC + salt + self._prefix
        self._held = bytearray()
        self._number = 0
        out.write(self._header)

    def write(self, data: bytes) -> int:
        """Take more."""
        self._held += data
        while len(self._held) > _CHUNK:
            self._seal(bytes(self._held[:_CHUNK]), last=False)
            del self._held[:_CHUNK]
        return len(data)

    def close(self) -> None:
        """Write what is left as the last chunk."""
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last), chunk, self._header))
        self._number += 1


class SealedReader:
    """Gives the bytes back, chunk by chunk; nothing of a chunk is given that does not open."""

    def __init__(self, source: BinaryIO, passphrase: bytes) -> None:
        """Read the header (WrongPassphrase where the file is too short to have one)."""
        self._header = source.read(len(MAGIC) + _SALT + _PREFIX)
        salt = self._header[len(MAGIC) : len(MAGIC) + _SALT]
        self._prefix = self._header[len(MAGIC) + _SALT :]
        if len(self._prefix) != _PREFIX:
            raise WrongPassphrase("too short")
        self._source = source
        self._cipher = _cipher(passphrase, salt)
        self._number = 0
        self._next = source.read(_CHUNK + _TAG)
        self._held = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end.

        Raises:
            WrongPassphrase: the first chunk does not open.
            Damaged: a later one does not.
        """
        while len(self._held) < size and not self._ended:
            self._open()
        given = bytes(self._held[:size])
        del self._held[:size]
        return given

    def _open(self) -> None:
        sealed, self._next = self._next, self._source.read(_CHUNK + _TAG)
        self._ended = not self._next
        try:
            self._held += self._cipher.decrypt(_nonce(self._prefix, self._number, self._ended), sealed, self._header)
        except InvalidTag:
            raise (WrongPassphrase if self._number == 0 else Damaged)(f"chunk {self._number}") from None
        self._number += 1
