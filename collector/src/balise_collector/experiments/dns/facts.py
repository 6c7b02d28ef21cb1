"""What one DNS measurement shows: forged, refused and withheld answers. Pure.

An answer that merely differs is never evidence: content networks answer differently everywhere. A first accepted answer
whose address shows the service's own certificate overrides every suspicion (detectors.md 2.1). Must not live here: what
follows from the facts (rules.py).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from balise_collector.judge.context import Context
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import began, ended, seen_of_target, trials_of
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Resolver, Way

_SERVFAIL, _NXDOMAIN, _REFUSED = 2, 3, 5
_FORM: Final = frozenset({1, 4, 16})
"""FORMERR, NOTIMP, BADVERS: what servers say of a question's EDNS record that they do not know (RFC 6891 6.2.2, 7)."""
_UNASKED: Final = frozenset({Failure.NETWORK_UNREACHABLE, Failure.NETWORK_DOWN, Failure.ADDRESS_FAMILY_NOT_SUPPORTED})
"""Why a question did not leave, where no packet was captured."""
NOT_TOLD: Final = frozenset({"unusable", "unasked", "unclear"})
"""The words of ``lie`` that say nothing of the name."""
_TTL_SLACK: Final = 2
LASTS: Final = 86_400.0
"""Seconds for which an address that references were given is one of the name's: a CDN turns its answers over."""


def accepted(trial: DnsObservation) -> DnsAnswer | None:
    """Return the answer a resolver library would use: the first well-formed one, a SERVFAIL only if nothing follows."""
    sound = [a for a in trial.answers if not a.malformed]
    return next((a for a in sound if a.rcode != _SERVFAIL and not _is_empty_handed(a)), sound[0] if sound else None)


def _is_empty_handed(answer: DnsAnswer) -> bool:
    """Tell whether an answer was too long for UDP and came without its records: it says that there are some."""
    return answer.tc and not answer.addresses


def resolved(trial: DnsObservation) -> frozenset[str]:
    """Return the addresses of the accepted answer; empty where there is none."""
    answer = accepted(trial)
    return frozenset(answer.addresses) if answer is not None and answer.rcode == 0 else frozenset()


def lie(trial: DnsObservation, *, knows_edns: bool = False) -> str:
    """Return how a question was denied; nothing where it was not.

    One of ``nxdomain``, ``refused``, ``servfail``, ``empty``, ``timeout``. Three further words say that nothing was
    learned of the name (``NOT_TOLD``): ``unasked``, where the question never left; ``unusable``, where the resolver
    answered and its answer was truncated, cut, unreadable or about the question's form; ``unclear`` for a failure
    without a word.

    Args:
        trial: one question with its answers.
        knows_edns: the same resolver answers another question with EDNS: then it refuses the name, not the form.
    """
    answer = accepted(trial)
    if answer is None:
        if trial.answers or trial.set_aside:
            return "unusable"
        if not trial.questions or (trial.failure in _UNASKED and not trial.packets):
            return "unasked"
        if trial.failure is Failure.UNKNOWN:
            return "unclear"
        return {
            Failure.DNS_NXDOMAIN: "nxdomain",
            Failure.DNS_REFUSED: "refused",
            Failure.DNS_SERVFAIL: "servfail",
            Failure.DNS_NO_ANSWER: "empty",
        }.get(trial.failure or Failure.UNKNOWN, "timeout")
    if answer.rcode == 0:
        # An answer of the asking household's own addresses is no empty one: they were left out, not the resolver.
        return "" if answer.addresses or answer.household else "unusable" if answer.tc else "empty"
    if answer.rcode in _FORM and answer.way is Way.EDNS and not knows_edns:
        return "unusable"
    return {_NXDOMAIN: "nxdomain", _REFUSED: "refused"}.get(answer.rcode, "servfail")


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsFacts(Facts):
    """What one DNS measurement shows. *Provider* is the resolver that people of the network use."""

    lies: tuple[str, ...]
    """How the provider's resolver answered each subject question, carried ones first; empty text for an address."""
    consistent: bool
    """The first accepted answer's address showed the service's certificate."""
    inconsistent: bool
    """It was tried and did not."""
    expected: bool
    """Every address given is one of the catalogue's or the references'."""
    unexpected: bool
    """None is, and some are known."""
    bogon: bool
    """Every address given is one that no public service has."""
    printed: bool
    """An address is a known forgery."""
    raced: bool
    """One question had answers that exclude each other, with a further sign of forgery."""
    silent_says: str
    """What the address without resolver said for the subject: ``address``, ``nxdomain``, ``refused``, or nothing."""
    followed: bool | None
    """Whether the true answer followed a forged one at the public resolver; None where that was not asked."""
    silent_control: bool | None
    """Whether the address without resolver answered the control; None where that was not asked."""
    control_ok: bool | None
    """The same resolver answers the control name properly; None where that was not asked."""
    public_ok: bool
    """A public resolver gives an address that is no bogon and not in the provider's answers only."""
    references: Seen
    all_lie: str
    """The one way in which all own questions were denied, else empty."""
    told_nothing: bool
    """No own question brought a word about the name: it never left, or its answers are unusable."""
    vouched_unchecked: bool
    """Asked not to look at DNSSEC's signatures, the same resolver gives an address that others are given, too."""

    @property
    def forged_answer(self) -> bool:
        """What people get is provably not the service's address."""
        return not self.consistent and not self.expected and (self.failed or self.unexpected or self.inconsistent)

    @property
    def denied(self) -> bool:
        """Denied by the provider alone: the control is answered, and the name exists elsewhere."""
        other = self.public_ok or self.references.reached
        return bool(self.all_lie) and self.control_ok is True and other


def _silent_says(trials: list[DnsObservation]) -> str:
    """Return what an address that runs no resolver said."""
    for trial in trials:
        answer = accepted(trial)
        if answer is not None:
            return (
                "address"
                if answer.addresses
                else {_NXDOMAIN: "nxdomain", _REFUSED: "refused"}.get(answer.rcode, "empty")
            )
    return ""


def _leads_nowhere(trial: DnsObservation, context: Context) -> bool:
    """Tell whether an answer holds an address that no public service has, the asking household's own among them."""
    answer = accepted(trial)
    return answer is not None and (answer.household > 0 or any(context.is_bogon(each) for each in resolved(trial)))


def _contradict(trial: DnsObservation) -> bool:
    """Tell whether one question drew answers that exclude each other."""
    sound = _sound(trial)
    return any(a.rcode != b.rcode or not set(a.addresses) & set(b.addresses) for a, b in pairwise(sound))


def _sound(trial: DnsObservation) -> list[DnsAnswer]:
    """Return the answers of one question over UDP that may contradict each other: those that are about the name."""
    return [
        a
        for a in trial.answers
        if not a.malformed and a.rcode != _SERVFAIL and not _is_empty_handed(a) and a.way is not Way.TCP
    ]


def _raced(trial: DnsObservation, expected: frozenset[str], context: Context, *, silent: bool) -> bool:
    """Tell whether one question drew contradicting answers and a second sign of forgery (detectors.md, dns.race)."""
    sound = _sound(trial)
    if len(sound) <= trial.questions:  # a question sent again may be answered again; only more than that is a race
        return False
    first, rest = sound[0], sound[1:]
    contradicts = any(a.rcode != first.rcode or not set(a.addresses) & set(first.addresses) for a in rest)
    if not contradicts or set(first.addresses) & expected:
        return False
    bogon = any(context.is_bogon(address) for address in first.addresses)
    ttl_off = any(abs(a.ttl - first.ttl) > _TTL_SLACK for a in rest)
    early = any(first.rtt_ms < a.rtt_ms / 2 for a in rest)
    return silent or bogon or trial.tls_consistent is False or (ttl_off and early)


def _prove(trials: list[DnsObservation], context: Context) -> bool:
    """Tell whether a set of answers holds an address that a public service could have."""
    return any(not context.is_bogon(address) for trial in trials for address in resolved(trial))


def facts(measurement: Measurement, context: Context) -> DnsFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, DnsObservation)

    def pick(arm: Arm, resolver: Resolver) -> list[DnsObservation]:
        return [t for t in trials if t.arm is arm and t.resolver is resolver]

    subject = sorted(pick(Arm.SUBJECT, Resolver.PROVIDER), key=lambda t: t.at)
    control, public = pick(Arm.CONTROL, Resolver.PROVIDER), pick(Arm.SUBJECT, Resolver.PUBLIC)
    knows_edns = any(a.way is Way.EDNS and a.rcode == 0 and not a.malformed for t in control for a in t.answers)

    def word(trial: DnsObservation) -> str:
        return lie(trial, knows_edns=knows_edns)

    subject = [t for t in subject if t.qtype != "AAAA" or word(t) != "empty"]  # Most names have no IPv6 address.
    own = [t for t in subject if not t.carried]
    silent, silent_control = pick(Arm.SUBJECT, Resolver.SILENT), pick(Arm.CONTROL, Resolver.SILENT)
    given = [resolved(t) for t in own]
    known = context.addresses | context.references.answers(
        measurement.host, measurement.family, measurement.started - context.clock_offset - LASTS
    )
    heard = frozenset().union(*given)
    lies = [word(t) for t in own]
    denials = [denied for denied in lies if denied not in NOT_TOLD]
    at_home = [t for t in own if (answer := accepted(t)) is not None and answer.household and not answer.addresses]
    bogon = bool(heard or at_home) and all(context.is_bogon(address) for address in heard)
    consistent = bool(own) and all(t.tls_consistent is True for t in own)
    expected = bool(given) and all(g and g <= known for g in given)
    inconsistent = any(t.tls_consistent is False for t in own)
    silent_hit = bool(_silent_says(silent))
    unexpected = bool(heard) and bool(known) and not heard & known
    bad = [t for t in subject if word(t) or _leads_nowhere(t, context) or t.tls_consistent is False]
    trusted = consistent or expected
    since = began(bad or (subject if unexpected else []), measurement)
    passed = bool(own) and (trusted or (not any(lies) and not bogon and not inconsistent and not unexpected))
    honest = resolved(public[0]) if public else frozenset()
    given_unchecked = frozenset(address for t in own for answer in t.unchecked or () for address in answer.addresses)
    signs = (
        {"silent_address_answered", "forged_packet"}
        if silent_hit and not any(t.answers for t in silent_control) and not limited(measurement, context.no_limits)
        else set()
    )
    printed = any(context.fingerprints.address(address) for address in heard)
    if printed:
        signs.add("artefact")
    raced = any(_raced(t, known, context, silent=bool(signs & {"forged_packet"})) for t in own)
    if raced:
        signs.add("forged_packet")
    return DnsFacts(
        **common(
            measurement,
            context,
            failed=bool(denials) and not trusted and (all(lies) or bogon),
            passed=passed,
            since=since,
            # An address that runs no resolver is to be silent: only the provider's silence counts against it.
            silent="timeout" in (lie(t) for t in subject),
            signs=frozenset(signs),
        ),
        lies=tuple(word(t) for t in subject),
        consistent=consistent,
        inconsistent=inconsistent,
        expected=expected,
        unexpected=unexpected,
        bogon=bogon,
        printed=printed,
        raced=raced,
        silent_says=_silent_says(silent),
        followed=any(_contradict(t) for t in (*public, *own)) if public else None,
        silent_control=any(t.answers for t in silent_control) if silent_control else None,
        control_ok=_prove(control, context) if control else None,
        public_ok=_prove(public, context) and (not honest or not heard or honest != heard),
        references=seen_of_target(measurement, context, since, ended(bad, measurement)),
        all_lie=denials[0] if denials and len(set(lies)) == 1 else "",
        told_nothing=bool(lies) and not denials,
        vouched_unchecked=bool(given_unchecked & (known | honest)),
    )
