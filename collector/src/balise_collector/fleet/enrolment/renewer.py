"""The thread that keeps authority and listeners in order while the collector runs.

Lives here: when the list is renewed, when registry and authority are compared, when a listener's certificate is looked
at. Must not live here: what any of that does.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment.revocation_sync import sync_revocations
from balise_collector.fleet.registry import RegistryOpener
from balise_collector.system.errors import ConfigError, JournalError

_log = logging.getLogger(__name__)
_EVERY_SECONDS: Final = 600.0
"""Real seconds between two looks."""


class CertificateRenewer(threading.Thread):
    """Looks every ten minutes."""

    def __init__(
        self,
        authority_dir: Path,
        open_registry: RegistryOpener,
        also: Callable[[Authority], None] = lambda _authority: None,
    ) -> None:
        """Look a first time (ConfigError, JournalError).

        Args:
            authority_dir: the authority's folder.
            open_registry: opens the registry.
            also: called at every look.
        """
        super().__init__(name="authority", daemon=True)
        self.failed: BaseException | None = None
        self._authority_dir = authority_dir
        self._open_registry = open_registry
        self._also = also
        self._stopping = threading.Event()
        self.look()

    def look(self) -> None:
        """Renew the list where it is old, refuse what the registry does not stand for, look at the listeners."""
        with (
            closing(self._open_registry()) as registry,
            closing(Authority.open_or_create(self._authority_dir)) as authority,
        ):
            refused = sync_revocations(registry, authority)
            self._also(authority)
        if refused:
            _log.info("authority: %d certificates are refused from now on", refused)

    def run(self) -> None:
        """Look until stopped; what could not be done is tried again."""
        while not self._stopping.wait(_EVERY_SECONDS):
            try:
                self.look()
            except (ConfigError, JournalError) as error:
                _log.error("authority: %s", error)
            except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
                self.failed = error
                _log.exception("the certificate renewer ended")
                return

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
