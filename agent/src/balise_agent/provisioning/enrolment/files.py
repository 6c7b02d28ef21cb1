"""What was learned at enrolment, on disk, so that a power cut leaves "not enrolled" or "enrolled", never between.

``enrolment.json`` is the truth: it is replaced whole, by one rename. The PEM files that OpenSSL reads are copies of
what stands in it and are put right at each start; ``enrolled`` is the mark that other programs look for, written last.
Lives here: those files. Must not live here: whether an enrolment is to be believed (decide.py).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from balise_agent.provisioning.enrolment.decide import Pems, believed
from balise_agent.system import disk
from balise_agent.system.config import EnrolmentSettings as Wish
from balise_agent.system.identity import Identity
from balise_wire.enrolment import Enrolment

FOLDER: Final = "enrolment"
MARK: Final = "enrolled"
_TRUTH, _AUTHORITY, _CERTIFICATE, _KEY, _SPENT = "enrolment.json", "ca.pem", "certificate.pem", "client.key", "token"


@dataclass(frozen=True)
class Kept:
    """What the folder holds."""

    enrolment: Enrolment | None = None
    damaged: str = ""
    """Why something that was kept cannot be used; empty where nothing was kept or all is well."""


class Files:
    """The folder ``state_dir/enrolment``, for its owner alone."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / FOLDER

    @property
    def pems(self) -> Pems:
        """The files for OpenSSL."""
        return Pems(
            authority=str(self.folder / _AUTHORITY),
            certificate=str(self.folder / _CERTIFICATE),
            key=str(self.folder / _KEY),
        )

    def load(self, identity: Identity, fingerprint: str) -> Kept:
        """Read what is kept, and put the copies right (OSError where they cannot be written). For the service alone."""
        kept = self.peek(identity, fingerprint)
        if kept.enrolment is not None:
            self._put_right(kept.enrolment, identity)
        return kept

    def peek(self, identity: Identity, fingerprint: str) -> Kept:
        """Read what is kept and write nothing: whoever types a command may be another user than the service.

        Args:
            identity: the probe's key; a certificate for another one (a copied card) is damage.
            fingerprint: of the authority that the settings pin.
        """
        try:
            content = (self.folder / _TRUTH).read_bytes()
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            return Kept(damaged=f"{_TRUTH}: {error.strerror}")
        try:
            enrolment = msgspec.json.decode(content, type=Enrolment)
        except msgspec.DecodeError:
            return Kept(damaged=f"{_TRUTH} is not whole")
        wrong = believed(enrolment, key=identity.key.public_key(), fingerprint=fingerprint)
        if wrong:
            return Kept(damaged=f"{_TRUTH}: {wrong}")
        return Kept(enrolment)

    def keep(self, enrolment: Enrolment, identity: Identity, token: str) -> None:
        """Write an enrolment; from the rename of the truth on it is the one that counts.

        Raises:
            OSError: the disk refused; what was kept before is as it was.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if token:
            self._write(_SPENT, _digest(token).encode())
        self._write(_TRUTH, msgspec.json.format(msgspec.json.encode(enrolment), indent=2))
        self._put_right(enrolment, identity)

    def is_new(self, token: str) -> bool:
        """Whether a token is another one than the last that was spent."""
        try:
            return bool(token) and (self.folder / _SPENT).read_text(encoding="ascii") != _digest(token)
        except (OSError, UnicodeDecodeError):
            return bool(token)

    def _put_right(self, enrolment: Enrolment, identity: Identity) -> None:
        """Let every copy say what the truth says."""
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        copies = (
            (_AUTHORITY, enrolment.authority.encode()),
            (_CERTIFICATE, enrolment.certificate.encode()),
            (_KEY, key),
            (MARK, b""),
        )
        for name, content in copies:
            if _content(self.folder / name) != content:
                self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        """Replace a file whole, and overwrite what it was (OSError)."""
        disk.replace(self.folder / name, content, draft=f".{name}.new")


def token_of(wish: Wish) -> str:
    """Return the one-time token, from the settings or from the file that they name; empty where there is none."""
    if wish.token or not wish.token_file:
        return wish.token.strip()
    try:
        return Path(wish.token_file).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
