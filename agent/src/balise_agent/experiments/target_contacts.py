"""The contacts that most experiments have: the target's own endpoint, by the traits, under one name or another.

Must not live here: any one experiment.
"""

from collections.abc import Sequence

from balise_agent.experiments.experiment import RESOLVED, SCRAMBLED, Contacts, Destination, ExperimentPlan
from balise_agent.experiments.task import HELPER_PORT, Task
from balise_wire.experiments import usual
from balise_wire.experiments.traits import Traits


class OneEndpoint(Contacts):
    """The target's endpoint under its own name, and under a control's and a scrambled one when something fails."""

    def __init__(self, traits: Traits, plan: ExperimentPlan) -> None:
        """Tell the contacts of an experiment whose every arm goes to one endpoint."""
        self._traits = traits
        self._plan = plan

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """See Contacts."""
        return (at_target(self._traits, task, size=usual(self._traits.word, self._plan.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """See Contacts."""
        _, name = task.other_name()
        return [at_target(self._traits, task, name=other) for other in (name, SCRAMBLED) if other]

    def at_helpers(self, task: Task) -> Sequence[Destination]:
        """Return both names at the operator's helpers, where there are any."""
        _, name = task.other_name()
        if not task.helpers or not name:
            return []
        protocol = self._traits.transport.value
        names = (name, task.target.host)
        return [Destination(name=one, addresses=task.helpers, port=HELPER_PORT, protocol=protocol) for one in names]


def at_target(traits: Traits, task: Task, *, name: str = "", port: int = 0, size: int = 0) -> Destination:
    """Return the endpoint of an experiment at a target.

    Args:
        traits: of the experiment.
        task: of the target.
        name: shown there instead of the target's own.
        port: instead of the experiment's.
        size: bytes of one run.
    """
    return Destination(
        name=name or task.target.host,
        addresses=task.addresses or (RESOLVED,),
        port=port or task.target.port_of(traits.word),
        protocol=traits.transport.value,
        size=size,
    )
