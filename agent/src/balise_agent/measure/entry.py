"""The state of one place in the agenda: its next time, and the anomaly it may be in. Pure.

Must not live here: slots, endpoints, budgets (agenda.py decides with them).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.experiment import AgentExperiment, TrialReading
from balise_agent.measure.run import Key, Run
from balise_agent.measure.slots import ALONE, Turn
from balise_wire.assignment import Budget, Target, Timetable
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment

ADDRESSES_A_SLOT: Final = 3
"""Addresses of a target that are asked in one slot, where each has a place of its own."""
FRESH: Final = 3600.0
"""Clock seconds for which an anomaly is young: looked at as often as a detector's bins ask."""
YOUNG: Final = 300.0
"""Clock seconds between two looks at it."""
WATCHED: Final = 900.0
"""The same of an older one: its end is told within a quarter of an hour at any age."""
_FIRST: Final = 40
"""The first series come in every slot, for one in so many of an incident's bytes."""
_THEN: Final = 4
"""Then every ``WATCHED`` seconds, up to one in so many of them; what is left is for one in the hour (series.py)."""


@dataclass(slots=True)
class Entry:
    """One experiment of one target in one family."""

    target: Target
    family: int
    word: Experiment
    address: str = ""
    """Its own, where each of the target's has a place; empty: the one of the day."""
    addresses: int = 1
    """How many of the target's have a place of their own."""
    turn: Turn = ALONE
    slot: int = 0
    due: float = 0.0
    running: bool = False
    waiting: bool = False
    """Seen in time, and waiting for others since: not left behind by a sleep."""
    cause: Observation | None = None
    """Of the living anomaly; ``None`` while all is well."""
    spent: int = 0
    """Bytes of the living anomaly's series."""
    began: float = 0.0
    """When it began, clock seconds."""
    series_at: float = -math.inf
    """When its last series started."""
    swept: bool = False
    """Asked out of its turn, because something else of its service fails (sweep.py)."""
    whole: bool = False
    """Its next sentinel looks at more: what fails beside it, or failed here until now, shows only there."""
    more: bool = False
    """The living anomaly showed only in what looks at more, and nothing that did has been in order since."""
    usual: Observation | None = None
    """The subject's trial when all was last well."""
    tried_again: int = -1
    """Slot in which a run that our own failure ended was repeated."""
    full_day: int = -1
    """UTC day of the last sentinel that looked at more (``Traits.daily``)."""

    @property
    def key(self) -> Key:
        """What it is the place of."""
        return self.target.id, self.family, self.word, self.address

    @property
    def experiment(self) -> AgentExperiment:
        """Its parts and traits."""
        return REGISTRY[self.word]

    @property
    def reading(self) -> TrialReading | None:
        """What the living anomaly's cause says of itself."""
        return None if self.cause is None else self.experiment.reader.read(self.cause)

    @property
    def connected(self) -> bool:
        """Whether the living anomaly, if any, had a connection at all."""
        return (reading := self.reading) is None or reading.connected

    def every(self, timetable: Timetable, budget: Budget, now: float) -> int:
        """Return in which n-th slot it has a turn; a young or cheap anomaly has every slot."""
        if self.cause is None:
            return timetable.every(self.word) * -(-self.addresses // ADDRESSES_A_SLOT)
        return max(1, int(self.pace(budget, now) // timetable.interval))

    def pace(self, budget: Budget, now: float) -> float:
        """Return the seconds after which a living anomaly is looked at again at the latest, on any timetable."""
        if self.cause is None:
            return math.inf
        if self.experiment.traits.exclusive:
            return WATCHED  # It holds everything else up meanwhile, and costs most.
        young = now - self.began < FRESH or self.spent < budget.bytes_per_incident // _FIRST
        return YOUNG if young else WATCHED

    def failing_at(self) -> str:
        """Return the address to test where it is not free: its own, or the one at which the living anomaly began.

        A series on another address than its cause would compare two things at once.
        """
        return self.address or (getattr(self.cause, "address", "") if self.cause is not None else "")

    def is_untried(self) -> bool:
        """Tell whether a first sentinel could not judge: its answer is only compared with the usual one."""
        return self.usual is None and self.experiment.reader.compares and self.series_at == -math.inf

    def affords_pair(self, budget: Budget, now: float) -> bool:
        """Tell whether the anomaly's bytes hold another series now: the first always, later ones ever more rarely."""
        if self.spent == 0 or self.spent < budget.bytes_per_incident // _FIRST:
            return True
        return not self.used_up(budget) and now - self.series_at >= WATCHED

    def used_up(self, budget: Budget) -> bool:
        """Tell whether the bytes for frequent series are spent; all of them where one series costs a quarter."""
        return self.spent >= budget.bytes_per_incident // (1 if self.experiment.traits.exclusive else _THEN)

    def learn(self, run: Run, own: Sequence[Observation], now: float) -> bool:
        """Move into, through or out of an anomaly; tell whether one begins.

        Args:
            run: that has ended.
            own: its trials, without those that were carried along.
            now: clock seconds at which it ended.
        """
        reader = self.experiment.reader
        trial = reader.anomaly(own, self.usual)
        if any(reader.read(one).shows_more for one in own if one.arm is Arm.SUBJECT):
            self.more = False
        if trial is None and self.more:
            return False  # A hello that was answered says nothing of a false chain.
        if trial is None:
            self._ends()
            seen = (one for one in reversed(own) if one.arm is Arm.SUBJECT and not reader.read(one).unsent)
            self.usual = next(seen, self.usual)
            return False
        begins = self.cause is None
        self.cause, self.more = trial, self.more or reader.read(trial).by_more
        if begins:
            self.began = now
        if run.design is not Design.SENTINEL:
            self.spent += reader.spent(own)
        if run.limited_by and reader.read(trial).answered:
            # As different as it is, it stays so: that is its new usual, not an incident for ever.
            self._ends()
            self.usual = trial
        return begins

    def set_aside(self) -> None:
        """Forget a living anomaly of which nothing can be learned for now."""
        self._ends()

    def _ends(self) -> None:
        self.cause, self.more, self.spent, self.series_at = None, False, 0, -math.inf
