"""Who this probe is: one Ed25519 seed on the data partition, and the secrets derived from it.

Lives here: the key file (32 bytes as 64 hex digits and a newline, mode 600, made at the first start and never again),
the public key the operator approves, and the device secret that jitters the schedule. Must not live here: sealing.
"""

import contextlib
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from balise_agent.system.errors import DataError, KeyUnusableError
from balise_wire.seal import public_bytes

KEY_FILE: Final = "probe.key"
_SEED = re.compile(r"[0-9a-f]{64}\n?")
_OTHERS: Final = 0o077


@dataclass(frozen=True)
class Identity:
    """The probe's key pair and what follows from it."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public_hex(self) -> str:
        """The public key as 64 hex digits: what ``fleet approve`` takes."""
        return public_bytes(self.key.public_key()).hex()

    @property
    def jitter_secret(self) -> bytes:
        """32 bytes that only this device knows, for the schedule's HMAC; RFC 5869 keeps it apart from the key."""
        return HKDF(SHA256(), 32, salt=None, info=b"balise/v1 schedule jitter").derive(self.key.private_bytes_raw())


def load_or_create(state_dir: Path) -> Identity:
    """Read ``state_dir/probe.key``, or make it.

    Raises:
        DataError: the folder cannot be written.
        KeyUnusableError: the file is no seed, or others may read it.
    """
    path = state_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except UnicodeDecodeError:
        text, mode = "", 0
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}; make [probe] state_dir a folder that the agent's user can write"
        ) from None
    if not _SEED.fullmatch(text):
        raise KeyUnusableError(
            f"{path}: not a 64-digit hex seed; restore it from the backup, or remove it to become a new probe"
        )
    if mode & _OTHERS:
        raise KeyUnusableError(f"{path}: readable for other users; run chmod 600 {path}")
    return Identity(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text)))


def ephemeral() -> Identity:
    """Return an identity that is written nowhere, for programs that publish nothing."""
    return Identity(Ed25519PrivateKey.generate())


def collector_key(text: str) -> Ed25519PublicKey:
    """Return the collector's public key from its 64 hex digits (already checked by config)."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))


def _create(path: Path) -> None:
    """Write a new seed whole or not at all; where two programs start at once, one file wins and both read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_hex(32).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
