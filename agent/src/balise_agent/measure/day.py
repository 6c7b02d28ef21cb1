"""The account of the day's bytes that the schedule goes by, and what rests once so much of it is spent. Pure.

What was counted is the figure of the one account (policy/usage.py): every byte that crossed the line, delivery among
them. Runs that it cannot hold yet are reckoned by the cost table. Must not live here: counting, or how much a day may
cost (policy/limits.py).
"""

from typing import NamedTuple

from balise_agent.experiments import REGISTRY
from balise_agent.measure.run import Claim
from balise_agent.measure.task_choice import DAY
from balise_agent.policy.limits import Reserve
from balise_wire.words import Experiment


class DayRest(NamedTuple):
    """That something rests until midnight."""

    what: str
    """In a word or two; it is told once a day."""
    detail: str


class Day:
    """One UTC day's bytes, and what was said of them."""

    def __init__(self, now: float, counted: int) -> None:
        """Begin with what the day has cost already."""
        self._number = int(now // DAY)
        self._counted = counted
        self._ended = 0
        """Bytes of runs that ended since the count."""
        self._flying: dict[Claim, int] = {}
        self._told: set[str] = set()
        self.reserve = Reserve.NONE
        """What the rest of the day's bytes is kept for, by the device's own limit."""

    @property
    def settled(self) -> int:
        """Bytes of the day that were spent: what names, SYNs and series go by, to the last one."""
        return self._counted + self._ended

    @property
    def spent(self) -> int:
        """The same, and what the runs in flight are reckoned to cost: what is heavy on schedule makes room for them."""
        return self.settled + sum(self._flying.values())

    def turn(self, now: float) -> None:
        """Begin a new account at midnight; what is in flight goes on."""
        if int(now // DAY) != self._number:
            self._number, self._counted, self._ended = int(now // DAY), 0, 0
            self._told.clear()

    def count(self, counted: int) -> None:
        """Take the line's count, which holds all that has ended."""
        self._counted, self._ended = counted, 0

    def starts(self, claim: Claim, expected: int) -> None:
        """Reckon with a run's bytes from now on."""
        self._flying[claim] = expected

    def ends(self, claim: Claim, spent: int) -> None:
        """Put what a run cost in the place of what was expected of it."""
        self._flying.pop(claim, None)
        self._ended += spent

    def rest(self, word: Experiment, allowed: int, *, anomaly: bool) -> DayRest | None:
        """Return what rests where the day's bytes are used up for an experiment.

        Args:
            word: of the experiment.
            allowed: bytes of a day.
            anomaly: whether its run would be of an anomaly, or asked for: such go on where schedules rest.
        """
        traits = REGISTRY[word].traits
        if traits.heavy and self.reserve >= (Reserve.NAMES if anomaly else Reserve.ANOMALIES):
            *others, last = (one.value for one, parts in REGISTRY.items() if parts.traits.heavy)
            heavy = f"{', '.join(others)} and {last}"
            what = heavy if self.reserve is Reserve.NAMES else f"{heavy} on schedule"
            return DayRest(what, f"the rest of the day's bytes is kept: {what} rest until 00:00 UTC")
        until = 1.0 if anomaly else traits.rests_from
        spent = self.spent if until < 1.0 else self.settled
        if allowed > 0 and spent / allowed < until:
            return None
        what = word.value if until < 1.0 else "everything"
        return DayRest(what, f"{spent} of {allowed} bytes today: {what} rests until 00:00 UTC")

    def is_news(self, what: str) -> bool:
        """Tell whether something was not said today."""
        told = what in self._told
        self._told.add(what)
        return not told
