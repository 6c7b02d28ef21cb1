"""Sinks: who else is told what balise concluded. Each is a reader with cursors of its own.

Lives here: the interface. What crosses it is a change (changes.py): a verdict, a revision of an incident, a report. A
sink that fails stands still and is tried again; nothing is lost and nobody else waits. A new sink is a module that
turns changes into what its reader takes, and a line in registry.py. Must not live here: any format.
"""

from collections.abc import Sequence
from typing import Protocol

from balise_collector.sinks.changes import Change
from balise_collector.system.faults import Faults


class SinkError(RuntimeError):
    """The sink could not take the changes; they are offered again. The message says the mend."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        """Say why; ``retry_after`` is how many seconds the other side asked us to wait, 0 where it did not."""
        super().__init__(message)
        self.retry_after = retry_after


class Sink(Protocol):
    """What every sink can do."""

    @property
    def name(self) -> str:
        """Name of its cursors; changing it sends everything again."""
        ...

    def take(self, changes: Sequence[Change], faults: Faults) -> None:
        """Keep the changes for good before returning, or raise SinkError having kept none or some: repeats are equal.

        A change that cannot be said in the sink's own form is noted in ``faults`` by its number, and the others go on.
        """
        ...
