"""The addresses of controls that the assignment names none of: asked for by the probe itself, and checked. Pure.

Without references nobody else knows them, and a line without controls is never known to be well. A lying resolver must
not make a portal of every control: where it can show a certificate it has to, and one that is wrong is no address. Must
not live here: how long an address is believed (measure/known_addresses.py), SYNs (controls.py).
"""

from collections.abc import Generator
from typing import Final, NamedTuple

from balise_agent.experiments.dns.outcome import accepted
from balise_agent.experiments.secure import shake_hands
from balise_agent.experiments.steps import Close, Failed, Queried, Query, Reply, Step
from balise_agent.experiments.task import Task
from balise_agent.policy.limits import refuse_address
from balise_wire.assignment import Control
from balise_wire.words import AddressSource, Resolver

MOST: Final = 3
"""Names that one look at the line asks for: the others have their turn a minute later."""
LINGER: Final = 0.05
"""The first answer is taken; a race for it is the dns experiment's matter."""
TLS_PORT: Final = 443


class Found(NamedTuple):
    """What a control's name resolved to."""

    name: str
    addresses: tuple[str, ...]
    source: AddressSource


def look_up(task: Task) -> Generator[Step, Reply, tuple[Found, ...]]:
    """Return what the names of ``task.lookups`` resolve to; a resolver that is silent is asked for no further one."""
    found: list[Found] = []
    for control in [one for one in task.controls if one.name in task.lookups][:MOST]:
        addresses = yield from _addresses(task, control.name)
        if addresses is None:
            break
        if addresses and (source := (yield from _source(task, control, addresses[0]))) is not None:
            found.append(Found(control.name, addresses, source))
    return tuple(found)


def _addresses(task: Task, name: str) -> Generator[Step, Reply, tuple[str, ...] | None]:
    """Return the public addresses of a name, IPv4 first; ``None`` where nobody answers."""
    told: list[str] = []
    for qtype in ("A", "AAAA"):
        reply = yield Query(
            name=name, qtype=qtype, resolver=Resolver.PROVIDER, timeout=task.timeouts.dns, linger=LINGER
        )
        answer = accepted(reply.answers) if isinstance(reply, Queried) else None
        if answer is None and qtype == "A":
            return None
        told += () if answer is None else answer.addresses
    return tuple(one for one in told if refuse_address(one, task.laboratory, task.lan) is None)


def _source(task: Task, control: Control, address: str) -> Generator[Step, Reply, AddressSource | None]:
    """Return whether an address is proven; ``None`` where it shows another's certificate."""
    if control.port != TLS_PORT:
        return AddressSource.UNPROVEN
    connected, secured = yield from shake_hands(task, TLS_PORT, control.name, address)
    if isinstance(connected, Failed) or isinstance(secured, Failed):
        return AddressSource.UNPROVEN
    yield Close(handle=connected.handle)
    return AddressSource.PROVEN if secured.verify_failure is None else None
