"""The words of the attack suite: a case, what came of it, and why it could not be played. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from balise_attack.bed import Bed


class Skipped(Exception):
    """The case cannot be played here; the message says why, in one line."""


@dataclass(frozen=True)
class Outcome:
    """What came of an attack."""

    held: bool
    """Whether the product did what is right."""
    figure: str
    """What was seen, in one line, with numbers."""


class Case(NamedTuple):
    """One attack."""

    row: str
    """Its number: the row of the list of attacks (0 to 29), or ``f1`` .. for a trouble of the field."""
    title: str
    """What the attacker does, in a few words."""
    run: "Callable[[Bed], Outcome]"
    short: bool = True
    """Part of the shorter form inside ``make test``."""
    seconds: float = 60.0
    """Real seconds that the case takes at most on an idle machine; long after that it is ended, and is not held."""
