"""Whom ``dns`` contacts."""

from collections.abc import Sequence
from typing import Final

from balise_agent.codec.nat64 import NAME
from balise_agent.experiments.experiment import PROVIDER, RESOLVED, Contacts, Destination
from balise_agent.experiments.scramble import registered_name
from balise_agent.experiments.task import Task
from balise_wire.experiments.dns import TLS_PORT, TRAITS, USUAL_HANDSHAKE, USUAL_QUESTION

RANDOM: Final = "(random label)"
STRANGER: Final = "(an unexpected address it resolves to)"


class DnsContacts(Contacts):
    """The provider's resolver; others, and the servers it names, when something fails."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return the question, and the look at an address that nobody assigned."""
        questions = 2 if task.family == 6 else 1
        asked = _asked(task.target.host, PROVIDER, size=questions * USUAL_QUESTION[task.family])
        if task.target.addresses or task.target.port != TLS_PORT:
            return (asked,)
        return asked, _shown(
            task.target.host, RESOLVED, size=questions * USUAL_HANDSHAKE[task.family], most=TRAITS.looks
        )

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return the control's name beside the subject's, the other resolvers, and an address to be looked at.

        A question whose answer was cut goes over TCP as well (RFC 7766).
        """
        control, host = task.name_control(), task.target.host
        others = (*task.provider_resolvers, *task.silent_addresses)
        asked = [(host, server) for server in (PROVIDER, *task.public_resolvers, *others)]
        if control:
            asked += [(control, server) for server in (PROVIDER, *others)]
            asked.append((f"{RANDOM}.{registered_name(control)}", PROVIDER))
        if task.family == 6:
            asked.append((NAME, PROVIDER))
        shown = [_shown(host, STRANGER)] if task.target.port == TLS_PORT else []
        return (
            *(_asked(name, server) for name, server in asked),
            *(over_tcp(name, server) for name, server in asked),
            *shown,
        )


CONTACTS: Final = DnsContacts()


def over_tcp(name: str, server: str) -> Destination:
    """Return a resolver that is asked again over TCP."""
    return Destination(name=name, addresses=(server,), port=TRAITS.port, protocol="tcp")


def _asked(name: str, server: str, size: int = 0) -> Destination:
    return Destination(name=name, addresses=(server,), port=TRAITS.port, protocol=TRAITS.transport.value, size=size)


def _shown(name: str, address: str, size: int = 0, most: int = 0) -> Destination:
    return Destination(name=name, addresses=(address,), port=TLS_PORT, protocol="tcp", size=size, most=most)
