"""What the probe does by time alone: a list of duties, each with how often it comes due.

Lives here: the list's clockwork. Must not live here: what a duty does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from balise_agent.system.reactor import Reactor, Timer


@dataclass(frozen=True)
class Duty:
    """One of them."""

    do: Callable[[], None]
    every: float = 0.0
    """Real seconds between two times; 0: at each turn."""


class Duties:
    """Carries duties out in their order, turn after turn."""

    def __init__(self, reactor: Reactor, duties: Sequence[Duty], *, turn_seconds: float) -> None:
        """Prepare.

        Args:
            reactor: gives the turns.
            duties: in the order in which they are carried out where more than one is due.
            turn_seconds: real seconds between two turns.
        """
        self._reactor = reactor
        self._turn_seconds = turn_seconds
        began = reactor.clock.monotonic()
        # Those of each turn are due at once; for the others, what the start found out is good for one interval.
        self._at = [(duty, -math.inf if duty.every == 0.0 else began) for duty in duties]
        self._timer: Timer | None = None

    def turn(self) -> None:
        """Do what is due, and come back."""
        now = self._reactor.clock.monotonic()
        for index, (duty, before) in enumerate(self._at):
            if now - before >= duty.every:
                self._at[index] = (duty, now)
                duty.do()
        self._timer = self._reactor.after(self._turn_seconds, self.turn)

    def stop(self) -> None:
        """No more turns."""
        if self._timer is not None:
            self._timer.cancel()
