"""What the pipeline opens: the journal that it follows, the store that it writes, the registry that it asks.

Must not live here: back ends (run/databases.py chooses them).
"""

from pathlib import Path
from typing import Protocol

from balise_collector.conclude.store import Store
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.journal.interface import Journal


class Databases(Protocol):
    """One thread's connections, each opened at its first use."""

    @property
    def journal(self) -> Journal:
        """The journal."""
        ...

    @property
    def store(self) -> Store:
        """The derived store, which shows the measurements of the same journal."""
        ...

    @property
    def registry(self) -> FleetRegistry:
        """The fleet's registry."""
        ...

    def close(self) -> None:
        """Close what was opened."""
        ...


class DatabasesOpener(Protocol):
    """Makes a thread's connections, which the thread closes."""

    def __call__(self, *, derived: Path | None = None) -> Databases:
        """``derived``: another derived store than the settings' (a replay's draft)."""
        ...
