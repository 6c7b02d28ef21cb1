"""Judgement of the DNS layer: forged, refused and withheld answers.

Lives here: the facts of one DNS measurement and the rules over them, strongest first (detectors.md 2.1). An answer that
merely differs is never evidence: content networks answer differently everywhere. A first accepted answer whose address
shows the service's own certificate overrides every suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from balise_collector.judge.rules import MIN_TRIALS, Facts, Rule, anomaly, board, common, gate
from balise_collector.judge.verdict import Level, State
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.observations import DnsAnswer, DnsObservation
from balise_wire.words import Arm, Experiment, Resolver, Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from balise_collector.judge.context import Context, Seen
    from balise_wire.measurement import Measurement

_LAYER: Final = Experiment.DNS
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
    trials = [o for o in measurement.observations if isinstance(o, DnsObservation)]

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
    since = min((t.at for t in (bad or (subject if unexpected else []))), default=measurement.started)
    passed = bool(own) and (trusted or (not any(lies) and not bogon and not inconsistent and not unexpected))
    base = common(
        measurement,
        context,
        failed=bool(denials) and not trusted and (all(lies) or bogon),
        passed=passed,
        since=since,
        # An address that runs no resolver is to be silent: only the provider's silence counts against it.
        silent="timeout" in (lie(t) for t in subject),
    )
    honest = resolved(public[0]) if public else frozenset()
    given_unchecked = frozenset(address for t in own for answer in t.unchecked or () for address in answer.addresses)
    signs = (
        {"silent_address_answered", "forged_packet"}
        if silent_hit and not any(t.answers for t in silent_control) and not base.limited
        else set()
    )
    printed = any(context.fingerprints.address(address) for address in heard)
    if printed:
        signs.add("artefact")
    raced = any(_raced(t, known, context, silent=bool(signs & {"forged_packet"})) for t in own)
    if raced:
        signs.add("forged_packet")
    return DnsFacts(
        **{name: getattr(base, name) for name in Facts.__slots__ if name != "signs"},
        signs=frozenset(signs),
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
        references=context.references.of_target(
            measurement.target,
            _LAYER,
            since - context.clock_offset,
            max((t.at for t in bad), default=measurement.ended) - context.clock_offset,
        ),
        all_lie=denials[0] if denials and len(set(lies)) == 1 else "",
        told_nothing=bool(lies) and not denials,
        vouched_unchecked=bool(given_unchecked & (known | honest)),
    )


def _denial(identity: str, lies: tuple[str, ...], mechanism: Mechanism, reason: str, most: int = 2) -> Rule[DnsFacts]:
    """Make the rule for one way of denying a name; ``most`` is the least number of questions so denied."""
    return Rule(
        id=identity,
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        when=lambda f: f.denied and f.all_lie in lies and sum(word in lies for word in f.lies) >= most,
        reason=reason,
        source="detectors.md 2.1; OONI weights (.9, .1, 0)",
    )


def _forged(identity: str, mechanism: Mechanism, how: Callable[[DnsFacts], bool], reason: str) -> Rule[DnsFacts]:
    """Make the rule for one kind of forged answer, proved by the silence that the control meets."""
    return Rule(
        id=identity,
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        proof=("silent_address_answered", "forged_packet", "artefact"),
        when=lambda f: f.silent_control is False and not f.limited and how(f),
        reason=reason,
        source="detectors.md 2.1, Q3",
    )


RULES: Final[tuple[Rule[DnsFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="dns.consistent",
        layer=_LAYER,
        state=State.OK,
        when=lambda f: f.consistent,
        reason="The first accepted answer leads to a server with the service's own certificate.",
        source="detectors.md 2.1: overrides everything",
    ),
    Rule(
        id="dns.ok",
        layer=_LAYER,
        state=State.OK,
        when=lambda f: f.passed,
        reason="The name resolves to addresses that others know, or that nothing speaks against.",
        source="detectors.md 2.1",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="dns.nothing",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: not f.lies,
        reason="No question of the subject to the provider's resolver is in this measurement.",
        source="ours",
    ),
    Rule(
        id="dns.reference_failed",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and bool(f.all_lie) and f.control_ok is True,
        reason="A reference abroad cannot resolve the name either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="dns.hijack",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.DNS_HIJACK,
        level=Level.SCORED,
        proof=("artefact",),
        when=lambda f: f.silent_control is True and f.forged_answer and f.control_ok is True,
        reason="All DNS is intercepted on the way, and the interceptor denies or forges this name only.",
        source="detectors.md 2.1, dns.hijack",
    ),
    Rule(
        id="dns.intercepted",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: f.silent_control is True,
        reason="All DNS is intercepted on the way; what that does to this name is not clear.",
        source="detectors.md 2.1, dns.hijack",
    ),
    _forged(
        "dns.injected_nxdomain",
        Mechanism.DNS_NXDOMAIN,
        lambda f: f.silent_says == "nxdomain",
        "An address that runs no resolver denied this name and was silent for the control: forged on the way.",
    ),
    _forged(
        "dns.injected_refused",
        Mechanism.DNS_REFUSED,
        lambda f: f.silent_says == "refused",
        "An address that runs no resolver refused this name and was silent for the control: forged on the way.",
    ),
    _forged(
        "dns.replaced",
        Mechanism.DNS_BOGUS,
        lambda f: bool(f.silent_says) and f.followed is False and f.forged_answer,
        "A forged answer stands in the place of the true one, even from an address that runs no resolver.",
    ),
    _forged(
        "dns.injected",
        Mechanism.DNS_INJECT,
        lambda f: bool(f.silent_says) and not f.expected,
        "An address that runs no resolver answered for this name and not for the control: forged on the way.",
    ),
    Rule(
        id="dns.race",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.DNS_INJECT,
        level=Level.SCORED,
        proof=("forged_packet", "artefact"),
        when=lambda f: f.raced and f.control_ok is True,
        reason="One question drew answers that exclude each other, the first with signs of forgery.",
        source="detectors.md 2.1; Duan et al. 2012 (Hold-On)",
    ),
    Rule(
        id="dns.blockpage_ip",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        proof=("artefact",),
        when=lambda f: f.printed and f.control_ok is True,
        reason="The answer is a known block-page address.",
        source="ooni/blocking-fingerprints",
    ),
    Rule(
        id="dns.bogon",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        when=lambda f: f.bogon and f.control_ok is True,
        reason="The answer is an address that no public service has, and the control gets a real one.",
        source="detectors.md 2.1; OONI weight .95",
    ),
    Rule(
        id="dns.down",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: bool(f.all_lie) and f.references.dead,
        reason="References abroad cannot resolve the name either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="dns.resolver_down",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: bool(f.all_lie) and f.control_ok is False,
        reason="The resolver does not answer for the control either.",
        source="detectors.md 2.1",
    ),
    Rule(
        id="dns.unsigned",
        layer=_LAYER,
        state=State.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.all_lie == "servfail" and f.vouched_unchecked,
        reason="The name's own signatures (DNSSEC) do not hold: a resolver that checks them refuses it, and gives "
        "its address when it is asked not to check.",
        source="RFC 4035 3.2.2, 5.5",
    ),
    _denial(
        "dns.nxdomain",
        ("nxdomain", "empty"),
        Mechanism.DNS_NXDOMAIN,
        "The provider's resolver says the name does not exist; others resolve it, and it resolves others.",
    ),
    _denial(
        "dns.refused",
        ("refused", "servfail"),
        Mechanism.DNS_REFUSED,
        "The provider's resolver refuses this name only; others resolve it.",
        most=MIN_TRIALS,  # dnsmasq refuses, others say SERVFAIL, when their own way up fails for a moment
    ),
    _denial(
        "dns.timeout",
        ("timeout",),
        Mechanism.DNS_SILENT,
        "The provider's resolver is silent for this name only; others resolve it.",
        most=MIN_TRIALS,
    ),
    Rule(
        id="dns.tls_inconsistent",
        layer=_LAYER,
        state=State.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        when=lambda f: (
            f.inconsistent and f.unexpected and f.control_ok is True and (f.public_ok or f.references.reached)
        ),
        reason="The answer leads to a server without the service's certificate, at an address nobody else is given.",
        source="detectors.md 2.1; OONI weight .9",
    ),
    Rule(
        id="dns.told_nothing",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.told_nothing,
        reason="No answer says anything of the name: all were truncated, cut off or about the question's form, or the "
        "question never left.",
        source="RFC 2181 9, RFC 6891 6.2.2",
    ),
    Rule(
        id="dns.no_control",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda f: f.control_ok is None,
        reason="The control is missing.",
        source="architecture.md: a missing control is insufficient",
    ),
    Rule(
        id="dns.unmatched",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.unexpected,
        reason="The answer differs from what others are given: content networks do that everywhere.",
        source="OONI: prime suspect of false positives",
    ),
    Rule(
        id="dns.unclear",
        layer=_LAYER,
        state=State.INSUFFICIENT,
        when=lambda _f: True,
        reason="The answers contradict each other, or nothing confirms that the name exists.",
        source="ours",
    ),
)
"""First match wins."""
