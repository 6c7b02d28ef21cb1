"""Whom ``line`` contacts."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.dns.contacts import over_tcp
from balise_agent.experiments.experiment import GATEWAY, PROVIDER, Contacts, Destination
from balise_agent.experiments.line.plan import endpoint_of, portal
from balise_agent.experiments.task import Task
from balise_wire.experiments import dns
from balise_wire.experiments.line import CONTROL, PORTAL
from balise_wire.experiments.line import GATEWAY as GATEWAY_BYTES


class LineContacts(Contacts):
    """The gateway, one endpoint of each control, and the provider's resolver."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return all of them; the control that shows a captive portal is asked for a page as well."""
        shows = portal(task)
        found = [Destination(name=GATEWAY, addresses=(GATEWAY,), port=0, protocol="icmp", size=GATEWAY_BYTES)]
        for control in task.controls:
            if control.addresses:
                size = CONTROL + (PORTAL if control is shows else 0)
                where = endpoint_of(control)
                found.append(
                    Destination(name=control.name, addresses=(where.host,), port=where.port, protocol="tcp", size=size)
                )
        if name := task.name_control():
            port, protocol = dns.TRAITS.port, dns.TRAITS.transport.value
            found.append(Destination(name=name, addresses=(PROVIDER,), port=port, protocol=protocol, size=dns.QUESTION))
        return found

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return the resolver over TCP, where an answer was cut; a line has no paired run of its own."""
        name = task.name_control()
        return (over_tcp(name, PROVIDER),) if name else ()


CONTACTS: Final = LineContacts()
