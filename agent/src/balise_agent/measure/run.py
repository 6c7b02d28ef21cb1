"""One run of one experiment: what the agenda hands out, and the plan that carries it out. Pure.

Must not live here: when it is due (agenda.py), or carrying a plan out (conductor.py).
"""

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.experiment import Load
from balise_agent.experiments.steps import Plan
from balise_agent.experiments.task import Task, carried
from balise_wire.assignment import Target
from balise_wire.experiments import cost
from balise_wire.observations import Observation
from balise_wire.words import Design, Experiment

Key = tuple[str, int, Experiment, str]
"""Target id, family, experiment, and the address where each has a place of its own: what has a place in the agenda."""
Claim = tuple[Key, str]
"""Who holds an endpoint or bytes while it runs: a place in the agenda, or a request at it."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run that is due: everything the caller needs to carry it out and to report it."""

    target: Target
    family: int
    experiment: Experiment
    slot: int
    due: float
    """UNIX seconds at which it was planned; it may start later (cool-down, line check, others on the address)."""
    task: Task
    limited_by: tuple[str, ...] = ()
    own_address: str = ""
    """The address whose place it is, where each of a target's has one (``Timetable.all_addresses``)."""
    request: str = ""
    """Id of the request that asked for it; empty for what is on the timetable."""

    @property
    def key(self) -> Key:
        """What has a place in the agenda."""
        return self.target.id, self.family, self.experiment, self.own_address

    @property
    def claim(self) -> Claim:
        """What holds endpoints while it runs."""
        return self.key, self.request

    @property
    def design(self) -> Design:
        """How it is laid out."""
        return self.task.design

    @property
    def cause(self) -> Observation | None:
        """The failing subject trial that led here, carried along."""
        return self.task.cause

    @property
    def exclusive(self) -> bool:
        """Whether it must run alone."""
        return REGISTRY[self.experiment].traits.exclusive

    @property
    def load(self) -> Load:
        """What it takes from those it contacts."""
        return REGISTRY[self.experiment].plan.load(self.task)

    @property
    def cost(self) -> int:
        """Bytes that it is reckoned to cost."""
        return cost(self.experiment, REGISTRY[self.experiment].plan.shape(self.task))

    def plan(self) -> Plan:
        """Return a fresh plan to hand to the conductor."""
        plan = REGISTRY[self.experiment].plan
        if self.design is Design.SENTINEL:
            return _with_cause(plan.sentinel(self.task), self.cause)
        return plan.paired(self.task) if self.design is Design.PAIRED else plan.on_demand(self.task)


def _with_cause(plan: Plan, cause: Observation | None) -> Plan:
    """Return a sentinel that carries its anomaly's cause, where the budget allows no paired run."""
    observations = yield from plan
    return (*carried(cause), *observations)
