"""From an assigned target to the task of one run: which address, which family, which controls. Pure.

Lives here: the choice of one address a probe and day, stable so that a day's measurements compare, rotated so that
every address gets its turn. Must not live here: when to run (agenda.py), or what may be contacted at all (limits.py).
"""

from collections.abc import Sequence
from typing import Final

from balise_agent.experiments.line import LINE_TARGET
from balise_agent.experiments.task import Task
from balise_agent.system import derived_random
from balise_agent.system.config import Timeouts
from balise_wire.assignment import Assignment, Target
from balise_wire.words import Experiment

DAY: Final = 86_400
NEEDS_ADDRESS: Final = frozenset({Experiment.TCP, Experiment.TLS, Experiment.HTTP})


def family_of(address: str) -> int:
    """Return the IP version of an address in text form."""
    return 6 if ":" in address else 4


def families(target: Target) -> tuple[int, ...]:
    """Return the IP versions to measure: the one its id ends with, else those of its addresses, else IPv4."""
    ending = target.id.rsplit("/", 1)[-1]
    if ending in {"4", "6"}:
        return (int(ending),)
    return tuple(sorted({family_of(address) for address in target.addresses})) or (4,)


def addresses_of(target: Target, family: int, resolved: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the addresses to test in one family: the assigned ones, or the resolved where none is assigned."""
    assigned = [address for address in target.addresses if family_of(address) == family]
    return tuple(assigned) or tuple(address for address in resolved if family_of(address) == family)


def address_for(secret: bytes, target: Target, addresses: Sequence[str], day: int) -> str:
    """Return the address of a day: probes start at different ones and each moves on by one a day."""
    if not addresses:
        return ""
    start = derived_random.number(secret, "address", target.id)
    return addresses[(start + day) % len(addresses)]


def task_for(
    assignment: Assignment,
    target: Target,
    family: int,
    *,
    secret: bytes,
    now: float,
    slot: int = 0,
    experiment: Experiment | None = None,
    timeouts: Timeouts,
    laboratory: tuple[str, ...] = (),
    lan: tuple[str, ...] = (),
    resolved: Sequence[str] = (),
    full: bool = False,
) -> Task:
    """Return the task of one run.

    Args:
        assignment: already held against the limits.
        target: one of its targets, or ``LINE_TARGET``.
        family: IP version.
        secret: the device's; every arbitrary choice follows from it.
        now: UNIX seconds on the probe's clock; its day decides the address.
        slot: number of the interval; scrambles and orders change with it.
        experiment: word that joins the seed, so that two experiments of a slot differ.
        timeouts: real seconds.
        laboratory: prefixes that are public here.
        lan: prefixes of this machine's own networks.
        resolved: addresses last learned from the provider's resolver.
        full: whether to look at the chain too.
    """
    addresses = addresses_of(target, family, resolved)
    return Task(
        target=target,
        address=address_for(secret, target, addresses, int(now // DAY)),
        family=family,
        addresses=addresses,
        controls=assignment.controls,
        control_name=assignment.control_name,
        public_resolvers=assignment.public_resolvers,
        silent_addresses=assignment.silent_addresses,
        laboratory=laboratory,
        lan=lan,
        timeouts=timeouts,
        seed=derived_random.number(secret, "seed", slot, target.id, family, experiment or ""),
        full=full,
        fetch_bytes=target.fetch_bytes,
    )


def line_task(
    assignment: Assignment, *, secret: bytes, now: float, timeouts: Timeouts, laboratory: tuple[str, ...] = ()
) -> Task:
    """Return the task of a line check."""
    return task_for(
        assignment,
        LINE_TARGET,
        4,
        secret=secret,
        now=now,
        experiment=Experiment.LINE,
        timeouts=timeouts,
        laboratory=laboratory,
    )
