"""From an assigned target to the task of one run: which address, which family, which controls. Pure.

Lives here: the choice of one address a probe and day, stable so that a day's measurements compare, rotated so that
every address gets its turn. Must not live here: when to run (agenda.py), or what may be contacted at all (limits.py).
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.task import Task
from balise_agent.measure.control_addresses import ControlAddresses
from balise_agent.measure.kept_addresses import KeptAddresses
from balise_agent.measure.line_rate import LineRate
from balise_agent.measure.target_addresses import Origin, TargetAddresses
from balise_agent.policy.limits import refuse_address
from balise_agent.system import derived_random
from balise_agent.system.config import Timeouts
from balise_agent.system.proxies import Proxy
from balise_wire.assignment import Assignment, Target
from balise_wire.words import AddressSource, Experiment

DAY: Final = 86_400


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


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What every task of this probe has in common."""

    secret: bytes
    """Every arbitrary choice follows from it."""
    timeouts: Timeouts = Timeouts()
    """Real seconds."""
    laboratory: tuple[str, ...] = ()
    """Prefixes that are public here."""
    lan: tuple[str, ...] = ()
    """Prefixes of this machine's own networks."""
    proxies: tuple[Proxy, ...] = ()
    """The operator's, as this machine's settings name them."""

    def proxies_to_ask(self) -> tuple[Proxy, ...]:
        """Return the proxies at addresses that may be contacted."""
        return tuple(one for one in self.proxies if not refuse_address(one.address, self.laboratory, self.lan))


def task_for(
    assignment: Assignment,
    target: Target,
    family: int,
    *,
    device: Device,
    now: float,
    slot: int = 0,
    experiment: Experiment | None = None,
    resolved: Sequence[str] = (),
) -> Task:
    """Return the task of one run, as a sentinel; callers replace ``design``, ``cause`` and ``full``.

    Args:
        assignment: already held against the limits.
        target: one of its targets, or that of the line.
        family: IP version.
        device: this probe.
        now: UNIX seconds on the probe's clock; its day decides the address.
        slot: number of the interval; scrambles and orders change with it.
        experiment: word that joins the seed, so that two experiments of a slot differ.
        resolved: addresses last learned from the provider's resolver.
    """
    addresses = addresses_of(target, family, resolved)
    return Task(
        target=target,
        address=address_for(device.secret, target, addresses, int(now // DAY)),
        family=family,
        addresses=addresses,
        controls=assignment.controls,
        control_name=assignment.control_name,
        public_resolvers=assignment.public_resolvers,
        silent_addresses=assignment.silent_addresses,
        provider_resolvers=assignment.provider_resolvers,
        stun_servers=assignment.stun_servers,
        helpers=tuple(address for address in assignment.helpers if (":" in address) == (family == 6)),
        proxies=device.proxies_to_ask(),
        laboratory=device.laboratory,
        lan=device.lan,
        timeouts=device.timeouts,
        seed=derived_random.number(device.secret, "seed", slot, target.id, family, experiment or ""),
    )


class Tasks:
    """Makes the tasks of one assignment, with what was learned meanwhile."""

    def __init__(self, assignment: Assignment, device: Device) -> None:
        """Make tasks of an assignment that was held against the device's limits."""
        self.assignment = assignment
        self.device = device
        self.targets = TargetAddresses()
        self.controls = ControlAddresses()
        self.rate = LineRate()

    def addresses(self, target: Target, family: int) -> tuple[str, ...]:
        """Return the addresses to test in one family."""
        return addresses_of(target, family, self.targets.of(target.id))

    def task(self, target: Target, family: int, experiment: Experiment, slot: int, now: float, at: str = "") -> Task:
        """Return the task of one run, as a sentinel; ``at`` one of the target's addresses, where it must be that."""
        task = task_for(
            self.assignment, target, family,
            device=self.device, now=now, slot=slot, experiment=experiment, resolved=self.targets.of(target.id),
        )  # fmt: skip
        address = at if at in task.addresses else task.address
        origin = Origin(AddressSource.ASSIGNED) if address in target.addresses else Origin(AddressSource.UNKNOWN)
        if address and address not in target.addresses:
            origin = self.targets.origin(target.id, address, now)
        return msgspec.structs.replace(
            self.controls.filled(task),
            proved=self.targets.proved(target.id, now),
            line_kbps=self.rate.usual(now),
            address=address,
            address_source=origin.source,
            address_age=origin.age,
        )

    def prove(self, target: Target, address: str, now: float) -> None:
        """Remember where a valid certificate was seen."""
        self.targets.prove(target.id, address, now)

    def keep(self, targets: Collection[str]) -> None:
        """Forget targets that are measured no more."""
        self.targets.keep(targets)

    def learn(self, target: Target, addresses: Sequence[str], now: float) -> None:
        """Remember what an unassigned name resolves to; what may not be contacted is not remembered."""
        device = self.device
        fine = [a for a in addresses if not refuse_address(a, device.laboratory, device.lan)]
        if fine:
            self.targets.learn(target.id, [a for a in fine if family_of(a) == family_of(fine[0])], now)

    def kept(self) -> KeptAddresses:
        """Return what is to be known after a restart."""
        return KeptAddresses(targets=self.targets.kept(), controls=self.controls.kept())

    def restore(self, kept: KeptAddresses) -> None:
        """Take up what an earlier run knew; what may not be contacted any more is left out."""
        device = self.device

        def allowed(addresses: tuple[str, ...]) -> bool:
            return not any(refuse_address(one, device.laboratory, device.lan) for one in addresses)

        self.targets.restore({name: one for name, one in kept.targets.items() if allowed(one.addresses)})
        self.controls.restore({name: one for name, one in kept.controls.items() if allowed(one.addresses)})

    def clock_went_back(self, now: float) -> None:
        """Let nothing be dated in the future."""
        self.targets.clock_went_back(now)
        self.rate.clock_went_back(now)
        self.controls.clock_went_back(now)
