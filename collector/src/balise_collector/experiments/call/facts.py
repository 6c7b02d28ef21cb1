"""What one series of trains shows: whether packets in the shape of a voice call vanish, and in which direction. Pure.

The compared outcome is how much of a train's end arrives: a box may let the first packets pass, and ordinary loss takes
no nine of ten. Must not live here: what follows from the facts (rules.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.signs import Sign
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.call import CUT, PACKETS, TAIL, TAIL_PACKETS, CallObservation, CallShape
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

WHOLE: Final = 0.7
"""Share of a train's end that comes back of one that passes: a call bears a loss of a few per cent each way."""
VOICE_SHAPE: Final = Sign(
    "voice_shape",
    "packets in the shape of a voice call die at our own server, where others of their size and pace pass: the service "
    "has no part in it",
)


class Outcome(StrEnum):
    """How one train ended."""

    PASSED = "passed"
    CUT = "cut"
    """Nine of ten of its end did not come back."""
    LOSSY = "lossy"
    """More came back than that, and less than of one that passes."""
    NO_TOKEN = "no_token"  # noqa: S105 - of a helper, no secret
    """The helper answered nothing: it is off, or UDP to it dies whatever it looks like."""
    REFUSED = "refused"
    """An ICMP error, or no way there."""
    NOT_SENT = "not_sent"
    """There was no helper to send it to."""


def outcome(trial: CallObservation) -> Outcome:
    """Classify one train."""
    if trial.token is None and not trial.sent:
        return Outcome.NOT_SENT
    if trial.failure not in {None, Failure.GENERIC_TIMEOUT}:
        return Outcome.REFUSED
    if trial.token is False:
        return Outcome.NO_TOKEN
    share = sum((trial.returned or ())[-TAIL:]) / TAIL_PACKETS
    if trial.sent < PACKETS:
        return Outcome.LOSSY
    return Outcome.CUT if share <= CUT else Outcome.PASSED if share >= WHOLE else Outcome.LOSSY


def vanished_up(trial: CallObservation) -> bool | None:
    """Tell whether the end of a train that is cut did not reach the helper; ``None`` where it did not say."""
    if trial.arrived is None:
        return None
    return sum(trial.arrived[-TAIL:]) <= CUT * TAIL_PACKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts(Facts):
    """What one series shows."""

    own: tuple[Outcome, ...]
    """Outcomes of the subject's own trains, which look like a call both ways, in order."""
    all: tuple[Outcome, ...]
    """Carried ones first, then own."""
    spread: bool
    control: Outcome | None
    """A train of the same size and pace that looks like nothing; ``None`` where none was sent."""
    up: Outcome | None
    """Voice up, nothing like it down."""
    down: Outcome | None
    """The other way round."""
    lost_up: bool | None
    """Whether the helper's counts say that what was cut did not reach it; ``None`` where it told none, or some of
    either."""
    ports: int | None
    """Ports of UDP on which the helper answered; ``None`` where that was not looked at."""
    references: Seen

    @property
    def cut(self) -> bool:
        """Every train that looks like a call is cut, often enough and spread in time."""
        return len(self.all) >= MIN_TRIALS and self.spread and set(self.all) == {Outcome.CUT}

    @property
    def shaped(self) -> bool:
        """It is the shape: as many packets that look like nothing pass."""
        return self.cut and self.control is Outcome.PASSED

    @property
    def only_up(self) -> bool:
        """What the home sends is cut, and what comes to it passes."""
        return self.shaped and (self.up, self.down) == (Outcome.CUT, Outcome.PASSED) and self.lost_up is not False

    @property
    def only_down(self) -> bool:
        """What comes to the home is cut, and what it sends passes."""
        return self.shaped and (self.up, self.down) == (Outcome.PASSED, Outcome.CUT) and self.lost_up is not True

    @property
    def both(self) -> bool:
        """Either direction is cut by itself, or neither is and both together are."""
        return self.shaped and self.up is self.down and self.up in {Outcome.CUT, Outcome.PASSED}


def facts(measurement: Measurement, context: Context) -> CallFacts:
    """Gather what the rules ask from one measurement."""
    # A failure of which nothing else is known may be our own: such a trial says nothing of the way.
    trials = [t for t in trials_of(measurement, CallObservation) if t.failure is not Failure.UNKNOWN]
    trains = [t for t in trials if t.ports is None]
    subject = [t for t in subjects(trains) if outcome(t) is not Outcome.NOT_SENT]
    own = tuple(outcome(t) for t in subject if not t.carried)
    failing = [t for t in subject if outcome(t) is not Outcome.PASSED]
    since, until = began(failing, measurement), ended(failing, measurement)
    known = {side for t in failing if outcome(t) is Outcome.CUT and (side := vanished_up(t)) is not None}
    found = {(t.up, t.down): outcome(t) for t in trains if t.arm in {Arm.NOISE, Arm.SHAPE} and not t.carried}
    looks = [len(t.ports) for t in trials if t.ports is not None]
    control = found.get((CallShape.NOISE, CallShape.NOISE))
    shaped = bool(failing) and control is Outcome.PASSED
    return CallFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and Outcome.PASSED not in own,
            passed=bool(own) and set(own) == {Outcome.PASSED},
            failing=(since, until),
            signs=frozenset({VOICE_SHAPE.id} if shaped else ()),
        ),
        own=own,
        all=tuple(outcome(t) for t in subject),
        spread=spread_out([t.at for t in failing]),
        control=control,
        up=found.get((CallShape.VOICE, CallShape.NOISE)),
        down=found.get((CallShape.NOISE, CallShape.VOICE)),
        lost_up=known.pop() if len(known) == 1 else None,
        ports=looks[0] if looks else None,
        references=seen_of_target(measurement, context, since, until),
    )
