"""Whom ``path`` contacts: the target's endpoint, under its own name and a control's, where it is asked for."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import Contacts, Destination
from balise_agent.experiments.path.plan import PLAN, port_of
from balise_agent.experiments.target_contacts import at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments import usual
from balise_wire.experiments.path import TRAITS


class PathContacts(Contacts):
    """One endpoint, where another experiment of the target's shows its name as well."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """See Contacts."""
        return (at_target(TRAITS, task, port=port_of(task), size=usual(TRAITS.word, PLAN.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """See Contacts."""
        _, name = task.other_name()
        return [at_target(TRAITS, task, name=name, port=port_of(task))] if name else []


CONTACTS: Final = PathContacts()
