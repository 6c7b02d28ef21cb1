"""The contacts that most experiments have: the target's own endpoint, by the traits, under one name or another.

Must not live here: any one experiment.
"""

from balise_agent.experiments.experiment import RESOLVED, Destination
from balise_agent.experiments.task import Task
from balise_wire.experiments.traits import Traits


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
