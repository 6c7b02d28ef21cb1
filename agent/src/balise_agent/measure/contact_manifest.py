"""The contact manifest: every name, address, port and byte a day that an assignment will make this probe contact.

It is what the host of a probe agrees to (`balise-agent plan --day`). Lives here: the rows, their totals and a text for
people. Must not live here: whom one experiment contacts (experiments/<x>/contacts.py), or the counting of real traffic.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.experiment import Destination
from balise_agent.experiments.task import Task
from balise_agent.measure.line_check import line_task
from balise_agent.measure.task_choice import DAY, Device, families, task_for
from balise_agent.measure.watching import looks_per_day
from balise_wire.assignment import Assignment
from balise_wire.words import Design, Experiment

ON_ANOMALY: Final = "only when something fails"
DEVICE: Final = Device(secret=b"")
"""Whatever a probe's secret is: the contacts of a day do not depend on it, only their order does."""


class Contact(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One kind of contact."""

    name: str
    address: str
    port: int
    protocol: str
    """``tcp``, ``udp`` or ``icmp``."""
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


def manifest(assignment: Assignment, *, line: bool = True, device: Device = DEVICE) -> Manifest:
    """Return the manifest of an assignment that was already held against the limits.

    Args:
        assignment: what is to be measured.
        line: whether the line is looked at.
        device: with the operator's proxies, of which nothing is told but that there are some.
    """
    contacts: list[Contact] = []
    for word, task, times in _planned(assignment, device, line=line):
        experiment = REGISTRY[word].contacts
        for destination in experiment.scheduled(task):
            contacts.extend(_scheduled(word, destination, times))
        paired = msgspec.structs.replace(task, design=Design.PAIRED)
        for destination in experiment.on_anomaly(paired):
            contacts.extend(_rows(destination, ON_ANOMALY))
    rows = _merged(contacts)
    return Manifest(
        contacts=rows,
        bytes_per_day=sum(row.bytes_per_day for row in rows),
        most_per_day=assignment.budget.bytes_per_day,
        bytes_per_incident=assignment.budget.bytes_per_incident,
    )


def _planned(assignment: Assignment, device: Device, *, line: bool) -> Iterable[tuple[Experiment, Task, int]]:
    """Yield what the assignment plans: experiment, task, and times a day; of the line at its most frequent."""
    timetable = assignment.timetable
    for target in assignment.targets:
        for family in families(target):
            for word in dict.fromkeys(target.experiments):
                if word in REGISTRY and REGISTRY[word].traits.of_target and not REGISTRY[word].traits.asked:
                    task = task_for(assignment, target, family, device=device, now=0.0)
                    times = DAY // timetable.interval // timetable.every(word)
                    yield word, task, times + looks_per_day(assignment.watches, target, word, DAY)
    if line and assignment.targets:
        for word, experiment in REGISTRY.items():
            if not experiment.traits.of_target:
                yield word, line_task(assignment, device, 0.0), DAY // timetable.line


def _scheduled(word: Experiment, destination: Destination, times: int) -> Iterable[Contact]:
    """Return the rows of what is contacted on schedule.

    One address a day; over the days all of them. The bytes are shared out, so that the sum is a day's.
    """
    count, times = len(destination.addresses), min(times, destination.most or times)
    why = word.value if count == 1 else f"{word.value}, one of {count} addresses a day"
    share, rest = divmod(times * destination.size, count)
    for number, row in enumerate(_rows(destination, why)):
        yield msgspec.structs.replace(row, per_day=times, bytes_per_day=share + (rest if number == 0 else 0))


def _rows(destination: Destination, why: str) -> Iterable[Contact]:
    """Return a row for each address, without times and bytes."""
    for address in destination.addresses:
        yield Contact(
            name=destination.name, address=address, port=destination.port, protocol=destination.protocol, why=why,
            per_day=0, bytes_per_day=0,
        )  # fmt: skip


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
        (
            c.name,
            c.address,
            str(c.port or "-"),
            c.protocol,
            c.why,
            str(c.per_day or "-"),
            f"{c.bytes_per_day / 1000:.0f}",
        )
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
