"""The addresses of controls that the assignment names none of: how long each is believed, and who is asked anew. Pure.

A look at the line finds them (experiments/line/lookup.py). A proven address lasts a day and outlives what could not be
proven since: where a box kills the handshake that would prove it, the line must not be without controls. Must not live
here: asking, or the addresses of targets (task_choice.py).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from balise_agent.experiments.task import Task
from balise_wire.experiments.line import LineObservation
from balise_wire.observations import Observation
from balise_wire.words import AddressSource

LASTS: Final = 86_400.0
"""Clock seconds after which a name is asked for anew."""
AGAIN: Final = 3_600.0
"""Clock seconds after which it is where it was not proven, or answers no more."""
MOST: Final = 64
"""Names that are remembered."""


class Known(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a control's name resolved to."""

    addresses: tuple[str, ...]
    source: AddressSource = AddressSource.KEPT
    at: float = 0.0
    """Clock time at which it was learned."""
    asked: float = 0.0
    """Clock time at which its name was last asked for."""
    answered: bool = True
    """Whether the control answered at the last look."""


class ControlAddresses:
    """What is known of controls without assigned addresses."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def filled(self, task: Task) -> Task:
        """Return a task whose controls have the addresses that are known of them."""
        bare = {control.name for control in task.controls if not control.addresses}
        known = {name: self._known[name] for name in bare if name in self._known}
        if not known:
            return task
        controls = tuple(
            msgspec.structs.replace(control, addresses=known[control.name].addresses)
            if control.name in known and not control.addresses
            else control
            for control in task.controls
        )
        sources = tuple((name, one.source) for name, one in sorted(known.items()))
        return msgspec.structs.replace(task, controls=controls, sources=sources)

    def for_line(self, task: Task, now: float) -> Task:
        """Return the task of a look at the line, with the names that it asks for anew."""
        bare = [control.name for control in task.controls if not control.addresses]
        due = tuple(name for name in dict.fromkeys(bare) if self._is_due(name, now))
        return msgspec.structs.replace(self.filled(task), lookups=due)

    def learn(self, task: Task, observations: Sequence[Observation], now: float) -> None:
        """Take what a look at the line found, and which controls answered."""
        for line in observations:
            if isinstance(line, LineObservation):
                self._learn(task, line, now)
        while len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def kept(self) -> dict[str, Known]:
        """Return all that is to be kept across a restart, as it is read back by ``restore``."""
        return {name: msgspec.structs.replace(one, source=AddressSource.KEPT) for name, one in self._known.items()}

    def restore(self, kept: dict[str, Known]) -> None:
        """Take up what an earlier run kept; what was learned since stays."""
        self._known = kept | self._known

    def clock_went_back(self, now: float) -> None:
        """Let nothing be dated in the future."""
        self._known = {
            name: msgspec.structs.replace(one, at=min(one.at, now), asked=min(one.asked, now))
            for name, one in self._known.items()
        }

    def _is_due(self, name: str, now: float) -> bool:
        one = self._known.get(name)
        if one is None:
            return True
        settled = one.answered and one.source is not AddressSource.UNPROVEN
        return now - one.asked >= (LASTS if settled else AGAIN)

    def _learn(self, task: Task, line: LineObservation, now: float) -> None:
        """Take the controls of one look; those whose addresses were assigned name none."""
        seen: dict[str, list[str]] = {}
        for one in line.controls:
            if one.address:
                seen.setdefault(one.name, []).append(one.address)
        for name, addresses in seen.items():
            sources: Iterable[AddressSource] = (one.source for one in line.controls if one.name == name)
            answered = any(one.failure is None for one in line.controls if one.name == name)
            before, source = self._known.pop(name, None), next(iter(sources))
            if before is not None and before.addresses[: len(addresses)] == tuple(addresses):
                asked = now if name in task.lookups else before.asked
                at = now if source is AddressSource.PROVEN and name in task.lookups else before.at
                self._known[name] = msgspec.structs.replace(
                    before, source=source, at=at, asked=asked, answered=answered
                )
            else:
                self._known[name] = Known(
                    addresses=tuple(addresses), source=source, at=now, asked=now, answered=answered
                )
