"""A parameter of a kind: its name, how it is written in a scenario, what it is unless given, and its bounds.

Lives here: the record, and the refusal of a value. Must not live here: reading text (scenario.timeline), or the
parameters of one kind alone (its own file).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, cast

Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...]
"""A parameter in base units: seconds, milliseconds, per cent."""
T = TypeVar("T", bound=Value)


class HasSettings(Protocol):
    """A box, or whatever else was given parameters."""

    @property
    def settings(self) -> Mapping[str, Value]:
        """Those that are not the usual ones, by name."""


class Unit(StrEnum):
    """How a parameter is written in the file."""

    SECONDS = "a duration such as 180s"
    MILLISECONDS = "milliseconds such as 300, or 300ms"
    PERCENT = "per cent such as 5, or 5%"
    NUMBER = "a number"
    COUNT = "a whole number"
    PORTS = "a port or a list of ports"
    ADDRESSES = "an IPv4 address or a list of them"
    YES_NO = "yes or no"
    WORD = "a word"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One parameter."""

    name: str
    unit: Unit
    default: T
    means: str
    least: float = float("-inf")
    most: float = float("inf")
    choices: tuple[T, ...] = ()
    """The only values; empty: all within the bounds."""
    required: bool = False
    """Without it the kind means nothing."""

    @property
    def how(self) -> str:
        """How it is written, for people."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        bounds = "" if self.most == float("inf") else f", from {self.least:.10g} to {self.most:.10g}"
        return f"{self.unit}{bounds}"

    def of(self, box: HasSettings) -> T:
        """Return what a box has for it."""
        return cast("T", box.settings.get(self.name, self.default))

    def refusal(self, value: Value) -> tuple[str, str] | None:
        """Return what is wrong with a value, and the mend; ``None`` where nothing is."""
        if value == () and (self.required or self.default != ()):
            return f"{self.name} is empty", f"give {self.name}: {self.how}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {value}", f"use {self.how}"
        if isinstance(value, int | float) and not self.least <= value <= self.most:
            bounds = f"{self.least:g}" if self.most == float("inf") else f"{self.least:g} to {self.most:g}"
            return f"{self.name} is {value:g}", f"give {bounds}" + (" or more" if self.most == float("inf") else "")
        return None
