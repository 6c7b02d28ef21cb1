"""The fleet as the writer knows it now: one table for all of intake, made anew where the registry changed.

Must not live here: the registry.
"""

import dataclasses

import msgspec

from balise_collector.fleet.members import Fleet
from balise_collector.fleet.orders import Able
from balise_collector.fleet.registry import FleetRegistry


class CurrentFleet:
    """A frozen table that is replaced as a whole; who reads ``fleet`` twice may see two of them."""

    def __init__(self, registry: FleetRegistry) -> None:
        """Read it a first time (DamagedError)."""
        self._registry = registry
        self.fleet: Fleet = registry.fleet()

    def has_changed(self) -> bool:
        """Read the table again where somebody else wrote the registry; whether that was so."""
        changed = self._registry.changed()
        if changed:
            self.read()
        return changed

    def read(self) -> None:
        """Read the table again: we wrote the registry ourselves."""
        self.fleet = self._registry.fleet()

    def note_able(self, probe: str, able: Able) -> None:
        """Take into the table what a member can do: the keys of all the others need not be made ready again for it."""
        order = msgspec.structs.replace(self.fleet.order_of(probe), able=able)
        self.fleet = dataclasses.replace(self.fleet, orders={**self.fleet.orders, probe: order})
