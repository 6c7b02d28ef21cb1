"""The controls of a look at the line: their endpoints and SYNs, and how else they are asked where none answers. Pure.

Must not live here: where an address came from (lookup.py), what the look as a whole says (plan.py).
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final, NamedTuple

from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    EchoProbe,
    Exchange,
    Exchanged,
    Failed,
    Reply,
    Step,
    SynProbe,
)
from balise_agent.experiments.task import Task, expect
from balise_wire.assignment import Control
from balise_wire.experiments.line import ControlResult
from balise_wire.failures import Failure
from balise_wire.words import AddressSource, HopPlace, Scope

ROUND: Final = 0.3
"""Seconds between the two SYNs to one control: a queue drop takes neighbours in time along."""
MOST_6: Final = 2
"""Controls that are asked over IPv6 as well: one of each side of the border, where there is one."""
MOST_OTHERS: Final = 3
"""Controls that are asked in other ways where none answers."""
OTHER_PORT: Final = 80
ECHO: Final = 0
"""The port of an ICMP echo."""
_ALIVE: Final = frozenset({AnswerKind.SYNACK, AnswerKind.RST, AnswerKind.ECHO})
"""A RST comes from a living host: the line carries."""


class Place(NamedTuple):
    """One control at one address and port."""

    control: Control
    address: str
    port: int
    source: AddressSource

    @property
    def family(self) -> int:
        """IP version."""
        return 6 if ":" in self.address else 4

    def result(
        self, failure: Failure | None, rtt_ms: float | None = None, place: HopPlace = HopPlace.UNKNOWN
    ) -> ControlResult:
        """Return what became of it."""
        return ControlResult(
            name=self.control.name,
            scope=self.control.scope,
            failure=failure,
            rtt_ms=rtt_ms,
            family=self.family,
            port=self.port,
            icmp_place=place,
            source=self.source,
            address="" if self.source is AddressSource.ASSIGNED else self.address,
        )


class Asked(NamedTuple):
    """What came of asking."""

    results: tuple[ControlResult, ...]
    loss: float | None
    """Share of the SYNs that left and had no answer; ``None`` where none left."""
    elapsed_ms: float


def places(task: Task) -> tuple[Place, ...]:
    """Return where the controls are asked: IPv4 first, the family that every home has, then a few over IPv6.

    A home without IPv6 has no way there, and its line is not worse for it; where there is one, a target's IPv6 address
    is measured by a control of its own family.
    """
    source_of = dict(task.sources)
    named = [
        (control, [a for a in control.addresses if ":" not in a], [a for a in control.addresses if ":" in a])
        for control in task.controls
    ]

    def place(control: Control, address: str) -> Place:
        return Place(control, address, control.port, source_of.get(control.name, AddressSource.ASSIGNED))

    first = [place(control, (four or six)[0]) for control, four, six in named if four or six]
    both = [place(control, six[0]) for control, four, six in named if four and six]
    sides = [next((one for one in both if one.control.scope is scope), None) for scope in Scope.known()]
    return (*first, *[one for one in sides if one is not None][:MOST_6])


def ask(task: Task, asked: Sequence[Place]) -> Generator[Step, Reply, Asked]:
    """Send two SYNs to each place, round by round."""
    if not asked:
        return Asked((), None, 0.0)
    once = tuple(SynProbe(address=one.address, port=one.port) for one in asked)
    reply = yield Exchange(packets=once + once, window=task.timeouts.syn, spacing=ROUND / len(asked), enough=True)
    if isinstance(reply, Failed):
        # Where nothing has a way out, what has none is the line; over IPv6 alone it is a home without it.
        told = [one for one in asked if one.family == 4] or list(asked)
        return Asked(tuple(one.result(reply.failure) for one in told), 1.0, reply.elapsed_ms)
    heard = expect(Exchanged, reply)
    unsent = dict(heard.unsent)
    results: list[ControlResult] = []
    for number, place in enumerate(asked):
        mine = [answer for answer in heard.answers if answer.probe % len(asked) == number]
        if number not in unsent or number + len(asked) not in unsent:
            results.append(_result(place, mine))
        elif place.family == 4:
            results.append(place.result(unsent[number]))
    left = 2 * len(asked) - len(unsent)
    answered = len({answer.probe for answer in heard.answers if answer.kind is not AnswerKind.ICMP})
    return Asked(tuple(results), 1.0 - answered / left if left else None, heard.elapsed_ms)


def ask_otherwise(task: Task, asked: Sequence[Place]) -> Generator[Step, Reply, tuple[ControlResult, ...] | None]:
    """Ask the controls on port 80 and by echo: a line on which one port is dead is no dead line.

    In the same moment they are asked once more as before: a line that has come back since then carries everything, and
    what was silent before it did is no dead port. All leave at once: a line that came back between the first of them
    and the last would have one.

    Returns:
        What became of it; ``None`` where nothing could be asked.
    """
    tried = {(one.address, one.port) for one in asked}
    chosen = list({one.address: one for one in asked}.values())[:MOST_OTHERS]
    on_80 = [one._replace(port=OTHER_PORT) for one in chosen if (one.address, OTHER_PORT) not in tried]
    otherwise = [*on_80, *(one._replace(port=ECHO) for one in chosen)]
    if not otherwise:
        return None
    others = [*chosen, *otherwise]
    probes = tuple(
        SynProbe(address=one.address, port=one.port) if one.port else EchoProbe(address=one.address) for one in others
    )
    reply = yield Exchange(packets=probes, window=task.timeouts.syn, enough=True)
    if not isinstance(reply, Exchanged):
        return None
    unsent = dict(reply.unsent)
    return tuple(
        _result(place, [answer for answer in reply.answers if answer.probe == number])
        for number, place in enumerate(others)
        if number not in unsent
    )


def is_silent(results: Iterable[ControlResult]) -> bool:
    """Tell whether there were controls and none answered."""
    told = list(results)
    return bool(told) and all(one.failure is not None for one in told)


def _result(place: Place, mine: Sequence[Answer]) -> ControlResult:
    """Return what became of one place by its answers."""
    alive = [answer.rtt_ms for answer in mine if answer.kind in _ALIVE]
    if alive:
        return place.result(None, min(alive))
    refused = next((answer.packet.place for answer in mine if answer.kind is AnswerKind.ICMP), None)
    if refused is None:
        return place.result(Failure.GENERIC_TIMEOUT)
    return place.result(Failure.HOST_UNREACHABLE, place=refused)
