"""What one measurement of ``clienthello`` shows: which forms of the same hello get through at one server. Pure.

The compared outcome is *any byte back from the server*, not a finished handshake; each form has three values: it
passed, it died, or that was not asked. Must not live here: what follows from the facts (rules.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.injection import FORGED, is_whole, series_score
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.signs import FORGED_PACKET, Sign
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.clienthello import ClienthelloObservation, HelloForm
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

EXTENSION_ALONE: Final = Sign(
    "extension_alone",
    "the same greeting without the extension, and with another as long, was answered by the same server",
    excludes_fault=False,  # A server may refuse an extension to some, as it may a name.
)
EXTENSION_ANY_NAME: Final = Sign(
    "extension_any_name", "the extension dies with another name as well: it is enough by itself", excludes_fault=False
)
EXTENSION_THIS_NAME: Final = Sign(
    "extension_this_name",
    "the extension passes with another name: this name and the extension together are what dies",
    excludes_fault=False,
)
_OTHER_NAMES: Final = frozenset({Arm.NEIGHBOUR, Arm.CONTROL})
_TWO: Final = 2


class Outcome(StrEnum):
    """How one hello ended."""

    ANSWERED = "answered"
    ALERT = "alert"
    RST = "rst"
    SILENCE = "silence"
    FIN = "fin"
    NO_CONNECT = "no_connect"
    OTHER = "other"
    """Bytes that are no TLS, or a failure that says nothing of the way."""


DEAD: Final = frozenset({Outcome.RST, Outcome.SILENCE, Outcome.FIN})
_BACK: Final = frozenset({Outcome.ANSWERED, Outcome.ALERT})


def outcome(trial: ClienthelloObservation) -> Outcome:
    """Classify one trial."""
    if trial.failure is Failure.TLS_MALFORMED:
        return Outcome.OTHER
    if trial.bytes_received > 0 or trial.failure is None:
        return Outcome.ALERT if trial.record.startswith("alert") else Outcome.ANSWERED
    if trial.connect_ms is None:
        return Outcome.NO_CONNECT
    return {
        Failure.CONNECTION_RESET: Outcome.RST,
        Failure.GENERIC_TIMEOUT: Outcome.SILENCE,
        Failure.EOF: Outcome.FIN,
        Failure.CONNECTION_ABORTED: Outcome.FIN,
    }.get(trial.failure, Outcome.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClienthelloFacts(Facts):
    """What one measurement of ``clienthello`` shows."""

    extension: HelloForm
    """Which is asked about; unknown where no hello with one is in the measurement."""
    own: tuple[Outcome, ...]
    """Outcomes of the extension's own hellos, in order; a connect that fails right behind one that died is dead too."""
    all: tuple[Outcome, ...]
    """Carried ones first, then own."""
    spread: bool
    plain: Outcome | None
    """Of the same name without the extension; ``None`` where that was not asked."""
    beside: Outcome | None
    """Of the same name with an extension that nobody knows, as long."""
    answered_after: bool
    """The plain hello was answered once more behind the last that died."""
    nameless: bool | None
    """Whether a hello without a name passes; ``None`` where that was not asked, as below."""
    in_segments: bool | None
    """Whether one in two segments does; ``None`` too where the kernel joined them again."""
    in_records: bool | None
    """Whether one in two records does."""
    references: Seen
    """What references saw of the target's extension meanwhile."""

    @property
    def controlled(self) -> bool:
        """Both controls were greeted: the same name, the same server."""
        return self.plain is Outcome.ANSWERED and self.beside is Outcome.ANSWERED

    @property
    def cut(self) -> bool:
        """All hellos with the extension die, often enough and spread in time."""
        return len(self.all) >= MIN_TRIALS and self.spread and set(self.all) <= DEAD

    @property
    def died(self) -> bool:
        """Some hello with the extension did."""
        return any(one in DEAD for one in self.all)


def _of(trials: Iterable[ClienthelloObservation], form: HelloForm) -> Outcome | None:
    """Return the outcome of the subject's name in a form, or ``None`` where it was not asked."""
    return next((outcome(t) for t in trials if t.arm is Arm.SHAPE and t.form is form and not t.carried), None)


def _passes(trials: Iterable[ClienthelloObservation], form: HelloForm) -> bool | None:
    """Tell whether a form passed; ``None`` where that was not asked, or is not what was sent."""
    for trial in trials:
        if trial.arm is not Arm.SHAPE or trial.form is not form or trial.carried:
            continue
        if form is HelloForm.SEGMENTS and (trial.whole is not False or trial.segments < _TWO):
            return None
        found = outcome(trial)
        return True if found in _BACK else False if found in DEAD else None
    return None


def _in_turn(trials: Iterable[ClienthelloObservation]) -> list[Outcome]:
    """Return outcomes in the order of time; behind a hello that died a connect that fails died of it (residual)."""
    found: list[Outcome] = []
    for trial in trials:
        now = outcome(trial)
        found.append(found[-1] if now is Outcome.NO_CONNECT and found and found[-1] in DEAD else now)
    return found


def _signs(
    trials: list[ClienthelloObservation], extension: HelloForm, score: float, *, whole: bool, controlled: bool
) -> frozenset[str]:
    """Return the signs of a series in which the extension died."""
    signs = {EXTENSION_ALONE.id} if controlled else set()
    others = [outcome(t) for t in trials if t.arm in _OTHER_NAMES and t.form is extension and not t.carried]
    if others and others[0] in DEAD:
        signs.add(EXTENSION_ANY_NAME.id)
    if others and others[0] in _BACK:
        signs.add(EXTENSION_THIS_NAME.id)
    if score >= FORGED and whole:
        signs.add(FORGED_PACKET.id)
    return frozenset(signs)


def facts(measurement: Measurement, context: Context) -> ClienthelloFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, ClienthelloObservation)
    mine = [t for t in subjects(trials) if not t.carried]
    extension = mine[-1].form if mine else HelloForm.UNKNOWN
    subject = [t for t in subjects(trials) if t.form is extension]
    own = _in_turn(t for t in subject if not t.carried)
    plain, beside = _of(trials, HelloForm.PLAIN), _of(trials, HelloForm.EXTENSION)
    # A server that says no to everybody's name says so to the extension's hello as well.
    good = _BACK if plain is not Outcome.ANSWERED else frozenset({Outcome.ANSWERED})
    failing = [t for t in subject if outcome(t) not in good]
    control = next((t for t in trials if t.arm is Arm.SHAPE and t.form is HelloForm.PLAIN), None)
    score = series_score((t.packets for t in failing if t.packets), (control.packets if control else (),))
    heard = (control is not None and is_whole(control.packets)) or not limited(measurement, context.no_limits)
    since, until = began(failing, measurement), ended(failing, measurement)
    last = max((t.at for t in mine), default=0.0)
    controlled = plain is Outcome.ANSWERED and beside is Outcome.ANSWERED
    return ClienthelloFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(o in good for o in own),
            passed=bool(own) and all(o in good for o in own),
            failing=(since, until),
            score=score,
            signs=_signs(trials, extension, score, whole=heard, controlled=controlled) if failing else frozenset(),
        ),
        extension=extension,
        own=tuple(own),
        all=(*(outcome(t) for t in subject if t.carried), *own),
        spread=spread_out([t.at for t in failing]),
        plain=plain,
        beside=beside,
        answered_after=any(t.arm is Arm.AFTER and t.at > last and outcome(t) in _BACK for t in trials),
        nameless=_passes(trials, HelloForm.NAMELESS),
        in_segments=_passes(trials, HelloForm.SEGMENTS),
        in_records=_passes(trials, HelloForm.RECORDS),
        references=seen_of_target(measurement, context, since, until),
    )
