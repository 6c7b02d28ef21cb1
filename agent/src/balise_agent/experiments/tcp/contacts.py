"""Whom ``tcp`` contacts."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments import through
from balise_agent.experiments.experiment import Contacts, Destination
from balise_agent.experiments.target_contacts import at_target
from balise_agent.experiments.task import Task
from balise_agent.experiments.tcp.plan import PLAN
from balise_wire.experiments.tcp import TRAITS, TcpParameters, usual


class TcpContacts(Contacts):
    """The target's endpoint; what stands for it, and a control's, when something fails."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return the endpoint."""
        return (at_target(TRAITS, task, size=usual(PLAN.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return the other port, the sibling and the control endpoints of the family."""
        target = task.target
        found: list[Destination] = []
        if other_port := task.parameters(TcpParameters).other_port:
            found.append(at_target(TRAITS, task, port=other_port))
        siblings = (target.sibling, *task.parameters(TcpParameters).siblings)
        found.extend(
            Destination(name=target.host, addresses=(sibling,), port=target.port, protocol="tcp")
            for sibling in dict.fromkeys(siblings)
            if sibling and (":" in sibling) == (task.family == 6)
        )
        found.extend(
            Destination(name=control.name, addresses=(endpoint.host,), port=endpoint.port, protocol="tcp")
            for control, endpoint in task.endpoint_controls()
        )
        found.extend(through.contacts(task, TRAITS))
        return found


CONTACTS: Final = TcpContacts()
