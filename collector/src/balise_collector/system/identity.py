"""Who the collector is: one Ed25519 seed beside the journal, and the keys the probes are given.

Lives here: the key file (32 bytes as 64 hex digits and a newline, mode 600, made at the first start and never again),
and the key to probes' boxes that follows from it: whoever restores the one has the other. Must not live here: sealing
(wire), the keys of probes (fleet).
"""

import hashlib
import re
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from balise_collector.system import durable
from balise_collector.system.errors import ConfigError
from balise_wire import box
from balise_wire.seal import public_bytes

KEY_FILE: Final = "collector.key"
PUBLIC_ID_FILE: Final = "public.key"
_SEED = re.compile(r"[0-9a-f]{64}\n?")
_OTHERS: Final = 0o077


def load_or_create(state_dir: Path) -> Ed25519PrivateKey:
    """Read ``state_dir/collector.key``, or make it.

    Raises:
        ConfigError: the folder cannot be written, or the file is no seed or readable for others.
    """
    path = state_dir / KEY_FILE
    try:
        if not path.exists():
            _create(path)
        mode = path.stat().st_mode
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; make [collector] state_dir a folder that the collector's user can write"
        ) from None
    if not _SEED.fullmatch(text):
        raise ConfigError(f"{path}: not a 64-digit hex seed; restore it from the backup (every probe trusts this key)")
    if mode & _OTHERS:
        raise ConfigError(f"{path}: readable for other users; run chmod 600 {path}")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))


def public_hex(key: Ed25519PrivateKey) -> str:
    """Return the public key as the 64 hex digits that a probe's ``[collector] key`` takes."""
    return public_bytes(key.public_key()).hex()


def box_key(key: Ed25519PrivateKey) -> X25519PrivateKey:
    """Return the key that opens what probes boxed for this collector."""
    return box.private_key(key.private_bytes_raw())


def public_id_key(key: Ed25519PrivateKey) -> bytes:
    """Return the secret under which incidents have other ids in public (pages/public.py), the same at every start."""
    return hashlib.sha256(b"balise public ids\0" + key.private_bytes_raw()).digest()


def keep_public_id_key(state_dir: Path, key: Ed25519PrivateKey) -> None:
    """Write the secret of the public ids where the public view's process finds it, which never sees the key itself."""
    text = public_id_key(key).hex().encode() + b"\n"
    path = state_dir / PUBLIC_ID_FILE
    try:
        if not path.exists() or path.read_bytes() != text:
            durable.replace(path, text, durable.SECRET)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make the folder writable for the collector's user") from None


def read_public_id_key(state_dir: Path) -> bytes:
    """Return that secret (ConfigError where it cannot be read)."""
    path = state_dir / PUBLIC_ID_FILE
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; `balise-collector run` writes it at its start") from None
    if not _SEED.fullmatch(text):
        raise ConfigError(f"{path}: not 64 hex digits; remove it, `balise-collector run` writes it at its start")
    return bytes.fromhex(text)


def _create(path: Path) -> None:
    """Write a new seed whole or not at all; where two programs start at once, one file wins and both read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_once(path, secrets.token_hex(32).encode() + b"\n", durable.SECRET)
