"""Whom ``clienthello`` contacts: the target's endpoint, under its own name; under a control's when it dies there."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.clienthello.plan import PLAN
from balise_agent.experiments.experiment import Contacts, Destination
from balise_agent.experiments.target_contacts import at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments import usual
from balise_wire.experiments.clienthello import TRAITS


class ClienthelloContacts(Contacts):
    """The target's endpoint."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """See Contacts."""
        return (at_target(TRAITS, task, size=usual(TRAITS.word, PLAN.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """See Contacts."""
        _, name = task.other_name()
        return [at_target(TRAITS, task, name=name)] if name else []


CONTACTS: Final = ClienthelloContacts()
