"""What one TLS measurement shows: blocking by the name in the ClientHello, and interception. Pure.

The compared outcome is *any byte back from the server*, not a finished handshake. Must not live here: what follows from
the facts (rules.py), or what lies below (a TCP handshake that fails is TCP's to judge).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from balise_collector.experiments.tls.references import alerts, authorities, keys, opens_provider
from balise_collector.judge import proxied
from balise_collector.judge.context import Context
from balise_collector.judge.injection import FORGED, is_whole, series_score
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.signs import NEUTRAL_SWAP, NEUTRAL_SWAP_OK
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

_CERTIFICATE: Final = frozenset(
    {Failure.SSL_INVALID_CERTIFICATE, Failure.SSL_INVALID_HOSTNAME, Failure.SSL_UNKNOWN_AUTHORITY}
)
_SERVER_HELLO: Final = "server_hello"
"""A record that begins a handshake: older agents call one of a version that they do not speak malformed."""
_NEUTRAL_TRIES: Final = 2
"""Trials that must die at a helper: one alone dies of ordinary loss now and then."""
_CONTROLS: Final = (Arm.NEIGHBOUR, Arm.CONTROL, Arm.ABSENT)
"""Best first; a hello without any name is what remains where no control name is known."""
_NO_OTHER_NAME: Final = frozenset(
    {Arm.SUBJECT, Arm.SCRAMBLED, Arm.LONG_HELLO, Arm.THROUGH, Arm.THROUGH_CONTROL, Arm.UNKNOWN}
)
"""Arms with the subject's name, a meaningless one, another way or one that we cannot tell."""


class Outcome(StrEnum):
    """How one hello ended."""

    ANSWERED = "answered"
    CERTIFICATE = "certificate"
    """The server answered with a chain that did not verify."""
    ALERT = "alert"
    """A TLS alert came in the place of the server's hello: an answer, and another one than a greeting."""
    RST = "rst"
    SILENCE = "silence"
    FIN = "fin"
    NO_CONNECT = "no_connect"
    OTHER = "other"


AFTER_CONNECT: Final = frozenset({Outcome.RST, Outcome.SILENCE, Outcome.FIN})
_BACK: Final = frozenset({Outcome.ANSWERED, Outcome.CERTIFICATE, Outcome.ALERT})
"""Bytes came back."""
_LOCAL: Final = re.compile(
    r"avast|avg|kaspersky|eset|bitdefender|norton|mcafee|dr\.?web|adguard|qustodio|net nanny", re.IGNORECASE
)
"""Issuers by which programs against viruses, and for the protection of children, name themselves."""


def outcome(trial: TlsObservation) -> Outcome:
    """Classify one trial."""
    if trial.failure in _CERTIFICATE:
        return Outcome.CERTIFICATE
    if trial.bytes_received > 0 and (trial.record.startswith("alert") or trial.failure is Failure.TLS_ALERT):
        return Outcome.ALERT
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
    """Outcomes of the subject's own trials, in order: greetings, and chains that were shown."""
    all: tuple[Outcome, ...]
    """Carried trials first, then own."""
    spread: bool
    control: Outcome | None
    """The best control on the same address and port: neighbour before control name; answered before not."""
    scrambled: Outcome | None
    answered_after: bool
    """Another name was answered once more after the subject's last hello: the line had not gone meanwhile."""
    residual: bool
    """Connects began to fail only after a sensitive hello, with the controls of the same series answered."""
    references: Seen
    at_address: Seen
    """Of greetings with any name at the very address and port."""
    unknown_keys: bool
    """References or pins know keys of this name, and the subject's chain holds none of them."""
    known_keys: bool
    """The subject's chain holds a key that references or pins know."""
    expired: bool
    """The certificate's time is over, by the collector's clock."""
    clock: bool
    """Outside of its dates by the probe's clock, and so is a control's chain, or it is not by the collector's clock."""
    dates_only: bool
    """What is wrong with the chain are its dates."""
    elsewhere: bool
    """The chain is another name's, at an address that nobody vouches for."""
    control_clean: bool
    """A control's chain verified, or was issued by another authority than the subject's."""
    control_untrusted: bool
    """A control's chain, too, comes from an unknown authority."""
    local_issuer: bool
    """The chain's issuer names itself as a program on the household's side."""
    opened_by_provider: bool
    """The authority behind the chain, which nobody trusts, signs for boards of three keepers in this provider alone."""
    chain_verified: bool
    """A whole handshake of the subject showed a chain that verified."""
    chain_lost: bool
    """Greetings were answered and the whole handshake came to nothing."""
    alert_strange: bool
    """An alert to the subject, where a control or enough references get a greeting."""
    alert_everywhere: bool
    """References get an alert to this name, too."""
    greeted_abroad: bool
    """Enough references get a greeting to this name, and none an alert."""

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
        return self.control in _BACK

    @property
    def scrambled_answers(self) -> bool:
        """The scrambled name has bytes back; without that arm the control alone must do."""
        return self.scrambled is None or self.scrambled in _BACK

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

    @property
    def proved(self) -> bool:
        """A sign is there that no server, edge or limiter can produce."""
        return "forged_packet" in self.signs

    @property
    def only_listed(self) -> bool:
        """Cut for the subject's name and for nobody's name, while a well-known one gets through before and after."""
        alike = self.cut and self.scrambled in AFTER_CONNECT and self.references.reached
        return alike and self.control_answers and self.answered_after

    @property
    def any_name(self) -> bool:
        """Silent whatever the name, at an address where references are greeted at the same time.

        What resets or closes is there, and may refuse a country.
        """
        every = self.control is Outcome.SILENCE and self.scrambled in {None, Outcome.SILENCE}
        return self.cut and every and self.kind(Outcome.SILENCE) and self.at_address.reached

    @property
    def every_name(self) -> bool:
        """Dead whatever the name and in whatever way, at an address where references are greeted at the same time."""
        every = self.control in AFTER_CONNECT and (self.scrambled is None or self.scrambled in AFTER_CONNECT)
        return self.cut and every and self.at_address.reached

    @property
    def alerted(self) -> bool:
        """Every hello of the series had an alert, often enough and spread, where both other names are greeted.

        A connect that fails after one is residual censorship.
        """
        others = self.control is Outcome.ANSWERED and self.scrambled is Outcome.ANSWERED
        enough = len(self.all) >= MIN_TRIALS and self.spread
        whole = set(self.all) == {Outcome.ALERT} or (
            self.residual and Outcome.ALERT in self.own and set(self.all) == {Outcome.ALERT, Outcome.NO_CONNECT}
        )
        return others and enough and whole

    @property
    def alerted_now_and_then(self) -> bool:
        """Some hellos with the name had an alert and others a greeting: no server has two minds about a name."""
        return self.greeted_abroad and {Outcome.ALERT, Outcome.ANSWERED} <= set(self.all)


def _residual(own: list[Outcome], carried: list[Outcome], *, strange: bool) -> bool:
    """Tell whether every failed connect of the series follows a hello that died (residual censorship).

    Where an alert is strange, a hello that had one died.
    """
    died = AFTER_CONNECT | {Outcome.ALERT} if strange else AFTER_CONNECT
    if not any(o in died for o in own):
        return False
    first = next(i for i, o in enumerate(own) if o in died)
    dead = died | {Outcome.NO_CONNECT}
    return Outcome.NO_CONNECT not in own[:first] and all(o in dead for o in own + carried)


def _best_control(trials: list[TlsObservation]) -> TlsObservation | None:
    """Return the neighbour before the control name, an answered one before a failed one; greetings before chains."""
    controls = [t for t in trials if t.arm in _CONTROLS and not t.carried]
    return min(controls, key=lambda t: (t.full, outcome(t) not in _BACK, _CONTROLS.index(t.arm)), default=None)


def _answered_after(trials: list[TlsObservation], own: list[TlsObservation]) -> bool:
    """Tell whether another name than the subject's had an answer after the subject's last trial."""
    last = max((t.at for t in own), default=0.0)
    return any(t.at > last and outcome(t) in _BACK for t in trials if t.arm not in _NO_OTHER_NAME and not t.carried)


def _compared(subject: list[TlsObservation]) -> list[TlsObservation]:
    """Return the subject's trials that can be held against the controls' greetings.

    A whole handshake has another hello, and an answer of another size: that it died is no word about the name, that it
    showed a chain is. Without any greeting it must do.
    """
    if all(t.full for t in subject if not t.carried):
        return subject
    return [t for t in subject if not t.full or outcome(t) in {Outcome.ANSWERED, Outcome.CERTIFICATE}]


class _Chain(NamedTuple):
    """What the chain that the subject was shown says, held against the controls' and the references'."""

    unknown_keys: bool = False
    known_keys: bool = False
    expired: bool = False
    clock: bool = False
    dates_only: bool = False
    elsewhere: bool = False
    control_clean: bool = False
    control_untrusted: bool = False
    local_issuer: bool = False
    opened_by_provider: bool = False
    chain_verified: bool = False


def _off(trial: TlsObservation, at: float) -> int:
    """Return whether a certificate of a chain is not valid yet at ``at`` (-1), not any more (1), or is (0)."""
    if any(one.not_before > at for one in trial.chain):
        return -1
    return int(any(0 < one.not_after < at for one in trial.chain))


def _chain(
    trials: list[TlsObservation], own: list[TlsObservation], measurement: Measurement, context: Context
) -> _Chain:
    """Read the chains of a measurement."""
    shown = [t for t in own if t.chain]
    chain = next((t for t in shown if outcome(t) is not Outcome.ANSWERED), shown[0] if shown else None)
    others = [t for t in trials if t.arm in _CONTROLS and not t.carried and t.chain]
    if chain is None:
        return _Chain(control_clean=any(t.verified for t in others))
    known = context.pins | keys(context.references, measurement.host)
    seen = frozenset(c.spki_sha256 for c in chain.chain if c.spki_sha256)
    issuer = chain.chain[0].issuer
    off, right = _off(chain, chain.at), _off(chain, chain.at - context.clock_offset)
    vouched = context.addresses | context.references.answers(measurement.host, measurement.family)
    untrusted = [t for t in others if not t.verified]
    return _Chain(
        unknown_keys=bool(known) and bool(seen) and not seen & known,
        known_keys=bool(seen & known),
        expired=right > 0,
        # A neighbour with the very same certificate is no second opinion on the clock.
        clock=off != 0
        and (not right or any(_off(t, t.at) == off and t.chain[0].sha256 != chain.chain[0].sha256 for t in untrusted)),
        dates_only=off != 0 and chain.failure is Failure.SSL_INVALID_CERTIFICATE,
        elsewhere=chain.failure is Failure.SSL_INVALID_HOSTNAME and chain.address not in vouched,
        control_clean=any(
            t.verified or (t.failure is not Failure.SSL_UNKNOWN_AUTHORITY and t.chain[0].issuer != issuer)
            for t in others
        ),
        control_untrusted=any(
            t.failure is Failure.SSL_UNKNOWN_AUTHORITY or (bool(issuer) and t.chain[0].issuer == issuer)
            for t in untrusted
        ),
        local_issuer=chain.verified is not True and any(_LOCAL.search(one.issuer) for one in chain.chain),
        opened_by_provider=not chain.verified
        and opens_provider(
            context.references, authorities(chain), context.probe, measurement.network, chain.at - context.clock_offset
        ),
        chain_verified=any(t.verified for t in shown),
    )


def _signs(
    failing: list[TlsObservation],
    control: TlsObservation | None,
    scrambled: Outcome | None,
    score: float,
    *,
    limited: bool,
) -> frozenset[str]:
    """Return the signs of a series; what a limited board's capture lacks proves nothing."""
    signs = set()
    if failing and control is not None and control.arm is Arm.NEIGHBOUR and outcome(control) in _BACK:
        signs.add("neighbour_ok")
    if scrambled in _BACK:
        signs.add("scrambled_ok")
    whole = control is not None and is_whole(control.packets)
    if score >= FORGED and (whole or not limited):
        signs.add("forged_packet")
    return frozenset(signs)


def _on_neutral_ground(trials: list[TlsObservation]) -> frozenset[str]:
    """Return what became of the subject's name at a server of our own, which answers every name.

    Known only where the control's name was answered there: a helper that is down excuses and accuses nobody. It dies
    there where both tries die, the second at the handshake at the latest (residual blocking).
    """
    own = [t for t in trials if not t.carried]
    if not any(t.arm is Arm.NEUTRAL_CONTROL and outcome(t) in _BACK for t in own):
        return frozenset()
    shown = [outcome(t) for t in own if t.arm is Arm.NEUTRAL]
    if any(each in _BACK for each in shown):
        return frozenset({NEUTRAL_SWAP_OK.id})
    dead = len(shown) >= _NEUTRAL_TRIES and shown[0] in AFTER_CONNECT
    dead = dead and all(each in AFTER_CONNECT | {Outcome.NO_CONNECT} for each in shown)
    return frozenset({NEUTRAL_SWAP.id}) if dead else frozenset()


def _greeted(trial: TlsObservation) -> bool:
    """Whether a server of TLS answered: its alert is no less than its greeting."""
    return outcome(trial) in _BACK


def facts(measurement: Measurement, context: Context) -> TlsFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, TlsObservation)
    subject = subjects(trials)
    compared = _compared(subject)
    mine = [t for t in subject if not t.carried]
    own = [outcome(t) for t in compared if not t.carried]
    carried = [outcome(t) for t in compared if t.carried]
    control = _best_control(trials)
    control_outcome = outcome(control) if control else None
    scrambled = next((outcome(t) for t in trials if t.arm is Arm.SCRAMBLED and not t.carried and not t.full), None)
    with_alert, without = alerts(context.references, measurement.host)
    strange = Outcome.ALERT in own and (control_outcome is Outcome.ANSWERED or without >= ENOUGH)
    good = {Outcome.ANSWERED} if strange else {Outcome.ANSWERED, Outcome.ALERT}
    failing = [t for t in compared if outcome(t) not in good]
    lost = bool(own) and set(own) <= good and any(outcome(t) in AFTER_CONNECT for t in mine if t not in compared)
    since = began(failing, measurement)
    until = ended(failing, measurement)
    score = series_score((t.packets for t in failing if t.packets), (control.packets if control else (),))
    address, port = (mine[0].address, mine[0].port) if mine else ("", 0)
    offset = context.clock_offset
    return TlsFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(o in good for o in own),
            passed=bool(own) and all(o in good for o in own) and not lost,
            failing=(since, until),
            score=score,
            signs=_signs(failing, control, scrambled, score, limited=limited(measurement, context.no_limits))
            | (_on_neutral_ground(trials) if failing else frozenset())
            | (proxied.signs(trials, _greeted) if failing else frozenset()),
        ),
        own=tuple(own),
        all=(*carried, *own),
        spread=spread_out([t.at for t in failing]),
        control=control_outcome,
        scrambled=scrambled,
        answered_after=_answered_after(trials, mine),
        residual=_residual(own, carried, strange=strange),
        references=seen_of_target(measurement, context, since, until),
        at_address=context.references.greeting_at(address, port, since - offset, until - offset),
        chain_lost=lost,
        alert_strange=strange,
        alert_everywhere=with_alert >= ENOUGH and with_alert > without,
        greeted_abroad=without >= ENOUGH and not with_alert,
        **_chain(trials, mine, measurement, context)._asdict(),
    )
