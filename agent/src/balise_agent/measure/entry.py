"""The state of one place in the agenda: its next time, and the anomaly it may be in. Pure.

Must not live here: slots, endpoints, budgets (agenda.py decides with them).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.experiment import AgentExperiment, TrialReading
from balise_agent.measure.run import Key, Run
from balise_wire.assignment import Budget, Target, Timetable
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment


@dataclass(slots=True)
class Entry:
    """One experiment of one target in one family."""

    target: Target
    family: int
    word: Experiment
    slot: int = 0
    due: float = 0.0
    running: bool = False
    waiting: bool = False
    """Seen in time, and waiting for others since: not left behind by a sleep."""
    cause: Observation | None = None
    """Of the living anomaly; ``None`` while all is well."""
    spent: int = 0
    """Bytes of the living anomaly."""
    usual: Observation | None = None
    """The subject's trial when all was last well."""
    tried_again: int = -1
    """Slot in which a run that our own failure ended was repeated."""
    full_day: int = -1
    """UTC day of the last sentinel that looked at more (``Traits.daily``)."""

    @property
    def key(self) -> Key:
        """What it is the place of."""
        return self.target.id, self.family, self.word

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

    def every(self, timetable: Timetable) -> int:
        """Return in which n-th slot it has a turn; an anomaly has every slot."""
        return 1 if self.cause is not None else timetable.every(self.word)

    def affords_pair(self, budget: Budget) -> bool:
        """Tell whether the anomaly's budget holds another paired run; the first is always affordable."""
        return self.spent == 0 or self.spent < budget.bytes_per_incident

    def learn(self, run: Run, own: Sequence[Observation]) -> bool:
        """Move into, through or out of an anomaly; tell whether one begins.

        Args:
            run: that has ended.
            own: its trials, without those that were carried along.
        """
        reader = self.experiment.reader
        trial = reader.anomaly(own, self.usual)
        if trial is None:
            self.cause, self.spent = None, 0
            self.usual = next((one for one in reversed(own) if one.arm is Arm.SUBJECT), self.usual)
            return False
        begins = self.cause is None
        self.cause = trial
        if run.design is not Design.SENTINEL:
            self.spent += reader.spent(own)
        if run.limited_by and reader.read(trial).answered:
            # As different as it is, it stays so: that is its new usual, not an incident for ever.
            self.cause, self.spent, self.usual = None, 0, trial
        return begins
