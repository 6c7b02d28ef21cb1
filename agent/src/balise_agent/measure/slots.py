"""The slots of a timetable, their jitter, and which of them an experiment has a turn in. Pure.

Must not live here: what is done in a slot, or when it may start after all (agenda.py, cooldown.py).
"""

import math

from balise_agent.measure.run import Key
from balise_agent.system import derived_random


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
        target, family, experiment = key
        jitter = derived_random.fraction(self._secret, "slot", slot, target, family, experiment.value)
        return (slot + jitter) * self.interval

    def following(self, key: Key, after: int, now: float, every: int) -> tuple[int, float]:
        """Return the first slot later than ``after`` that is the key's and whose time is still to come.

        Args:
            key: what has a place in the agenda.
            after: slot.
            now: UNIX seconds on the probe's clock.
            every: in which n-th slot it has a turn.
        """
        slot = max(after + 1, self.number(now))
        while True:
            planned = self.planned_at(key, slot)
            if planned > now and self.has_turn(key, slot, every):
                return slot, planned
            slot += 1

    def has_turn(self, key: Key, slot: int, every: int) -> bool:
        """Tell whether a slot is one of the key's; targets have their turns in different ones."""
        if every <= 1:
            return True
        target, family, experiment = key
        return (slot + derived_random.number(self._secret, "turn", target, family, experiment.value)) % every == 0
