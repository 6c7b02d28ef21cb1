"""The files that one thread has open: each of them once, at its first use; here alone back ends are chosen.

Must not live here: what any of them holds, and which thread this is (system/each_thread.py).
"""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.config import Config


class Databases:
    """Journal, derived store and registry of one thread: a connection each, and none that it does not use."""

    def __init__(self, config: Config, *, derived: Path | None = None, reading: bool = False) -> None:
        """Open nothing yet.

        Args:
            config: where the files are.
            derived: another derived store than the settings' (a replay's draft).
            reading: nothing is to be written, made or brought up to date.
        """
        self._config = config
        self._derived = derived or config.derived_file
        self._reading = reading
        self._opened = ExitStack()
        self._fleet: Fleet | None = None

    @cached_property
    def journal(self) -> SqliteJournal:
        """The journal (JournalError where it cannot be opened)."""
        room = self._config.collector.quarantine_bytes
        journal = SqliteJournal(self._config.journal_file, quarantine_bytes=room, reading=self._reading)
        self._opened.callback(journal.close)
        return journal

    @cached_property
    def store(self) -> SqliteStore:
        """The derived store, which shows the measurements of the same journal (JournalError)."""
        store = SqliteStore(self._derived, self.journal, reading=self._reading)
        self._opened.callback(store.close)
        return store

    @cached_property
    def registry(self) -> SqliteRegistry:
        """The fleet's registry (ConfigError or, for reading, JournalError where it cannot be opened)."""
        registry = SqliteRegistry(self._config.fleet_file, reading=self._reading)
        self._opened.callback(registry.close)
        return registry

    def fleet(self) -> Fleet:
        """Return the fleet as it stands, read again where somebody changed it: making its keys ready takes its time."""
        if self._fleet is None or self.registry.changed():
            self._fleet = self.registry.fleet()
        return self._fleet

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()
