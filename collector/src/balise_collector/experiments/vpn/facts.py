"""What one series of handshakes shows: whether a protocol's handshake dies where packets of its sizes pass. Pure.

The compared outcome is whether every round was answered: a box may let the first packets pass. Must not live here: what
follows from the facts (rules.py).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common
from balise_collector.judge.signs import Sign
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.vpn import APART, CONTROLS, TURNS, VpnObservation, VpnProtocol, VpnShape
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

VPN_SHAPE: Final = Sign(
    "vpn_shape",
    "handshakes of the protocol die at our own server, where as many packets of their sizes that are no protocol's are "
    "answered on the same port: no server has a part in it",
)
PASSES: Final = {
    VpnShape.FEW_ONES: Sign("exempt_few_ones", "payloads of few set bits pass", excludes_fault=False),
    VpnShape.PRINTABLE_START: Sign(
        "exempt_printable_start", "payloads that begin with six printable bytes pass", excludes_fault=False
    ),
    VpnShape.PRINTABLE_HALF: Sign(
        "exempt_printable_half", "payloads of which more than half is printable pass", excludes_fault=False
    ),
    VpnShape.PRINTABLE_RUN: Sign(
        "exempt_printable_run", "payloads with more than twenty printable bytes in a row pass", excludes_fault=False
    ),
    VpnShape.TLS_START: Sign("exempt_tls_start", "payloads that begin as TLS does pass", excludes_fault=False),
}
"""Which controls of a fully encrypted protocol pass: by what the filter tells one."""
REPEATS: Final = 1
"""Packets of a control that may have left twice on a line that loses little."""
_TOLERANCE: Final = 5.0
"""Seconds by which a clock that is being set may shorten the ten minutes between two turns."""
_CUT: Final = frozenset({Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF})


class Outcome(StrEnum):
    """How one handshake ended."""

    PASSED = "passed"
    CUT = "cut"
    """A round was not answered."""
    NO_TOKEN = "no_token"  # noqa: S105 - of a helper, no secret
    """The helper answered nothing: it is off, or the line carries nothing to this port, whatever it looks like."""
    MOVED = "moved"
    """The helper answers another address than ours was meanwhile: its silence says nothing."""
    NO_CONNECTION = "no_connection"
    """No connection stood: the helper is off, or the line carries nothing to this port, whatever it looks like."""
    STRANGE = "strange"
    """Something else than the helper answered."""
    REFUSED = "refused"
    """The port is closed, a router refuses it, or there is no way there."""
    NOT_SENT = "not_sent"
    """There was no helper to send it to, or the probe does not know the protocol."""


def outcome(trial: VpnObservation) -> Outcome:
    """Classify one handshake."""
    if not trial.rounds:
        return Outcome.NOT_SENT
    if trial.failure is Failure.VPN_MALFORMED:
        return Outcome.STRANGE
    if trial.failure is not None and trial.failure not in _CUT:
        return Outcome.REFUSED
    if trial.connected is False:
        return Outcome.NO_CONNECTION
    if trial.token is False:
        return Outcome.NO_TOKEN
    if trial.failure is not None and trial.moved:
        return Outcome.MOVED
    return Outcome.PASSED if trial.failure is None and trial.answered == trial.rounds else Outcome.CUT


@dataclass(frozen=True, slots=True, kw_only=True)
class VpnFacts(Facts):
    """What one series shows."""

    protocol: VpnProtocol
    """Whose handshakes they are; unknown where the trials contradict each other."""
    own: tuple[Outcome, ...]
    """Outcomes of the subject's own trials, in order."""
    all: tuple[Outcome, ...]
    """Carried ones first, then own."""
    turns: int
    """Turns in which a control passed and the subject, behind it, did not."""
    apart: bool
    """Whether two of them lie ten minutes apart."""
    controls: tuple[Outcome, ...]
    """Of the packets that are no protocol's, in order."""
    passing: frozenset[VpnShape]
    """Shapes of controls that passed in every turn; empty unless each of the protocol's was tried in every turn, and
    ended in every turn alike."""
    repeated: int
    """Packets of controls that left again and passed: what the line loses whatever it looks like."""
    references: Seen

    @property
    def dead(self) -> bool:
        """Every handshake is cut, often enough and spread in time."""
        return len(self.all) >= MIN_TRIALS and self.turns >= TURNS and self.apart and set(self.all) == {Outcome.CUT}

    @property
    def spares(self) -> bool:
        """Of several controls some pass and some do not, in every turn the same: it is no line that does that."""
        return len(CONTROLS.get(self.protocol, ())) > 1 and bool(self.passing)

    @property
    def shaped(self) -> bool:
        """It is the shape: every control passes, or of several the same ones each time."""
        return self.dead and (set(self.controls) == {Outcome.PASSED} or self.spares)

    @property
    def by_line(self) -> bool:
        """A control dies as well, and not as one that a filter tells from the others."""
        return self.failed and Outcome.CUT in self.controls and not self.spares

    @property
    def lossy(self) -> bool:
        """More of the controls left twice than a line loses that is well."""
        return self.repeated > REPEATS * max(1, self.controls.count(Outcome.PASSED))


def facts(measurement: Measurement, context: Context) -> VpnFacts:
    """Gather what the rules ask from one measurement."""
    # A failure of which nothing else is known may be our own: such a trial says nothing of the way.
    trials = [t for t in trials_of(measurement, VpnObservation) if t.failure is not Failure.UNKNOWN]
    subject = [t for t in subjects(trials) if outcome(t) is not Outcome.NOT_SENT]
    mine = [t for t in subject if not t.carried]
    own = tuple(outcome(t) for t in mine)
    controls = sorted((t for t in trials if t.arm is Arm.NOISE and not t.carried), key=lambda t: t.at)
    failing = [t for t in subject if outcome(t) is not Outcome.PASSED]
    since, until = began(failing, measurement), ended(failing, measurement)
    turns = _turns(mine, controls)
    protocols = {t.protocol for t in (*subject, *controls)}
    protocol = protocols.pop() if len(protocols) == 1 else VpnProtocol.UNKNOWN
    passed = bool(controls) and all(outcome(t) is Outcome.PASSED for t in controls)
    passing = _passing(controls, protocol, len(mine))
    signs = {VPN_SHAPE.id} if failing and (passed or passing) else set()
    if failing and len(CONTROLS.get(protocol, ())) > 1:
        signs |= {PASSES[shape].id for shape in passing if shape in PASSES}
    return VpnFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and Outcome.PASSED not in own,
            passed=bool(own) and set(own) == {Outcome.PASSED},
            failing=(since, until),
            signs=frozenset(signs),
        ),
        protocol=protocol,
        own=own,
        all=tuple(outcome(t) for t in subject),
        turns=len(turns),
        apart=bool(turns) and max(turns) - min(turns) >= APART - _TOLERANCE,
        controls=tuple(outcome(t) for t in controls),
        passing=passing,
        repeated=sum(t.repeated for t in controls if outcome(t) is Outcome.PASSED),
        references=seen_of_target(measurement, context, since, until),
    )


def _turns(subject: list[VpnObservation], controls: list[VpnObservation]) -> list[float]:
    """Return when the handshakes began that were cut right behind a control, of the same port, that passed."""
    found: list[float] = []
    for trial in subject:
        since = max((one.at for one in subject if one is not trial and one.at < trial.at), default=-math.inf)
        before = [one for one in controls if since < one.at <= trial.at and one.port == trial.port]
        if outcome(trial) is Outcome.CUT and any(outcome(one) is Outcome.PASSED for one in before):
            found.append(trial.at)
    return found


def _passing(controls: list[VpnObservation], protocol: VpnProtocol, turns: int) -> frozenset[VpnShape]:
    """Return the shapes that passed in every turn, where each of the protocol's ended in every turn alike."""
    ends: dict[VpnShape, list[Outcome]] = {}
    for one in controls:
        ends.setdefault(one.shape, []).append(outcome(one))
    wanted = set(CONTROLS.get(protocol, ()))
    whole = set(ends) == wanted and all(len(found) == turns and len(set(found)) == 1 for found in ends.values())
    return frozenset(shape for shape, found in ends.items() if whole and found[0] is Outcome.PASSED)
