"""What an operation of the net layer waits for, and how it is told.

An operation is a generator: it yields a ``Wait``, is sent what ended it, and returns the reply to its step. The
conductor alone knows the selector, so an operation can be stopped anywhere by closing it; ``finally`` gives back its
sockets and ports.
"""

from collections.abc import Callable, Generator
from typing import NamedTuple

from balise_agent.experiments.steps import Reply
from balise_agent.system.reactor import HasFileno


class Signal:
    """Lets the tap end an operation's wait; firing while nobody waits is nothing."""

    __slots__ = ("waiter",)

    def __init__(self) -> None:
        self.waiter: Callable[[], None] | None = None

    def fire(self) -> None:
        """End the wait."""
        if self.waiter is not None:
            self.waiter()


class Wait(NamedTuple):
    """Until ``until`` (monotonic seconds), or earlier when the file is ready or the signal fires."""

    until: float
    file: HasFileno | None = None
    events: int = 0
    signal: Signal | None = None


Operation = Generator[Wait, bool, Reply]
"""Sent whether something ended the wait before its time."""
