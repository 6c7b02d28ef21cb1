"""Whom ``tls`` contacts: the target's endpoint, under its own name; under others, and helpers, when something fails."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments import through
from balise_agent.experiments.experiment import Destination
from balise_agent.experiments.target_contacts import OneEndpoint
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls.plan import PLAN
from balise_wire.experiments.tls import TRAITS


class TlsContacts(OneEndpoint):
    """The target's endpoint, and the operator's helpers when its name fails there."""

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """See Contacts."""
        return [*super().on_anomaly(task), *self.at_helpers(task), *through.contacts(task, TRAITS)]


CONTACTS: Final = TlsContacts(TRAITS, PLAN)
