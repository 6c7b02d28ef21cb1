"""What one STUN measurement shows: a call server, a protocol or a line that carries no UDP. Pure.

The compared outcome is an answer of STUN. Must not live here: what follows from the facts (rules.py), or what TCP shows
at the same address.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.stun import TRAITS, StunObservation, StunPacket
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

_OUR_WAY: Final = frozenset({Failure.GENERIC_TIMEOUT, Failure.STUN_MALFORMED})
"""Failures that are told of a datagram which left; all others say that somebody, or our own machine, refused it."""
MOST_ELSEWHERE: Final = 2
"""Servers of other operators that must be dead before a line, or its port, is: one may be down."""


class Outcome(StrEnum):
    """How one exchange ended."""

    ANSWERED = "answered"
    """By STUN; an error of STUN's (RFC 8489 14.8) is an answer too."""
    UNHEARD = "unheard"
    """No answer, and the request without the cookie behind it on the same flow was answered."""
    SILENT = "silent"
    """Nothing came."""
    REFUSED = "refused"
    """An ICMP error, or no way there."""
    OTHER = "other"
    """Something came that is no STUN."""


DEAD: Final = frozenset({Outcome.UNHEARD, Outcome.SILENT})


def outcome(trial: StunObservation) -> Outcome:
    """Classify one trial over UDP."""
    if trial.failure is None:
        return Outcome.ANSWERED
    if trial.failure is Failure.STUN_MALFORMED:
        return Outcome.OTHER
    if trial.failure not in _OUR_WAY:
        return Outcome.REFUSED
    return Outcome.UNHEARD if trial.followed else Outcome.SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Servers of other operators, on one side: those on the target's port, or those on others."""

    asked: int = 0
    ok: int = 0
    """With the cookie."""
    unheard: int = 0
    """Without the cookie alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StunFacts(Facts):
    """What one STUN measurement shows."""

    own: tuple[Outcome, ...]
    """Outcomes of the subject's own trials, in order."""
    all: tuple[Outcome, ...]
    """Carried trials first, then own."""
    spread: bool
    shape: bool | None
    """A request without the cookie was answered at the same address, on a flow of its own; ``None``: not asked."""
    over_tcp: bool | None
    """TCP at the same address is answered, be it by a reset; ``None`` where it was not asked."""
    here: Elsewhere
    """On the target's port."""
    there: Elsewhere
    """On other ports."""
    references: Seen
    at_address: Seen
    """Of binding requests at the very address and port."""

    @property
    def cut(self) -> bool:
        """All trials die, often enough and spread in time."""
        return len(self.all) >= MIN_TRIALS and self.spread and all(one in DEAD for one in self.all)

    @property
    def marked(self) -> bool:
        """What bears STUN's mark dies at the address, and what does not passes there, before and behind it."""
        return self.cut and self.shape is True

    @property
    def marked_elsewhere(self) -> bool:
        """What bears STUN's mark dies whoever is asked, and other operators' servers answer what does not."""
        asked, ok = self.here.asked + self.there.asked, self.here.ok + self.there.ok
        return self.cut and asked >= MOST_ELSEWHERE and not ok and self.here.unheard + self.there.unheard > 0

    @property
    def all_dead(self) -> bool:
        """Nothing at all comes from the address over UDP, with the mark or without."""
        return bool(self.all) and set(self.all) == {Outcome.SILENT} and self.shape is False

    @property
    def of_address(self) -> bool:
        """Nothing comes from the address over UDP, while other operators' servers on its port answer on this line."""
        return self.cut and self.all_dead and self.here.ok > 0

    @property
    def nobody_here(self) -> bool:
        """No other operator's server on the target's port answers anything."""
        return self.here.asked >= MOST_ELSEWHERE and not (self.here.ok or self.here.unheard)

    @property
    def of_port(self) -> bool:
        """The line carries no UDP to the port, whoever is asked, and does carry it to others."""
        return self.all_dead and self.nobody_here and self.there.ok > 0

    @property
    def of_line(self) -> bool:
        """The line carries no UDP to any port that was asked, whoever was."""
        nobody = not (self.here.ok or self.here.unheard or self.there.ok or self.there.unheard)
        enough = self.here.asked + self.there.asked >= MOST_ELSEWHERE and self.there.asked > 0
        return self.all_dead and enough and nobody


def facts(measurement: Measurement, context: Context) -> StunFacts:
    """Gather what the rules ask from one measurement."""
    # A failure of which nothing else is known may be our own: such a trial says nothing of the way.
    trials = [t for t in trials_of(measurement, StunObservation) if t.failure is not Failure.UNKNOWN]
    subject = subjects([t for t in trials if t.sent is StunPacket.BINDING])
    mine = [t for t in subject if not t.carried]
    own = tuple(outcome(t) for t in mine)
    failing = [t for t in subject if outcome(t) is not Outcome.ANSWERED]
    since, until = began(failing, measurement), ended(failing, measurement)
    address, port = (mine[0].address, mine[0].port) if mine else ("", 0)
    others = [t for t in trials if t.arm is Arm.ELSEWHERE and t.copies]
    offset = context.clock_offset
    return StunFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and Outcome.ANSWERED not in own,
            passed=bool(own) and set(own) == {Outcome.ANSWERED},
            failing=(since, until),
        ),
        own=own,
        all=tuple(outcome(t) for t in subject),
        spread=spread_out([t.at for t in failing]),
        shape=_first([t.failure is None for t in trials if t.arm is Arm.SHAPE and t.copies]),
        over_tcp=_first([t.failure is None for t in trials if t.arm is Arm.OTHER_TRANSPORT and t.copies]),
        here=_side([t for t in others if t.port == port]),
        there=_side([t for t in others if t.port != port]),
        references=seen_of_target(measurement, context, since, until),
        at_address=context.references.greeting_at(
            address, port, since - offset, until - offset, transport=TRAITS.transport
        ),
    )


def _side(trials: list[StunObservation]) -> Elsewhere:
    ends = [outcome(t) for t in trials]
    return Elsewhere(asked=len(ends), ok=ends.count(Outcome.ANSWERED), unheard=ends.count(Outcome.UNHEARD))


_T = TypeVar("_T")


def _first(found: list[_T]) -> _T | None:
    return found[0] if found else None
