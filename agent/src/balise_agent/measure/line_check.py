"""The check of the probe's own line: when it is due, its run, and the health that rides in every measurement. Pure.

Must not live here: the check itself (experiments/line), or what waits for it (agenda.py).
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from balise_agent.experiments.line.plan import LINE_TARGET, health, with_clock
from balise_agent.experiments.task import Task
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_wire.assignment import Assignment
from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import LINE_FRESH, LineHealth
from balise_wire.observations import Observation
from balise_wire.words import ClockState, Experiment

AGAIN: Final = 30.0
"""Clock seconds until a run that our own failure ended is tried once more: a full queue or a firewall just reloaded is
over by then. What fails twice waits for its next own time."""


def line_task(assignment: Assignment, device: Device, now: float) -> Task:
    """Return the task of a line check."""
    task = task_for(assignment, LINE_TARGET, 4, device=device, now=now, experiment=Experiment.LINE)
    bare = tuple(control.name for control in task.controls if not control.addresses)
    return msgspec.structs.replace(task, lookups=bare)


def clocked(observations: Sequence[Observation], state: ClockState, offset_ms: float | None) -> tuple[Observation, ...]:
    """Return observations with what a plan cannot know: how this machine's clock was while the line was looked at."""
    return tuple(with_clock(one, state, offset_ms) if isinstance(one, LineObservation) else one for one in observations)


class LineCheck:
    """Whether the line was looked at lately, and how it was."""

    def __init__(self) -> None:
        self.health: LineHealth | None = None
        """The latest summary."""
        self.running = False
        self._done = -math.inf
        self._ended = -math.inf
        """When the last look ended, whatever came of it."""
        self._tried_again = False

    def is_due(self, now: float, every: float) -> bool:
        """Tell whether the last look is older than ``every`` clock seconds."""
        return now - self._done > every

    def is_fresh(self, now: float) -> bool:
        """Tell whether the last look still gates a run that begins now.

        One that our own failure ended counts until it is tried again: what waited for it longer would only be late.
        """
        return now - self._ended <= LINE_FRESH

    def is_blind(self) -> bool:
        """Tell whether the last look had nobody to ask: no control is assigned, or no name of one was answered."""
        return self.health is not None and not self.health.domestic + self.health.international

    def carries(self, family: int) -> bool:
        """Tell whether a family is worth measuring: not where its controls are all dead and the other's are not.

        That is a home without IPv6, or with a broken one: its targets would fail in every slot, and tell nothing.
        """
        seen = self.health
        if seen is None:
            return True
        own, other = (seen.ipv6, seen.ipv4_ok) if family == 6 else (seen.ipv4, seen.ipv6_ok)
        alive = seen.ipv6_ok if family == 6 else seen.ipv4_ok
        return not own or alive > 0 or not other

    def start(self, assignment: Assignment, device: Device, slot: int, now: float) -> Run:
        """Return the run that looks at the line."""
        self.running = True
        task = line_task(assignment, device, now)
        return Run(target=LINE_TARGET, family=4, experiment=Experiment.LINE, slot=slot, due=now, task=task)

    def done(self, observations: Sequence[Observation], now: float, every: float, *, own_failure: bool) -> None:
        """Take what was seen; half a look is no look: the health stays what it was, and ages."""
        self.running = False
        self._done = self._ended = now
        if own_failure:
            if not self._tried_again:
                self._tried_again = True
                self._done = now - every + min(AGAIN, every)
                self._ended = now - LINE_FRESH + AGAIN
            return
        self._tried_again = False
        line = next((one for one in observations if isinstance(one, LineObservation)), None)
        if line is not None:
            self.health = health(line)

    def forget(self) -> None:
        """Have the line looked at before anything else: the clock went back."""
        self._done = self._ended = -math.inf
