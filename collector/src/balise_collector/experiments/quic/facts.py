"""What one QUIC measurement shows: blocking by the name in QUIC's first packet, and of UDP to its port. Pure.

The compared outcome is an answer, and that the same flow still carries seconds later. Must not live here: what follows
from the facts (rules.py), or what TCP shows at the same address.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.quic import TRAITS, QuicObservation, QuicPacket
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

_CONTROLS: Final = (Arm.NEIGHBOUR, Arm.CONTROL, Arm.ABSENT)
"""Best first, as for TLS."""
_OUR_WAY: Final = frozenset({Failure.GENERIC_TIMEOUT, Failure.QUIC_MALFORMED})
"""Failures that are told of a datagram which left; all others say that somebody, or our own machine, refused it."""
MOST_ELSEWHERE: Final = 2
"""Servers of other operators that must be dead before a line, or its port, is: one may not speak QUIC at all."""


class Outcome(StrEnum):
    """How one exchange ended."""

    ANSWERED = "answered"
    """It was answered, and the flow carried to the end as far as that was asked."""
    LATE = "late"
    """It was answered, and seconds later nothing came any more."""
    UNHEARD = "unheard"
    """No answer, and what followed on the same flow was answered."""
    SILENT = "silent"
    """Nothing came."""
    REFUSED = "refused"
    """An ICMP error, or no way there."""
    OTHER = "other"
    """Something came that is no QUIC."""


DEAD: Final = frozenset({Outcome.LATE, Outcome.UNHEARD, Outcome.SILENT})


def outcome(trial: QuicObservation) -> Outcome:
    """Classify one trial with a name."""
    if trial.failure is None:
        return Outcome.ANSWERED
    if trial.failure is Failure.QUIC_MALFORMED:
        return Outcome.OTHER
    if trial.failure not in _OUR_WAY:
        return Outcome.REFUSED
    if trial.answers:
        return Outcome.LATE
    return Outcome.UNHEARD if trial.followed else Outcome.SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicFacts(Facts):
    """What one QUIC measurement shows."""

    own: tuple[Outcome, ...]
    """Outcomes of the subject's own trials, in order."""
    all: tuple[Outcome, ...]
    """Carried trials first, then own."""
    spread: bool
    control: Outcome | None
    """The best control name at the same address and port; ``None`` where none was tried."""
    after: Outcome | None
    """The control's name once more, after the subject failed; ``None`` where it was not."""
    noise_lives: bool | None
    """The flow of as many random bytes still carries; ``None`` where that was not asked."""
    over_tcp: bool | None
    """TCP to the same address and port is answered; ``None`` where it was not asked."""
    elsewhere: int
    elsewhere_ok: int
    """Servers of other operators that answered over UDP on the same port, of those that were asked."""
    references: Seen
    at_address: Seen
    """Of Initials with any name at the very address and port."""

    @property
    def cut(self) -> bool:
        """All trials die, often enough and spread in time."""
        return len(self.all) >= MIN_TRIALS and self.spread and all(one in DEAD for one in self.all)

    @property
    def lives(self) -> bool:
        """UDP to the port still carries after the subject failed, there or elsewhere."""
        return self.after is Outcome.ANSWERED or self.elsewhere_ok > 0

    @property
    def named(self) -> bool:
        """Dead with the subject's name alone, while another name and random bytes pass before, and UDP after."""
        return self.cut and self.control is Outcome.ANSWERED and self.noise_lives is True and self.lives

    @property
    def late(self) -> bool:
        """Most trials were answered before they died."""
        return 2 * self.all.count(Outcome.LATE) > len(self.all)

    @property
    def any_name(self) -> bool:
        """Initials die whatever their name, and other datagrams to the same port live."""
        names = {self.control, self.after} - {None}
        return self.cut and bool(names) and names <= DEAD and self.noise_lives is True

    @property
    def all_dead(self) -> bool:
        """Nothing at all comes from the address over UDP, whatever is sent there."""
        names = {self.control, *self.all, *({self.after} - {None})}
        return names == {Outcome.SILENT} and self.noise_lives is False

    @property
    def of_address(self) -> bool:
        """Nothing comes from the address over UDP; it answers over TCP, and other servers over UDP."""
        return self.cut and self.all_dead and self.over_tcp is True and self.elsewhere_ok > 0

    @property
    def of_line(self) -> bool:
        """Nothing comes over UDP on this port from anybody, while TCP is answered."""
        nobody = self.elsewhere >= MOST_ELSEWHERE and not self.elsewhere_ok
        return self.all_dead and self.over_tcp is True and nobody


def facts(measurement: Measurement, context: Context) -> QuicFacts:
    """Gather what the rules ask from one measurement."""
    # A failure of which nothing else is known may be our own: such a trial says nothing of the way.
    trials = [t for t in trials_of(measurement, QuicObservation) if t.failure is not Failure.UNKNOWN]
    named = [t for t in trials if t.sent is QuicPacket.INITIAL]
    subject = subjects(named)
    mine = [t for t in subject if not t.carried]
    own = tuple(outcome(t) for t in mine)
    failing = [t for t in subject if outcome(t) is not Outcome.ANSWERED]
    since, until = began(failing, measurement), ended(failing, measurement)
    controls = [t for t in named if t.arm in _CONTROLS and not t.carried]
    control = min(controls, key=lambda t: (outcome(t) is not Outcome.ANSWERED, _CONTROLS.index(t.arm)), default=None)
    others = [t.failure is None for t in trials if t.arm is Arm.ELSEWHERE and t.copies]
    address, port = (mine[0].address, mine[0].port) if mine else ("", 0)
    offset = context.clock_offset
    neighbour = control is not None and control.arm is Arm.NEIGHBOUR and outcome(control) is Outcome.ANSWERED
    return QuicFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and Outcome.ANSWERED not in own,
            passed=bool(own) and set(own) == {Outcome.ANSWERED},
            failing=(since, until),
            signs=frozenset({"neighbour_ok"} if failing and neighbour else ()),
        ),
        own=own,
        all=tuple(outcome(t) for t in subject),
        spread=spread_out([t.at for t in failing]),
        control=None if control is None else outcome(control),
        after=_first([outcome(t) for t in named if t.arm is Arm.AFTER]),
        noise_lives=_first([t.followed for t in trials if t.arm is Arm.NOISE]),
        over_tcp=_first([t.failure is None for t in trials if t.arm is Arm.OTHER_TRANSPORT and t.copies]),
        elsewhere=len(others),
        elsewhere_ok=sum(others),
        references=seen_of_target(measurement, context, since, until),
        at_address=context.references.greeting_at(
            address, port, since - offset, until - offset, transport=TRAITS.transport
        ),
    )


_T = TypeVar("_T")


def _first(found: list[_T]) -> _T | None:
    return found[0] if found else None
