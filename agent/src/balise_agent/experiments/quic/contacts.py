"""Whom ``quic`` contacts: the target's endpoint over UDP; over TCP, and other operators' servers, when it fails."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import Destination
from balise_agent.experiments.quic.plan import PLAN, quic_controls
from balise_agent.experiments.target_contacts import OneEndpoint, at_target
from balise_agent.experiments.task import Task
from balise_wire.experiments.quic import TRAITS
from balise_wire.experiments.traits import Transport


class QuicContacts(OneEndpoint):
    """The target's endpoint; what a series asks beside it names nothing."""

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """See Contacts."""
        _, name = task.other_name()
        found = [at_target(TRAITS, task, name=name)] if name else []
        here = at_target(TRAITS, task)
        found.append(
            Destination(name=here.name, addresses=here.addresses, port=here.port, protocol=Transport.TCP.value)
        )
        found.extend(
            Destination(name=control.name, addresses=(place.host,), port=place.port, protocol=place.transport.value)
            for control, place in quic_controls(task)
        )
        return found


CONTACTS: Final = QuicContacts(TRAITS, PLAN)
