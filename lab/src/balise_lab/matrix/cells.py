"""What each experiment said of a row, and what was published of it.

Two beds give verdicts and incidents in two forms; both become one here. Pure. Must not live here: playing (play.py), or
what is right (table.py).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

ACCUSES: Final = frozenset({"blocked", "throttled"})
NOTHING: Final = "nothing"
"""What the table shows where no verdict counts: what was cut off measured nothing that tells of a service."""
_FOLLOWS: Final = (".anomaly", ".waits")
"""Ends of rules that only say that more follows."""
_UNPUBLISHED: Final = frozenset({"unconfirmed", "withdrawn"})


class Said(NamedTuple):
    """One verdict: of which service it is, by which experiment, and what it says."""

    service: str
    layer: str
    state: str
    rule: str


class Told(NamedTuple):
    """One published incident: its kind, its service, its grade, the mechanisms that it names."""

    kind: str
    service: str
    grade: str
    mechanisms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """What one experiment said of one row."""

    rules: tuple[tuple[str, str, int], ...]
    """(state, rule, how often): first what accuses, then what is seen most often; what only says that more follows
    comes last."""

    @property
    def rule(self) -> str:
        """The first rule; empty where nothing was said."""
        return self.rules[0][1] if self.rules else ""

    @property
    def accusing(self) -> frozenset[str]:
        """Rules by which anything was judged blocked or throttled."""
        return frozenset(rule for state, rule, _ in self.rules if state in ACCUSES)

    def __str__(self) -> str:
        """Return what the table shows."""
        if not self.rules:
            return NOTHING
        state, rule, _ = self.rules[0]
        if state == "ok":
            return state
        return f"**{rule}**" if state in ACCUSES else rule


@dataclass(frozen=True)
class Outcome:
    """What came of one row in one bed."""

    cells: Mapping[str, Cell]
    """By experiment."""
    told: tuple[Told, ...]
    """Published incidents, in the order of kind and service."""
    idle: tuple[str, ...] = ()
    """Kinds in force that touched no packet, where packets were played: what was seen then was not their doing."""


def cell(said: Iterable[Said], services: Collection[str], layer: str) -> Cell:
    """Return the cell of an experiment, and of the services that it measures, from all verdicts of a row that count."""
    found = Counter((one.state, one.rule) for one in said if one.service in services and one.layer == layer)
    order = sorted(found, key=lambda one: (one[1].endswith(_FOLLOWS), one[0] not in ACCUSES, -found[one], one[1]))
    return Cell(tuple((*one, found[one]) for one in order))


def published(
    kind: str, service: str, grade: str, state: str, mechanisms: Iterable[str] = (), *, confirmed: bool
) -> Iterable[Told]:
    """Return an incident as it was published, if it was."""
    if state in _UNPUBLISHED or not confirmed:
        return ()
    return (Told(kind, service, grade, tuple(sorted(set(mechanisms)))),)
