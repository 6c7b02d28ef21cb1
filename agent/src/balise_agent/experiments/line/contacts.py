"""Whom ``line`` contacts."""

from collections.abc import Iterable, Sequence
from typing import Final

from balise_agent.experiments.dns.contacts import over_tcp
from balise_agent.experiments.experiment import GATEWAY, PROVIDER, RESOLVED, Contacts, Destination
from balise_agent.experiments.line.controls import ECHO, OTHER_PORT, Place, places
from balise_agent.experiments.line.portal import chosen
from balise_agent.experiments.task import Task
from balise_wire.assignment import Control
from balise_wire.experiments import dns
from balise_wire.experiments.line import USUAL_CONTROL, USUAL_GATEWAY, USUAL_PORTAL


class LineContacts(Contacts):
    """The gateway, endpoints of each control, and the provider's resolver."""

    def scheduled(self, task: Task) -> Sequence[Destination]:
        """Return all of them; the control that shows a captive portal is asked for a page as well.

        A control without an assigned address is looked up, at most once an hour, and shows its certificate then.
        """
        shows = chosen(task)
        found = [Destination(name=GATEWAY, addresses=(GATEWAY,), port=0, protocol="icmp", size=USUAL_GATEWAY)]
        pages = {shows.control.name: USUAL_PORTAL} if shows is not None else {}
        for place in places(task):
            size = USUAL_CONTROL + pages.pop(place.control.name, 0)
            found.append(_tcp(place.control, (place.address,), place.port, size))
        for control in task.controls:
            if not control.addresses:
                found += [_tcp(control, (RESOLVED,), control.port, USUAL_CONTROL), _question(control.name)]
        if name := task.name_control():
            found.append(_question(name, dns.USUAL_QUESTION[4]))
        return found

    def on_anomaly(self, task: Task, /) -> Sequence[Destination]:
        """Return what only a silent line is asked, and questions over TCP, where an answer was cut."""
        name = task.name_control()
        found = [over_tcp(name, PROVIDER)] if name else []
        for place in places(task):
            found += _otherwise(place)
        for control in task.controls:
            if not control.addresses:
                found += [over_tcp(control.name, PROVIDER), _tcp(control, (RESOLVED,), OTHER_PORT)]
                found.append(Destination(name=control.name, addresses=(RESOLVED,), port=ECHO, protocol="icmp"))
        return tuple(found)


CONTACTS: Final = LineContacts()


def _otherwise(place: Place) -> Iterable[Destination]:
    """Yield how a control is asked where none answers."""
    yield _tcp(place.control, (place.address,), OTHER_PORT)
    yield Destination(name=place.control.name, addresses=(place.address,), port=ECHO, protocol="icmp")


def _tcp(control: Control, addresses: tuple[str, ...], port: int, size: int = 0) -> Destination:
    return Destination(name=control.name, addresses=addresses, port=port, protocol="tcp", size=size)


def _question(name: str, size: int = 0) -> Destination:
    port, protocol = dns.TRAITS.port, dns.TRAITS.transport.value
    return Destination(name=name, addresses=(PROVIDER,), port=port, protocol=protocol, size=size)
