"""Whom ``http`` contacts."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import SCRAMBLED, Contacts, Destination
from balise_agent.experiments.http.plan import PLAN, other_name
from balise_agent.experiments.target_contacts import at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments.http import TRAITS, cost


class HttpContacts(Contacts):
    """The target's endpoint, under its own name; under others when something fails."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return the endpoint under the subject's name."""
        return (at_target(TRAITS, task, size=cost(PLAN.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return it under the control's name and a scrambled one."""
        _, name = other_name(task)
        return [at_target(TRAITS, task, name=other) for other in (name, SCRAMBLED) if other]


CONTACTS: Final = HttpContacts()
