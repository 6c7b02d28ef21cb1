"""How many witnesses stand behind something: boards that one person keeps, or one network carries, are one.

A reference in the same provider, or in the same hands, can be wrong or bought together with its neighbour; what two of
them say is said once. Pure. Must not live here: who keeps which board (members.py), or how many are enough.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

ENOUGH: Final = 2
"""Witnesses that must agree: one that is broken or lies must neither excuse nor accuse anybody."""


class Stand(NamedTuple):
    """What can make two boards one witness; 0 and the empty text are unknown, and equal nothing."""

    asn: int = 0
    host: str = ""
    """The operator's label of the person or group who keeps it."""


UNKNOWN: Final = Stand()


def independent(stands: Iterable[Stand]) -> int:
    """Return the number of witnesses: boards linked by a common network or host, over any number of steps, are one."""
    return len(set(witness_of({str(number): stand for number, stand in enumerate(stands)}).values()))


def witness_of(stands: Mapping[str, Stand]) -> dict[str, str]:
    """Return for each board the name of the witness that it is: the first of the boards that it is linked with."""
    groups: list[tuple[set[int], set[str], list[str]]] = []
    for name, (asn, host) in stands.items():
        asns, hosts, names = {asn} - {0}, {host} - {""}, [name]
        apart = []
        for group in groups:
            if group[0] & asns or group[1] & hosts:
                asns, hosts, names = asns | group[0], hosts | group[1], group[2] + names
            else:
                apart.append(group)
        groups = [*apart, (asns, hosts, names)]
    return {name: min(names) for _, _, names in groups for name in names}
