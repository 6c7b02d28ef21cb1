"""Whom ``stun`` contacts: the call server over UDP; over TCP, and other operators' servers, when it fails."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import PROVIDER, RESOLVED, Contacts, Destination
from balise_agent.experiments.stun.plan import PLAN, candidates
from balise_agent.experiments.target_contacts import at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments import usual
from balise_wire.experiments.dns import TRAITS as DNS
from balise_wire.experiments.stun import TRAITS
from balise_wire.experiments.traits import Transport
from balise_wire.words import Experiment


class StunContacts(Contacts):
    """The target's endpoint; no packet of it names anybody."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return the call server."""
        return (at_target(TRAITS, task, size=usual(TRAITS.word, PLAN.shape(task))),)

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return its address over TCP, other operators' servers, and who is asked for those without an address."""
        here = at_target(TRAITS, task, port=task.target.port_of(Experiment.TCP))
        found = [Destination(name=here.name, addresses=here.addresses, port=here.port, protocol=Transport.TCP.value)]
        for server in candidates(task):
            found.append(
                Destination(
                    name=server.name,
                    addresses=server.addresses or (RESOLVED,),
                    port=server.port,
                    protocol=TRAITS.transport.value,
                )
            )
            if not server.addresses:
                found.append(
                    Destination(name=server.name, addresses=(PROVIDER,), port=DNS.port, protocol=DNS.transport.value)
                )
        return found


CONTACTS: Final = StunContacts()
