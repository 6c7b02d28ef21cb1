"""The slots of a timetable, their jitter, and which of them an experiment has a turn in. Pure.

Must not live here: what is done in a slot, or when it may start after all (agenda.py, cooldown.py).
"""

import math
from typing import Final, NamedTuple

from balise_agent.measure.run import Key
from balise_agent.system import derived_random


class Turn(NamedTuple):
    """Where among those that take turns one stands."""

    group: str = ""
    """Who take turns with each other: the endpoints of a service, so that the service is asked all the time while each
    of them is asked rarely."""
    place: int = 0
    of: int = 1


ALONE: Final = Turn()


class Slots:
    """Cuts time into intervals; the same for ever for the same secret, so that every time can be explained later."""

    def __init__(self, secret: bytes, interval: int) -> None:
        """Cut time into intervals of so many clock seconds."""
        self._secret = secret
        self.interval = interval

    def number(self, now: float) -> int:
        """Return the slot that a time is in."""
        return math.floor(now / self.interval)

    def planned_at(self, key: Key, slot: int) -> float:
        """Return the jittered time of a slot, anywhere in its interval."""
        target, family, experiment, address = key
        own = (address,) if address else ()
        jitter = derived_random.fraction(self._secret, "slot", slot, target, family, experiment.value, *own)
        return (slot + jitter) * self.interval

    def following(self, key: Key, turn: Turn, after: int, now: float, every: int) -> tuple[int, float]:
        """Return the first slot later than ``after`` that is the key's and whose time is still to come.

        Args:
            key: what has a place in the agenda.
            turn: with whom it takes turns.
            after: slot.
            now: UNIX seconds on the probe's clock.
            every: in which n-th slot it has a turn.
        """
        slot = max(after + 1, self.number(now))
        while True:
            planned = self.planned_at(key, slot)
            if planned > now and self.has_turn(turn, slot, every):
                return slot, planned
            slot += 1

    def has_turn(self, turn: Turn, slot: int, every: int) -> bool:
        """Tell whether a slot is one of those of a turn; those of one group are spread evenly."""
        if every <= 1:
            return True
        start = derived_random.number(self._secret, "turn", turn.group) + turn.place * every // turn.of
        return (slot + start) % every == 0
