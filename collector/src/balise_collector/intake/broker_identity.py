"""The collector's own certificate for its broker: issued by its own authority, renewed while it runs.

Lives here: the two files in ``state_dir/broker/`` and the TLS settings made of them. Must not live here: MQTT
(broker.py), what a certificate says (authority/).
"""

import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from balise_collector.fleet.authority import CA_FILE, Authority
from balise_collector.fleet.broker_files.render import COLLECTOR_NAME
from balise_collector.system import durable
from balise_collector.system.clock import machine_time
from balise_collector.system.errors import ConfigError

FOLDER: Final = "broker"
CERTIFICATE: Final = "collector.pem"
_DAYS: Final = 365
_LEFT: Final = 1 / 3
"""With less than this share of its life left a certificate is made anew: long before `authority show` points it out."""


class BrokerIdentity:
    """Who the collector is to a broker whose certificate its own authority made."""

    def __init__(self, state_dir: Path, authority_dir: Path, now: Callable[[], float] = machine_time) -> None:
        """Name the files; ``ensure`` makes them."""
        self._folder = state_dir / FOLDER
        self._authority_dir = authority_dir
        self._now = now

    def ensure(self) -> bool:
        """Make the certificate where it is missing, of another authority, or near its end; whether it was made.

        Raises:
            ConfigError: the authority or the folder cannot be used.
            JournalError: the authority could not record a new certificate.
        """
        with closing(Authority.open_or_create(self._authority_dir, self._now)) as authority:
            if self._good(authority.certificate_pem.encode()):
                return False
            certificate, key = authority.issue_keyed_client(COLLECTOR_NAME, _DAYS)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In one file, so that a crash leaves no certificate beside another's key.
            durable.replace(self._folder / CERTIFICATE, (certificate + key).encode(), durable.SECRET)
        except OSError as error:
            raise ConfigError(f"{self._folder}: {error.strerror}; make it writable for the collector's user") from None
        return True

    def _good(self, root: bytes) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate((self._folder / CERTIFICATE).read_bytes())
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        return ends - self._now() > (ends - begins) * _LEFT

    def context(self) -> ssl.SSLContext:
        """Return TLS settings that believe our own authority alone (OSError or ssl.SSLError where a file is spoilt)."""
        context = ssl.create_default_context(cafile=str(self._authority_dir / CA_FILE))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.load(context)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Put the certificate of today into a context; connections from now on show it."""
        context.load_cert_chain(self._folder / CERTIFICATE)
