"""The authority on disk: its key, its certificate, the record of what it issued, and the revocation list.

``ca.key`` and ``issued.sqlite`` are secret, ``ca.pem`` and ``crl.pem`` are for everybody. The record decides: a
certificate is in it before anybody holds it, and the list is written from it, so a crash loses neither. The command
line and the running collector may work on one folder at once. Dates are the machine's own also where the laboratory
drives the clock: OpenSSL judges by them. Must not live here: what a certificate says (certificates.py).
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from balise_collector.fleet.authority import certificates
from balise_collector.fleet.authority.certificates import CLIENT_DAYS, CRL_DAYS, DAY, SERVER_DAYS
from balise_collector.system import durable
from balise_collector.system.clock import machine_time
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.migrations import bring_up, columns
from balise_collector.system.shared_file import make_tables, open_shared, transaction
from balise_wire.topics import is_probe_id

FOLDER: Final = "authority"
CA_FILE: Final = "ca.pem"
KEY_FILE: Final = "ca.key"
CRL_FILE: Final = "crl.pem"
COLLECTOR: Final = "collector"
"""The name that the broker knows the collector by; no probe can have it."""
RECORD_FILE: Final = "issued.sqlite"
_CRL_FRESH: Final = 30 * DAY
"""A list older than this is written anew, long before it runs out."""
MOST_IN_A_WEEK: Final = 3
"""Certificates that are made for one key in a week; a probe renews after sixty days, and asks again where an answer was
lost."""
MOST_OF_NAME: Final = 64
"""Certificates of one probe that are in the record and, once it is revoked, on the list: 39 by renewals alone."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS certificate(
  serial TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, issued_at REAL NOT NULL,
  expires REAL NOT NULL, revoked_at REAL);
CREATE INDEX IF NOT EXISTS certificate_name ON certificate(name, kind);
CREATE TABLE IF NOT EXISTS list(
  number INTEGER NOT NULL, written_at REAL NOT NULL);
"""


class TooManyCertificates(Exception):
    """A probe has had as many certificates as there may be."""


class IssuedCertificate(msgspec.Struct, frozen=True):
    """One line of the record."""

    serial: str
    """Hex."""
    name: str
    """Common name: a probe's id, or a door's first name."""
    kind: str
    """``client`` or ``server``."""
    key: str
    """Public key in hex: 64 digits for a probe's Ed25519 key, else the DER form."""
    issued_at: float
    expires: float
    revoked_at: float | None


class Authority:
    """One connection to the authority's folder; each thread opens its own."""

    def __init__(
        self,
        folder: Path,
        root: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        now: Callable[[], float] = machine_time,
    ) -> None:
        """Join what ``open_or_create`` read (ConfigError when the record cannot be opened)."""
        self.folder = folder
        self._root = root
        self._key = key
        self._now = now
        self._record = open_shared(folder / RECORD_FILE, _bring_up)

    @classmethod
    def open_or_create(cls, folder: Path, now: Callable[[], float] = machine_time) -> "Authority":
        """Open the authority, or found it where the folder is empty.

        Args:
            folder: ``state_dir/authority``.
            now: UNIX seconds of the machine; a test gives its own.

        Raises:
            ConfigError: the folder cannot be written, a file is missing, damaged, or readable for others.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = _key_of(folder)
            root = _root_of(folder, key, now())
        except OSError as error:
            raise ConfigError(
                f"{folder}: {error.strerror}; make [collector] state_dir writable for the collector's user"
            ) from None
        authority = cls(folder, root, key, now)
        authority.refresh()
        return authority

    def close(self) -> None:
        """Close the connection."""
        self._record.close()

    @property
    def certificate_pem(self) -> str:
        """The authority's certificate."""
        return certificates.pem(self._root).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate (DER), 64 hex digits: what cards are pinned to."""
        return certificates.fingerprint(self._root)

    @property
    def expires(self) -> float:
        """UNIX seconds of the authority's own end."""
        return self._root.not_valid_after_utc.timestamp()

    def issue_client(self, csr_pem: str, name: str, days: float = CLIENT_DAYS) -> str:
        """Return a client certificate for the Ed25519 key of a request, under ``name`` whatever the request says.

        Raises:
            RequestMalformed: see ``read_request``.
            ConfigError: a name that cannot stand in a topic: the broker makes topics of it.
            JournalError: it could not be recorded, so it was not issued.
        """
        if not is_probe_id(name):
            raise ConfigError(f"{name!r}: no id of a probe; use 4 to 32 of a-z and 0-9")
        key = certificates.read_request(csr_pem.encode())
        return self._client(key, name, days)

    def issue_again(self, csr_pem: str, name: str) -> str:
        """Return a client certificate for a request that may come any number of times: enrolment and renewal.

        Where a key had enough of them in the last week, the youngest is given again, so that neither the record nor the
        list grows with the number of questions.

        Raises:
            RequestMalformed, ConfigError, JournalError: as ``issue_client``.
            TooManyCertificates: the name has had too many in the time that one is good for.
        """
        if not is_probe_id(name):
            raise ConfigError(f"{name!r}: no id of a probe; use 4 to 32 of a-z and 0-9")
        key = certificates.read_request(csr_pem.encode())
        now = self._now()
        held = self._record.execute(
            "SELECT pem FROM certificate WHERE name = ? AND kind = 'client' AND key = ? AND revoked_at IS NULL"
            " AND issued_at > ? AND issued_at <= ? AND expires > ? AND pem <> ''"
            " ORDER BY issued_at DESC, serial LIMIT ?",
            (name, key.public_bytes_raw().hex(), now - 7 * DAY, now, now, MOST_IN_A_WEEK),
        ).fetchall()
        if len(held) >= MOST_IN_A_WEEK:
            return str(held[0][0])
        query = "SELECT count(*) FROM certificate WHERE name = ? AND kind = 'client' AND expires > ?"
        if self._record.execute(query, (name, now)).fetchone()[0] >= MOST_OF_NAME:
            raise TooManyCertificates(f"{MOST_OF_NAME} certificates were made for this probe already; ask for a new id")
        return self._client(key, name, CLIENT_DAYS)

    def issue_keyed_client(self, name: str, days: float = SERVER_DAYS) -> tuple[str, str]:
        """Return certificate and private key for a client of ours that has none, such as the collector itself.

        Raises:
            ConfigError: a name that cannot stand in a topic.
            JournalError: it could not be recorded, so it was not issued.
        """
        if name != COLLECTOR and not is_probe_id(name):
            raise ConfigError(f"{name!r}: no name of a client; use 4 to 32 of a-z and 0-9")
        key = certificates.new_key()
        return self._client(key.public_key(), name, days), certificates.key_pem(key).decode()

    def issue_server(
        self, names: Sequence[str], addresses: Sequence[str] = (), days: float = SERVER_DAYS
    ) -> tuple[str, str]:
        """Return the chain (leaf, then authority) and the private key of a door.

        Raises:
            ConfigError: a name or an address that is none, or neither is given.
            JournalError: it could not be recorded, so it was not issued.
        """
        now, key = self._now(), certificates.new_key()
        try:
            certificate = certificates.server_certificate(
                self._root, self._key, key.public_key(), names, addresses, now, days
            )
        except ValueError as error:
            raise ConfigError(f"{', '.join((*names, *addresses)) or 'no name'}: {error}; give a host name") from None
        self._note(certificate, (*names, *addresses)[0], "server", now)
        return certificates.pem(certificate).decode() + self.certificate_pem, certificates.key_pem(key).decode()

    def revoke(self, name: str, *, except_key: str = "") -> int:
        """Refuse every client certificate of ``name`` (but those for ``except_key``); returns how many.

        Returns when the record and the list are on disk (JournalError when they could not be written).
        """
        with self._turn() as record:
            count = record.execute(
                "UPDATE certificate SET revoked_at = ? WHERE name = ? AND kind = 'client' AND key <> ?"
                " AND revoked_at IS NULL",
                (self._now(), name, except_key),
            ).rowcount
            self._write_list(record)
        return count

    def revoke_others(self, keys: Mapping[str, str]) -> int:
        """Refuse the certificates that the registry no longer stands for; again, it mends what a crash left behind.

        Args:
            keys: each known probe's key in hex; empty for one that may not speak. Names that it does not hold are
                left alone (the collector's own).

        Returns:
            How many certificates were refused by this.
        """
        return sum(self.revoke(name, except_key=keys[name]) for name in self._disagreeing(keys))

    def _disagreeing(self, keys: Mapping[str, str]) -> list[str]:
        rows = self._record.execute(
            "SELECT DISTINCT name, key FROM certificate WHERE kind = 'client' AND revoked_at IS NULL AND expires > ?",
            (self._now(),),
        )
        return sorted({name for name, key in rows if name in keys and keys[name] != key})

    def crl(self) -> str:
        """Return the revocation list in PEM, written anew where it is missing or a month old."""
        self.refresh()
        return (self.folder / CRL_FILE).read_text(encoding="ascii")

    def refresh(self) -> bool:
        """Write the list where it is missing or a month old; whether it was (JournalError when it could not be)."""
        written = self._record.execute("SELECT max(written_at) FROM list").fetchone()[0]
        age = self._now() - (written or 0.0)
        if 0.0 <= age < _CRL_FRESH and (self.folder / CRL_FILE).exists():
            return False
        with self._turn() as record:
            self._write_list(record)
        return True

    @property
    def crl_expires(self) -> float:
        """UNIX seconds at which the list on disk runs out."""
        written = self._record.execute("SELECT max(written_at) FROM list").fetchone()[0]
        return float(written or 0.0) + CRL_DAYS * DAY

    def issued(self) -> list[IssuedCertificate]:
        """Return every certificate that has not run out, oldest first."""
        rows = self._record.execute(
            "SELECT serial, name, kind, key, issued_at, expires, revoked_at FROM certificate WHERE expires > ?"
            " ORDER BY issued_at, serial",
            (self._now(),),
        )
        return [IssuedCertificate(*row) for row in rows]

    def _client(self, key: Ed25519PublicKey | ec.EllipticCurvePublicKey, name: str, days: float) -> str:
        now = self._now()
        certificate = certificates.client_certificate(self._root, self._key, key, name, now, days)
        self._note(certificate, name, "client", now)
        return certificates.pem(certificate).decode()

    def _note(self, certificate: x509.Certificate, name: str, kind: str, now: float) -> None:
        """Record a certificate before anybody is given it."""
        with self._turn() as record:
            record.execute("DELETE FROM certificate WHERE expires < ?", (now - 30 * DAY,))
            record.execute(
                "INSERT INTO certificate(serial, name, kind, key, issued_at, expires, pem) VALUES(?,?,?,?,?,?,?)",
                (
                    f"{certificate.serial_number:x}",
                    name,
                    kind,
                    _key_hex(certificate),
                    now,
                    certificate.not_valid_after_utc.timestamp(),
                    certificates.pem(certificate).decode() if kind == "client" else "",
                ),
            )

    def _write_list(self, record: sqlite3.Connection) -> None:
        """Write the list under the record's lock, so that an older one never replaces a newer."""
        now = self._now()
        number = int(record.execute("SELECT coalesce(max(number), 0) + 1 FROM list").fetchone()[0])
        rows = record.execute(
            "SELECT serial, revoked_at FROM certificate WHERE revoked_at IS NOT NULL AND expires > ? ORDER BY serial",
            (now - DAY,),
        )
        revoked = [(int(serial, 16), at) for serial, at in rows]
        record.execute("DELETE FROM list")
        record.execute("INSERT INTO list VALUES(?,?)", (number, now))
        text = certificates.revocation_list(self._root, self._key, revoked, number, now)
        try:
            durable.replace(self.folder / CRL_FILE, text, durable.PUBLIC)
        except OSError as error:
            raise JournalError(
                f"{self.folder / CRL_FILE}: not written: {error.strerror}; make room and see that it is writable"
            ) from None

    def _turn(self) -> AbstractContextManager[sqlite3.Connection]:
        """Hold the record's write lock for one change (JournalError when it could not be kept)."""
        return transaction(self._record, self.folder / RECORD_FILE)


def _bring_up(record: sqlite3.Connection) -> None:
    make_tables(record, _TABLES)
    bring_up(record, [columns("certificate", {"pem": "TEXT NOT NULL DEFAULT ''"})])


def _key_of(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Read the authority's key, or make it where nothing was founded yet."""
    path = folder / KEY_FILE
    if not path.exists():
        if (folder / CA_FILE).exists() or (folder / RECORD_FILE).exists():
            raise ConfigError(f"{path}: is missing; restore it from the backup (every probe trusts this authority)")
        durable.write_once(path, certificates.key_pem(certificates.new_key()), durable.SECRET)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: readable for other users; run chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        raise ConfigError(f"{path}: no private key; restore it from the backup") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path}: not the authority's kind of key; restore it from the backup")
    return key


def _root_of(folder: Path, key: ec.EllipticCurvePrivateKey, now: float) -> x509.Certificate:
    """Read the authority's certificate; it is made once, between the key and the record."""
    path = folder / CA_FILE
    if not path.exists():
        if (folder / RECORD_FILE).exists():
            raise ConfigError(f"{path}: is missing; restore it from the backup (cards are pinned to its fingerprint)")
        durable.write_once(path, certificates.pem(certificates.authority_certificate(key, now)), durable.PUBLIC)
    try:
        root = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise ConfigError(f"{path}: no certificate; restore it from the backup") from None
    if root.public_key() != key.public_key():
        raise ConfigError(f"{path}: belongs to another key than {KEY_FILE}; restore both from one backup")
    return root


def _key_hex(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw().hex()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
