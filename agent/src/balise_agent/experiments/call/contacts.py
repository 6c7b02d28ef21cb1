"""Whom ``call`` contacts: the operator's helpers, and nobody where there is none."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.call.plan import PLAN, endpoint
from balise_agent.experiments.experiment import Contacts, Destination
from balise_agent.experiments.task import Task
from balise_wire.experiments import usual
from balise_wire.experiments.call import PORTS, TRAITS


class CallContacts(Contacts):
    """The operator's own server; no packet names anybody."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return every helper, on the port of trains."""
        return _at(task, endpoint(task).port, usual(TRAITS.word, PLAN.shape(task)))

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return its other ports."""
        return [one for port in PORTS for one in _at(task, port)]


def _at(task: Task, port: int, size: int = 0) -> list[Destination]:
    if not task.helpers:
        return []
    return [
        Destination(
            name=task.target.host, addresses=task.helpers, port=port, protocol=TRAITS.transport.value, size=size
        )
    ]


CONTACTS: Final = CallContacts()
