"""Runs that somebody asked for, once: until when they may start, and what they may cost. Pure.

Must not live here: the message that asks (balise_wire), who may ask, or what a run waits for (agenda.py, cooldown.py).
"""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Task
from balise_agent.measure.run import Run
from balise_wire.assignment import Target
from balise_wire.request import MOST_OPEN, Reason
from balise_wire.words import Design, Experiment


class OneOff(msgspec.Struct, frozen=True, kw_only=True):
    """One run that is asked for; its target was held against the device's limits."""

    id: str
    target: Target
    family: int
    experiment: Experiment
    design: Design = Design.ON_DEMAND
    """``on_demand``: controls, the subject, and the subject once more."""
    expires: float
    """UNIX seconds on the probe's clock, until which it may start."""
    most_bytes: int
    """What it may cost at most, by the cost table."""


class Refusal(NamedTuple):
    """Why a run is not taken."""

    reason: Reason | None
    """``None`` where its time is over."""
    why: str


@dataclass(slots=True)
class _Request:
    run: Run
    expires: float
    running: bool = False


class Requests:
    """The runs that were asked for and have not ended."""

    def __init__(self) -> None:
        self._all: dict[str, _Request] = {}

    def __contains__(self, id: str) -> bool:
        """Whether a run that was asked for has not ended."""
        return id in self._all

    def refuse(self, wanted: OneOff, now: float) -> Refusal | None:
        """Say why a run is not even looked at."""
        if wanted.experiment not in REGISTRY or not REGISTRY[wanted.experiment].traits.of_target:
            return Refusal(Reason.UNABLE, f"{wanted.experiment} is not carried out on a target")
        if len(self._all) >= MOST_OPEN:
            return Refusal(Reason.TOO_MANY, f"{MOST_OPEN} are open already")
        return None if now < wanted.expires else Refusal(None, f"expired at {wanted.expires:.0f}")

    def add(self, wanted: OneOff, task: Task, slot: int, now: float) -> Refusal | None:
        """Take a run that ``refuse`` has nothing against; say why where it cannot be made, or costs too much."""
        if REGISTRY[wanted.experiment].traits.needs_address and not task.address:
            return Refusal(Reason.TARGET, f"no address of {wanted.target.host} is known")
        run = Run(
            target=wanted.target,
            family=wanted.family,
            experiment=wanted.experiment,
            slot=slot,
            due=now,
            task=msgspec.structs.replace(task, design=wanted.design, full=True),
            request=wanted.id,
        )
        if run.cost > wanted.most_bytes:
            return Refusal(Reason.BUDGET, f"it costs about {run.cost} bytes, and may cost {wanted.most_bytes}")
        self._all[wanted.id] = _Request(run, wanted.expires)
        return None

    def waiting(self) -> list[Run]:
        """Return what has not started, in the order it was asked for."""
        return [request.run for request in self._all.values() if not request.running]

    def begin(self, run: Run) -> None:
        """Note that a run has started."""
        self._all[run.request].running = True

    def end(self, run: Run) -> None:
        """Forget a run that has ended."""
        self._all.pop(run.request, None)

    def expire(self, now: float) -> None:
        """Forget what did not start in time."""
        for one in list(self._all.values()):
            if not one.running and one.expires <= now:
                self.end(one.run)

    def next_expiry(self) -> float:
        """Return when the first that waits expires; infinity where none does."""
        return min((one.expires for one in self._all.values() if not one.running), default=float("inf"))
