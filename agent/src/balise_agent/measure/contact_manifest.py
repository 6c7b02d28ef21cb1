"""The contact manifest: every name, address, port and byte a day that an assignment will make this probe contact.

It is what the host of a probe agrees to (`balise-agent plan --day`). Lives here: the rows, their totals and a text for
people. Must not live here: the counting of real traffic.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.dns import QUERY_COST
from balise_agent.experiments.tcp import SYN_COST
from balise_agent.measure.task_choice import DAY, NEEDS_ADDRESS, families, family_of, line_task, task_for
from balise_agent.system.config import Timeouts
from balise_wire.assignment import Assignment, Target
from balise_wire.words import Design, Experiment

ON_ANOMALY: Final = "only when something fails"
RESOLVED: Final = "(whatever the name resolves to)"
PROVIDER: Final = "(the provider's resolver)"


class Contact(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One kind of contact."""

    name: str
    address: str
    port: int
    protocol: str
    """``tcp`` or ``udp``."""
    why: str
    per_day: int
    """Times a day as scheduled; 0 for what happens only in an anomaly."""
    bytes_per_day: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole day."""

    contacts: tuple[Contact, ...]
    bytes_per_day: int
    """Scheduled."""
    most_per_day: int
    """What the day can cost at the very most: the budget."""
    bytes_per_incident: int


def manifest(assignment: Assignment, *, line: bool = True) -> Manifest:
    """Return the manifest of an assignment that was already held against the limits."""
    slots = DAY // assignment.timetable.interval
    contacts: list[Contact] = []
    for target in assignment.targets:
        for family in families(target):
            for word in dict.fromkeys(target.experiments):
                contacts.extend(_of(assignment, target, family, word, slots))
    if line:
        contacts.extend(_of_line(assignment))
    contacts.extend(_of_anomalies(assignment))
    rows = _merged(contacts)
    return Manifest(
        contacts=rows,
        bytes_per_day=sum(row.bytes_per_day for row in rows),
        most_per_day=assignment.budget.bytes_per_day,
        bytes_per_incident=assignment.budget.bytes_per_incident,
    )


def _of(assignment: Assignment, target: Target, family: int, word: Experiment, slots: int) -> Iterable[Contact]:
    """Return the scheduled contacts of one experiment on one target."""
    experiment = REGISTRY.get(word)
    if experiment is None or word is Experiment.LINE:
        return
    timetable = assignment.timetable
    every = {Experiment.TLS: timetable.hello_every, Experiment.HTTP: timetable.http_every}.get(word, 1)
    times = slots // every
    task = task_for(assignment, target, family, secret=b"", now=0.0, timeouts=Timeouts())
    cost = experiment.cost(task, Design.SENTINEL)
    if word not in NEEDS_ADDRESS:
        yield Contact(
            name=target.host, address=PROVIDER, port=53, protocol="udp", why=word.value,
            per_day=times, bytes_per_day=times * cost,
        )  # fmt: skip
        return
    port = target.http_port if word is Experiment.HTTP else target.port
    # One address a day; over the days all of them. The bytes are shared out, so that the sum is a day's.
    addresses = [a for a in target.addresses if family_of(a) == family] or [RESOLVED]
    for number, address in enumerate(addresses):
        share = times * cost // len(addresses) + (times * cost % len(addresses) if number == 0 else 0)
        why = word.value if len(addresses) == 1 else f"{word.value}, one of {len(addresses)} addresses a day"
        yield Contact(
            name=target.host, address=address, port=port, protocol="tcp", why=why, per_day=times, bytes_per_day=share
        )


def _of_line(assignment: Assignment) -> Iterable[Contact]:
    """Return the contacts of the line check, at its most frequent."""
    times = DAY // assignment.timetable.line if assignment.targets else 0
    task = line_task(assignment, secret=b"", now=0.0, timeouts=Timeouts())
    for control in assignment.controls:
        for address in control.addresses[:1]:
            yield Contact(
                name=control.name, address=address, port=control.port, protocol="tcp", why="line",
                per_day=times, bytes_per_day=times * 2 * SYN_COST,
            )  # fmt: skip
    if task.name_control():
        yield Contact(
            name=task.name_control(), address=PROVIDER, port=53, protocol="udp", why="line",
            per_day=times, bytes_per_day=times * QUERY_COST,
        )  # fmt: skip


def _of_anomalies(assignment: Assignment) -> Iterable[Contact]:
    """Return what only a paired series contacts: neighbours, siblings, other ports, resolvers asked directly."""

    def row(name: str, address: str, port: int, protocol: str = "tcp") -> Contact:
        return Contact(
            name=name, address=address, port=port, protocol=protocol, why=ON_ANOMALY, per_day=0, bytes_per_day=0
        )

    for target in assignment.targets:
        for address in target.addresses or (RESOLVED,):
            for name in filter(None, (target.neighbour, assignment.control_name, "(scrambled name)")):
                if Experiment.TLS in target.experiments:
                    yield row(name, address, target.port)
                if Experiment.HTTP in target.experiments:
                    yield row(name, address, target.http_port)
            if target.other_port and Experiment.TCP in target.experiments:
                yield row(target.host, address, target.other_port)
        if target.sibling and Experiment.TCP in target.experiments:
            yield row(target.host, target.sibling, target.port)
        if Experiment.DNS in target.experiments:
            for server in (*assignment.public_resolvers, *assignment.silent_addresses):
                yield row(target.host, server, 53, "udp")
            yield row(target.host, "(an unexpected address it resolves to)", 443)
    for control in assignment.controls:
        for address in control.addresses:
            yield row(control.name, address, control.port)


def _merged(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    """Return one row per (name, address, port, protocol, why), in order; the anomaly's only where nothing else is."""
    sums: dict[tuple[str, str, int, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for c in contacts:
        total = sums[c.name, c.address, c.port, c.protocol, c.why]
        total[0] += c.per_day
        total[1] += c.bytes_per_day
    scheduled = {key[:4] for key in sums if key[4] != ON_ANOMALY}
    return tuple(
        Contact(name=n, address=a, port=p, protocol=t, why=w, per_day=per_day, bytes_per_day=size)
        for (n, a, p, t, w), (per_day, size) in sorted(sums.items())
        if w != ON_ANOMALY or (n, a, p, t) not in scheduled
    )


def rendered(found: Manifest) -> str:
    """Return the manifest as a table for a terminal."""
    head = ("name", "address", "port", "", "why", "times/day", "KB/day")
    rows = [
        (c.name, c.address, str(c.port), c.protocol, c.why, str(c.per_day or "-"), f"{c.bytes_per_day / 1000:.0f}")
        for c in found.contacts
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    table = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    total = [
        f"as scheduled {found.bytes_per_day / 1e6:.1f} MB a day, and what delivering the results takes",
        f"never more than {found.most_per_day / 1e6:.1f} MB a day, {found.bytes_per_incident / 1e6:.1f} MB an incident",
    ]
    if found.bytes_per_day > found.most_per_day:
        total.append("the schedule wants more than the day allows: fetches, then hellos, rest once it is used up")
    return "\n".join(["  ".join(row).rstrip() for row in table] + ["", *total])
