"""The thread that keeps authority and doors in order while the collector runs.

Lives here: when the list is renewed, when registry and authority are compared, when a door's certificate is looked at.
Must not live here: what any of that does.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Final

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment.revocation_sync import agree
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, JournalError

_log = logging.getLogger(__name__)
_EVERY_SECONDS: Final = 600.0
"""Real seconds between two looks."""


class Keeper(threading.Thread):
    """Looks every ten minutes."""

    def __init__(self, config: Config, also: Callable[[Authority], None] = lambda _authority: None) -> None:
        """Look a first time (ConfigError, JournalError); ``also`` is called at every look."""
        super().__init__(name="authority", daemon=True)
        self.failed: BaseException | None = None
        self._config = config
        self._also = also
        self._stopping = threading.Event()
        self.look()

    def look(self) -> None:
        """Renew the list where it is old, refuse what the registry does not stand for, look at the doors."""
        with (
            closing(FleetRegistry(self._config.fleet_file)) as registry,
            closing(Authority.open_or_create(self._config.authority_dir)) as authority,
        ):
            refused = agree(registry, authority)
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
                _log.exception("the authority's keeper ended")
                return

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
