"""The one thread that writes: what paho's threads enqueue is gathered here and handed to the writer.

Ownership: paho's threads only enqueue; this thread opens and owns the journal's and the registry's connection. Lives
here: gathering, starting, ending, and what is looked at once an hour: copies, our own certificate. Must not live here:
what is done with a delivery (writer.py).
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.registry import RegistryOpener
from balise_collector.intake.broker import Arrival, Connection
from balise_collector.intake.broker_identity import IdentityRenewal, identity_of
from balise_collector.intake.writer import IntakeWriter
from balise_collector.journal.interface import Journal
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_wire.status import Health

_log = logging.getLogger(__name__)
GROUP_MOST: Final = 64
"""Messages in one commit; below any sensible receive window, or the broker would wait for us and we for it."""
GROUP_SECONDS: Final = 0.050
"""Longest wait for company, in real seconds."""
_GAP_SECONDS: Final = 0.003
"""A queue that stays empty so long has no company coming: with a broker's window of 20, 64 never arrive."""
_IDLE_SECONDS: Final = 0.5
_COPY_EVERY: Final = 3600.0
"""Real seconds between two copies of the registry, at most."""


class Ingest(threading.Thread):
    """The writer thread."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        key: Ed25519PrivateKey,
        catalogue: Catalogue,
        open_journal: Callable[[], Journal],
        open_registry: RegistryOpener,
        keep_copies: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; ``start`` connects.

        Args:
            config: the settings.
            clock: time.
            key: the collector's.
            catalogue: of what assignments are made.
            open_journal: called in the thread, which writes through it and closes it.
            open_registry: likewise.
            keep_copies: called where the registry changed, and once an hour.

        Raises:
            ConfigError: a certificate or password file that cannot be used.
        """
        super().__init__(name="ingest", daemon=True)
        self._parts = (config, clock, key, catalogue)
        self._clock = clock
        self._open_journal = open_journal
        self._open_registry = open_registry
        self._keep_copies = keep_copies
        self._queue: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._stopping = threading.Event()
        identity = identity_of(config)
        self._connections = [
            Connection(broker, self._queue.put, identity, observe=bool(config.network.origins))
            for broker in config.broker
        ]
        self._renewal = IdentityRenewal(identity, self._connections, clock)
        self._copied_at = clock.monotonic()
        self._learned: Mapping[tuple[str, int], tuple[str, ...]] = {}
        self._relearned = threading.Event()
        self._health: Mapping[str, Health] = {}
        self.failed: BaseException | None = None
        """What ended the thread, where it did not end by ``stop``."""

    def stop(self) -> None:
        """Ask the thread to finish its group, say offline, and end."""
        self._stopping.set()

    def health(self) -> dict[str, Health]:
        """Return the last health of each probe (a copy; any thread may ask)."""
        return dict(self._health)

    def connected(self) -> dict[str, bool]:
        """Return whether each broker's connection stands."""
        return {connection.name: connection.up for connection in self._connections}

    def learn(self, addresses: Mapping[tuple[str, int], tuple[str, ...]]) -> None:
        """Take addresses that references found, by (host, family); assignments are made anew (any thread)."""
        self._learned = dict(addresses)
        self._relearned.set()

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        """Gather, commit, answer, until stopped."""
        try:
            with closing(self._open_journal()) as journal, closing(self._open_registry()) as registry:
                self._write(IntakeWriter(*self._parts, journal, registry, self._connections, self._stopping))
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the program, loudly
            self.failed = error
            _log.exception("ingest ended")

    def _write(self, writer: IntakeWriter) -> None:
        """Take turns until stopped, then finish."""
        self._health = writer.health
        for connection in self._connections:
            connection.start()
        while not self._stopping.is_set():
            self._turn(writer)
        writer.say_offline()
        for connection in self._connections:
            connection.stop()

    def _turn(self, writer: IntakeWriter) -> None:
        arrivals = self._gather()
        if writer.look_at_fleet() or self._clock.monotonic() - self._copied_at >= _COPY_EVERY:
            self._copied_at = self._clock.monotonic()
            self._keep_copies()
        if self._relearned.is_set():
            self._relearned.clear()
            writer.assignments.learn(self._learned)
        writer.turn(arrivals)
        self._renewal.look()

    def _gather(self) -> list[Arrival]:
        """Wait for one arrival, then for company: up to 64 of them, 50 ms, or a gap of 3 ms."""
        try:
            arrivals = [self._queue.get(timeout=_IDLE_SECONDS / max(1.0, min(self._clock.scale, 10.0)))]
        except queue.Empty:
            return []
        until = self._clock.monotonic() + GROUP_SECONDS
        while len(arrivals) < GROUP_MOST:
            try:
                arrivals.append(self._queue.get(timeout=min(_GAP_SECONDS, max(0.0, until - self._clock.monotonic()))))
            except queue.Empty:
                break
        return arrivals
