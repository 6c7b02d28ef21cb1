"""The collector's own certificate for its broker: issued by its own authority, renewed while it runs.

Lives here: the two files in ``state_dir/broker/`` and the TLS settings made of them. Must not live here: MQTT
(broker.py), what a certificate says (authority/).
"""

import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from balise_collector.fleet.authority import CA_FILE, Authority
from balise_collector.fleet.broker_files.render import COLLECTOR_NAME
from balise_collector.system import durable
from balise_collector.system.clock import Clock, machine_time
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, JournalError

_log = logging.getLogger(__name__)
FOLDER: Final = "broker"
CERTIFICATE: Final = "collector.pem"
_DAYS: Final = 365
_LEFT: Final = 1 / 3
"""With less than this share of its life left a certificate is made anew: long before `authority show` points it out."""
_LOOK_EVERY: Final = 3600.0
"""Real seconds between two looks at our own certificate."""


class TakesIdentity(Protocol):
    """A connection that shows the certificate."""

    def take_identity(self) -> None:
        """Show the certificate of today from the next handshake on."""
        ...


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


class IdentityRenewal:
    """Looks once an hour whether the certificate is to be made anew: its dates are the machine's."""

    def __init__(self, identity: BrokerIdentity | None, connections: Sequence[TakesIdentity], clock: Clock) -> None:
        """Prepare; without an ``identity`` there is nothing to look at."""
        self._identity = identity
        self._connections = connections
        self._clock = clock
        self._looked_at = clock.monotonic()

    def look(self) -> None:
        """Renew it in time; the connection that stands goes on, the next one shows the new certificate."""
        now = self._clock.monotonic()
        if self._identity is None or now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        try:
            if self._identity.ensure():
                for connection in self._connections:
                    connection.take_identity()
                _log.info("our certificate for the broker was renewed")
        except (ConfigError, JournalError) as error:
            _log.error("our certificate for the broker is not renewed: %s", error)  # there is a month to mend it


def identity_of(config: Config) -> BrokerIdentity | None:
    """Return who we are to brokers of our own authority, with its certificate made; ``None`` where there are none."""
    if not any(broker.own_authority for broker in config.broker):
        return None
    identity = BrokerIdentity(config.state_dir, config.authority_dir)
    identity.ensure()
    return identity
