"""Whom ``vpn`` contacts: the operator's helpers, and nobody where there is none."""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.experiment import Contacts, Destination
from balise_agent.experiments.task import Task
from balise_agent.experiments.vpn.plan import PLAN, endpoint
from balise_wire.experiments import usual
from balise_wire.experiments.vpn import ROUNDS, TRAITS, VpnParameters


class VpnContacts(Contacts):
    """The operator's own server; the host reads whose handshake it is, since that can be held against a home."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return every helper, on the port of handshakes."""
        protocol = task.parameters(VpnParameters).protocol
        if not task.helpers or not ROUNDS.get(protocol):
            return []
        place = endpoint(task)
        return [
            Destination(
                name=f"(handshake of a VPN: {protocol})",
                addresses=task.helpers,
                port=place.port,
                protocol=place.transport.value,
                size=usual(TRAITS.word, PLAN.shape(task)),
            )
        ]

    def on_anomaly(self, _task: Task, /) -> Sequence[Destination]:
        """Return nobody: a series goes where a sentinel goes."""
        return []


CONTACTS: Final = VpnContacts()
