"""What one TLS measurement shows: blocking by the name in the ClientHello, and interception. Pure.

The compared outcome is *any byte back from the server*, not a finished handshake. Must not live here: what follows from
the facts (rules.py), or what lies below (a TCP handshake that fails is TCP's to judge).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from balise_collector.experiments.tls.references import keys
from balise_collector.judge.context import Context
from balise_collector.judge.injection import FORGED, is_whole, series_score
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

_CERTIFICATE: Final = frozenset(
    {Failure.SSL_INVALID_CERTIFICATE, Failure.SSL_INVALID_HOSTNAME, Failure.SSL_UNKNOWN_AUTHORITY}
)
_SERVER_HELLO: Final = "server_hello"
"""A record that begins a handshake: older agents call one of a version that they do not speak malformed."""
_CONTROLS: Final = (Arm.NEIGHBOUR, Arm.CONTROL, Arm.ABSENT)
"""Best first; a hello without any name is what remains where no control name is known."""


class Outcome(StrEnum):
    """How one hello ended."""

    ANSWERED = "answered"
    CERTIFICATE = "certificate"
    """The server answered with a chain that did not verify."""
    RST = "rst"
    SILENCE = "silence"
    FIN = "fin"
    NO_CONNECT = "no_connect"
    OTHER = "other"


AFTER_CONNECT: Final = frozenset({Outcome.RST, Outcome.SILENCE, Outcome.FIN})


def outcome(trial: TlsObservation) -> Outcome:
    """Classify one trial."""
    if trial.failure in _CERTIFICATE:
        return Outcome.CERTIFICATE
    if trial.failure in {Failure.TLS_MALFORMED, Failure.TOO_LARGE} and trial.record != _SERVER_HELLO:
        return Outcome.OTHER  # Bytes, but not those of a TLS server: somebody answered in its place.
    if trial.bytes_received > 0 or trial.failure is None:
        return Outcome.ANSWERED
    if trial.connect_ms is None:
        return Outcome.NO_CONNECT
    if trial.failure is Failure.CONNECTION_RESET:
        return Outcome.RST
    if trial.failure is Failure.GENERIC_TIMEOUT:
        return Outcome.SILENCE
    if trial.failure in {Failure.EOF, Failure.CONNECTION_ABORTED, Failure.SSL_FAILED_HANDSHAKE}:
        return Outcome.FIN
    return Outcome.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts(Facts):
    """What one TLS measurement shows."""

    own: tuple[Outcome, ...]
    """Outcomes of the subject's own trials, in order."""
    all: tuple[Outcome, ...]
    """Carried trials first, then own."""
    spread: bool
    control: Outcome | None
    """The best control on the same address and port: neighbour before control name; answered before not."""
    scrambled: Outcome | None
    residual: bool
    """Connects began to fail only after a sensitive hello, with the controls of the same series answered."""
    references: Seen
    unknown_keys: bool
    """References or pins know keys of this name, and the subject's chain holds none of them."""
    known_keys: bool
    """The subject's chain holds a key that references or pins know."""
    expired: bool
    control_clean: bool
    """A control's chain verified, or was issued by another authority than the subject's."""
    control_untrusted: bool
    """A control's chain, too, comes from an unknown authority."""

    @property
    def cut(self) -> bool:
        """All trials die after the hello, often enough and spread in time, where the controls' do not."""
        dead = [o for o in self.all if o in AFTER_CONNECT]
        enough = len(self.all) >= MIN_TRIALS and self.spread
        whole = len(dead) == len(self.all) or (self.residual and any(o in AFTER_CONNECT for o in self.own))
        return enough and whole

    @property
    def control_answers(self) -> bool:
        """A control on the same address and port has bytes back."""
        return self.control in {Outcome.ANSWERED, Outcome.CERTIFICATE}

    @property
    def scrambled_answers(self) -> bool:
        """The scrambled name has bytes back; without that arm the control alone must do."""
        return self.scrambled in {None, Outcome.ANSWERED, Outcome.CERTIFICATE}

    @property
    def untrusted(self) -> bool:
        """The server, or somebody in its place, answers every hello, and no chain it shows verifies."""
        return Outcome.CERTIFICATE in self.own and set(self.own) <= {Outcome.CERTIFICATE, Outcome.ANSWERED}

    def kind(self, wanted: Outcome) -> bool:
        """Tell whether ``wanted`` is the way most trials died after the hello; the worst wins a tie."""
        counts = {o: self.all.count(o) for o in (Outcome.RST, Outcome.FIN, Outcome.SILENCE)}
        return max(counts, key=lambda o: counts[o]) is wanted

    @property
    def named(self) -> bool:
        """The whole differential: cut for the subject's name and for no other."""
        return self.cut and self.control_answers and self.scrambled_answers


def _residual(own: list[Outcome], carried: list[Outcome]) -> bool:
    """Tell whether every failed connect of the series follows a hello that died (residual censorship)."""
    if not any(o in AFTER_CONNECT for o in own):
        return False
    first = next(i for i, o in enumerate(own) if o in AFTER_CONNECT)
    dead = AFTER_CONNECT | {Outcome.NO_CONNECT}
    return Outcome.NO_CONNECT not in own[:first] and all(o in dead for o in own + carried)


def _best_control(trials: list[TlsObservation]) -> TlsObservation | None:
    """Return the neighbour before the control name, an answered one before a failed one."""
    controls = [t for t in trials if t.arm in _CONTROLS and not t.carried]
    answered = {Outcome.ANSWERED, Outcome.CERTIFICATE}
    return min(controls, key=lambda t: (outcome(t) not in answered, _CONTROLS.index(t.arm)), default=None)


def facts(measurement: Measurement, context: Context) -> TlsFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, TlsObservation)
    subject = subjects(trials)
    own = [outcome(t) for t in subject if not t.carried]
    carried = [outcome(t) for t in subject if t.carried]
    control = _best_control(trials)
    scrambled = next((outcome(t) for t in trials if t.arm is Arm.SCRAMBLED and not t.carried), None)
    failing = [t for t in subject if outcome(t) is not Outcome.ANSWERED]
    since = began(failing, measurement)
    forged = [t for t in failing if t.packets]
    score = series_score((t.packets for t in forged), (control.packets if control else (),))
    signs = set()
    if control is not None and control.arm is Arm.NEIGHBOUR and outcome(control) is Outcome.ANSWERED:
        signs.add("neighbour_ok")
    if scrambled in {Outcome.ANSWERED, Outcome.CERTIFICATE}:
        signs.add("scrambled_ok")
    whole = control is not None and is_whole(control.packets)
    if score >= FORGED and (whole or not limited(measurement, context.no_limits)):
        signs.add("forged_packet")
    chain = next((t for t in failing if t.chain and not t.carried), None)
    known = context.pins | keys(context.references, measurement.host)
    seen = frozenset(c.spki_sha256 for c in chain.chain) if chain else frozenset()
    others = [t for t in trials if t.arm in _CONTROLS and not t.carried and t.chain]
    issuer = chain.chain[0].issuer if chain else ""
    return TlsFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and Outcome.ANSWERED not in own,
            passed=bool(own) and all(o is Outcome.ANSWERED for o in own),
            since=since,
            score=score,
            signs=frozenset(signs),
        ),
        own=tuple(own),
        all=(*carried, *own),
        spread=spread_out([t.at for t in failing]),
        control=outcome(control) if control else None,
        scrambled=scrambled,
        residual=_residual(own, carried),
        references=seen_of_target(measurement, context, since, ended(failing, measurement)),
        unknown_keys=bool(known) and bool(seen) and not seen & known,
        known_keys=bool(seen & known),
        expired=chain is not None and 0 < chain.chain[0].not_after < measurement.started,
        control_clean=any(
            t.verified or (t.failure is not Failure.SSL_UNKNOWN_AUTHORITY and t.chain[0].issuer != issuer)
            for t in others
        ),
        control_untrusted=any(
            t.failure is Failure.SSL_UNKNOWN_AUTHORITY or (bool(issuer) and t.chain[0].issuer == issuer)
            for t in others
            if not t.verified
        ),
    )
