"""What one DNS measurement shows: forged, refused and withheld answers. Pure.

An answer that merely differs is never evidence: content networks answer differently everywhere. A first accepted answer
whose address shows the service's own certificate overrides every suspicion (detectors.md 2.1). Must not live here: what
follows from the facts (rules.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from balise_collector.experiments.dns.answers import (
    NOT_TOLD,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    WHOLE_TTLS,
    accepted,
    is_chosen,
    is_empty_handed,
    is_translated,
    leads_nowhere,
    lie,
    proves,
    resolved,
    said_at_home,
    shown_wrong,
)
from balise_collector.experiments.dns.strangers import (
    Company,
    company,
    has_turned,
    is_of_family,
    is_proven,
    served,
)
from balise_collector.judge.context import Context
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common
from balise_collector.judge.trials import began, ended, seen_of_target, trials_of
from balise_wire.experiments.dns import TLS_PORT, DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm, Proof, Resolver, ResolverPlace, Way

_TTL_SLACK: Final = 2
LASTS: Final = 86_400.0
"""Seconds for which an address that references were given is one of the name's: a CDN turns its answers over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsFacts(Facts):
    """What one DNS measurement shows. *Provider* is the resolver that people of the network use."""

    lies: tuple[str, ...]
    """How the provider's resolver answered each subject question, carried ones first; empty text for an address."""
    consistent: bool
    """The first accepted answer's address showed the service's certificate."""
    inconsistent: bool
    """It showed a certificate, and another one."""
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
    public_same: bool
    """A public resolver leads to an address that the provider's gives, too."""
    public_gives: bool
    """A public resolver gives an address that is no bogon."""
    public_vouches: bool
    """A public resolver gives an address that others are given, too, and none that the provider's gives."""
    references: Seen
    astray: bool
    """Every address given is a stranger's that never showed anybody a certificate, one that was looked at showed none
    now, and the same line reached the service by the same name where others are led."""
    turned: bool
    """Before, the same probe's resolver gave an address that held."""
    company: Company
    """The names that this probe is led to the same place for and that share none elsewhere, this one included."""
    all_lie: str
    """The one way in which all own questions were denied, else empty."""
    told_nothing: bool
    """No own question brought a word about the name: it never left, or its answers are unusable."""
    some_lie: bool
    """Some questions were denied or led nowhere and others were answered as others are."""
    at_home: bool
    """What was denied may be the household's own doing (answers.said_at_home)."""
    chosen: bool
    """Who said so is a public resolver that filters for whoever chooses it."""
    garden: bool
    """The control is led where the subject is led: whoever answers leads all names there."""
    intercepted_at_home: bool
    """What answers from the address without resolver stands in the household."""
    unchecked: bool
    """After a SERVFAIL it was asked what the resolver says without looking at signatures."""
    vouched_unchecked: bool
    """Asked not to look at DNSSEC's signatures, the same resolver gives an address that others are given, too."""
    gives_unchecked: bool
    """Asked so, it gives an address at all: what it withholds otherwise is what it cannot verify."""

    @property
    def forged_answer(self) -> bool:
        """What people get is not the service's address, as far as can be told."""
        return not self.consistent and not self.expected and (self.failed or self.unexpected or self.inconsistent)

    @property
    def proven_wrong(self) -> bool:
        """What people get is denied, or provably not the service's address; one that merely differs is not."""
        return self.forged_answer and (self.failed or self.bogon or self.inconsistent or self.astray)

    @property
    def exists(self) -> bool:
        """The name has an address elsewhere, at the same time."""
        return self.public_ok or self.references.reached

    @property
    def denied(self) -> bool:
        """Denied by the provider alone: the control is answered, and the name exists elsewhere."""
        return bool(self.all_lie) and self.control_ok is True and self.exists


def _silent_says(trials: Sequence[DnsObservation]) -> str:
    """Return what an address that runs no resolver said."""
    for trial in trials:
        answer = accepted(trial)
        if answer is not None:
            return (
                "address" if answer.addresses else {NXDOMAIN: "nxdomain", REFUSED: "refused"}.get(answer.rcode, "empty")
            )
    return ""


def _contradict(trial: DnsObservation) -> bool:
    """Tell whether one question drew answers that exclude each other."""
    sound = _sound(trial)
    return any(a.rcode != b.rcode or not set(a.addresses) & set(b.addresses) for a, b in pairwise(sound))


def _sound(trial: DnsObservation) -> list[DnsAnswer]:
    """Return the answers of one question over UDP that may contradict each other: those that are about the name."""
    return [
        a
        for a in trial.answers
        if not a.malformed and a.rcode != SERVFAIL and not is_empty_handed(a) and a.way is not Way.TCP
    ]


def _raced(
    trial: DnsObservation,
    expected: frozenset[str],
    context: Context,
    controls: Sequence[DnsObservation],
    *,
    silent: bool,
) -> bool:
    """Tell whether one question drew contradicting answers and a second sign of forgery (detectors.md, dns.race).

    ``controls`` are the same resolver's answers to other names: how far away it stands.
    """
    sound = _sound(trial)
    if len(sound) <= trial.questions:  # a question sent again may be answered again; only more than that is a race
        return False
    first, rest = sound[0], sound[1:]
    contradicts = any(a.rcode != first.rcode or not set(a.addresses) & set(first.addresses) for a in rest)
    if not contradicts or set(first.addresses) & expected:
        return False
    bogon = any(context.is_bogon(address) for address in first.addresses)
    ttl_off = any(a.ttl and first.ttl and abs(a.ttl - first.ttl) > _TTL_SLACK for a in rest)
    early = any(first.rtt_ms < a.rtt_ms / 2 for a in rest)
    return (
        silent
        or bogon
        or shown_wrong(trial, trial.at - context.clock_offset)
        or (ttl_off and early)
        or _from_elsewhere(first, rest, controls)
    )


def _from_elsewhere(first: DnsAnswer, rest: Sequence[DnsAnswer], controls: Sequence[DnsObservation]) -> bool:
    """Tell whether the first answer came from another distance than the resolver's, and one behind it from there.

    The distance is the TTL of its answers to other names. A forwarder that asks two resolvers and passes both answers
    on does so for every name: where one of them was answered twice, that says nothing. A TTL of 0 was not seen.
    """
    heard = [a for t in controls for a in _sound(t) if a.server == first.server and a.ttl]
    if not heard or not first.ttl or any(len(_sound(t)) > t.questions for t in controls):
        return False
    alike = all(abs(one.ttl - other.ttl) <= _TTL_SLACK for one in heard for other in heard)
    off = all(abs(one.ttl - first.ttl) > _TTL_SLACK for one in heard)
    return alike and off and any(abs(a.ttl - heard[0].ttl) <= _TTL_SLACK for a in rest)


class _Asked:
    """The questions of one measurement by arm and resolver, in the order of time."""

    def __init__(self, measurement: Measurement) -> None:
        self.trials = sorted(trials_of(measurement, DnsObservation), key=lambda t: t.at)
        self.control = self.pick(Arm.CONTROL, Resolver.PROVIDER)
        self.random = self.pick(Arm.RANDOM_LABEL, Resolver.PROVIDER)
        self.public = self.pick(Arm.SUBJECT, Resolver.PUBLIC)
        self.upstream = self.pick(Arm.SUBJECT, Resolver.UPSTREAM)
        self.silent = self.pick(Arm.SUBJECT, Resolver.SILENT)
        self.silent_control = self.pick(Arm.CONTROL, Resolver.SILENT)
        knows_edns = any(
            a.way is Way.EDNS and a.rcode == 0 and not a.malformed for t in self.control for a in t.answers
        )
        self.knows_edns = knows_edns
        nobody = frozenset().union(*map(resolved, self.random))
        elsewhere = frozenset().union(*map(resolved, self.control))
        # Where names that do not exist are led to a page, a name that is led there is told not to exist.
        self.no_such_name = nobody - elsewhere
        found = self.pick(Arm.SUBJECT, Resolver.PROVIDER)
        self.subject = [t for t in found if t.qtype != "AAAA" or self.word(t) != "empty"]  # Most names have no IPv6.
        self.own = [t for t in self.subject if not t.carried]

    def pick(self, arm: Arm, resolver: Resolver) -> list[DnsObservation]:
        """Return the questions of one arm to one resolver."""
        return [t for t in self.trials if t.arm is arm and t.resolver is resolver]

    def word(self, trial: DnsObservation) -> str:
        """Return how a question was denied."""
        given = resolved(trial)
        if given and given <= self.no_such_name:
            return "nxdomain"
        return lie(trial, knows_edns=self.knows_edns)


def facts(measurement: Measurement, context: Context) -> DnsFacts:
    """Gather what the rules ask from one measurement."""
    asked = _Asked(measurement)
    subject, own, offset = asked.subject, asked.own, context.clock_offset
    given = [resolved(t) for t in own]
    known = _known(asked, measurement, context)
    heard = frozenset().union(*given)
    plain = frozenset(address for address in heard if not is_translated(address, own))
    lies = [asked.word(t) for t in own]
    denials = [denied for denied in lies if denied not in NOT_TOLD]
    at_home = [t for t in own if (answer := accepted(t)) is not None and answer.household and not answer.addresses]
    bogon = bool(plain or at_home) and all(context.is_bogon(address) for address in heard)
    consistent = bool(own) and all(t.tls_consistent is True for t in own)
    expected = bool(given) and all(g and g <= known for g in given)
    wrong = [t for t in subject if shown_wrong(t, t.at - offset)]
    inconsistent = any(not t.carried for t in wrong)
    unexpected = bool(plain) and bool(known) and not heard & known
    strayed = _astray(asked, known, measurement, context)
    bad = [t for t in subject if asked.word(t) or leads_nowhere(t, context) or t in wrong or t in strayed]
    trusted = consistent or expected
    since = began(bad or (subject if unexpected else []), measurement)
    # Where nobody else is known to be given anything, an address that serves nothing is no good answer either.
    # What an earlier look found at an address holds while none of these looks again.
    looks = [t for t in own if t.tls_proof is not Proof.NOT_ASKED] or [t for t in subject if resolved(t) & heard]
    unproven = bool(strayed) or (not known and not context.reference and any(map(_is_unserved, looks)))
    mixed = any(t in bad for t in own)
    passed = bool(own) and (trusted or not (any(lies) or mixed or bogon or inconsistent or unexpected or unproven))
    honest = resolved(asked.public[0]) if asked.public else frozenset()
    given_unchecked = frozenset(address for t in own for answer in t.unchecked or () for address in answer.addresses)
    signs = _signs(asked, heard, measurement, context)
    if own and all(trial.resolver_place is ResolverPlace.BEYOND for trial in (*own, *bad)):
        signs |= {"resolver_beyond"}
    beside = (*asked.control, *asked.random)
    raced = any(_raced(t, known, context, beside, silent="forged_packet" in signs) for t in own)
    where_all_go = frozenset().union(*map(resolved, asked.control)) - known
    own_bad = [t for t in own if t in bad and asked.word(t) not in {*NOT_TOLD, "timeout", "servfail"}]
    others = [t for t in own if t not in own_bad]
    return DnsFacts(
        **common(
            measurement,
            context,
            failed=bool(denials) and not trusted and (all(lies) or bogon),
            passed=passed,
            failing=(since, ended(bad, measurement)),
            # An address that runs no resolver is to be silent: only the provider's silence counts against it.
            silent="timeout" in (lie(t) for t in subject),
            signs=signs | ({"forged_packet"} if raced else frozenset()),
        ),
        lies=tuple(asked.word(t) for t in subject),
        consistent=consistent,
        inconsistent=inconsistent,
        expected=expected,
        unexpected=unexpected,
        bogon=bogon,
        printed=any(context.fingerprints.address(address) for address in heard),
        raced=raced,
        silent_says=_silent_says(asked.silent),
        followed=any(_contradict(t) for t in (*asked.public, *own)) if asked.public else None,
        silent_control=any(t.answers for t in asked.silent_control) if asked.silent_control else None,
        control_ok=proves(asked.control, context) if asked.control else None,
        public_ok=proves(asked.public, context) and (not honest or not heard or honest != heard),
        public_same=bool(honest & heard),
        public_gives=proves(asked.public, context),
        public_vouches=bool(honest & known) and honest.isdisjoint(heard),
        references=seen_of_target(measurement, context, since, ended(bad, measurement)),
        astray=bool(strayed) and all(t in strayed for t in own),
        turned=has_turned(context.references, context.probe, measurement.host, since - offset),
        company=company(context.references, context.probe, measurement, heard, measurement.started - offset),
        all_lie=denials[0] if denials and len(set(lies)) == 1 else "",
        told_nothing=bool(lies) and not denials,
        some_lie=bool(own_bad) and bool(others) and (not strayed or all(resolved(t) & known for t in others)),
        at_home=said_at_home(
            [t for t in bad if asked.word(t) not in NOT_TOLD] or (subject if unexpected else []),
            asked.random,
            _honest(asked, known, context),
        ),
        chosen=is_chosen(bad or (subject if unexpected else [])),
        garden=bool(heard & where_all_go),
        intercepted_at_home=_from_home([*asked.silent, *asked.silent_control]),
        unchecked=any(t.unchecked is not None for t in own),
        vouched_unchecked=bool(given_unchecked & (known | honest)),
        gives_unchecked=bool(given_unchecked),
    )


def _known(asked: _Asked, measurement: Measurement, context: Context) -> frozenset[str]:
    """Return the target's addresses and those that references were given, of every family that was asked for.

    A target of IPv6 is asked for in both, and its series in the one that failed.
    """
    families = {measurement.family, *(6 if trial.qtype == "AAAA" else 4 for trial in asked.subject)}
    since = measurement.started - context.clock_offset - LASTS
    return context.addresses.union(*(context.references.answers(measurement.host, each, since) for each in families))


def _astray(asked: _Asked, known: frozenset[str], measurement: Measurement, context: Context) -> list[DnsObservation]:
    """Return the questions that led to where a name is not served, while the same line reaches it where others are led.

    None of the addresses given is anybody else's, none ever showed a certificate, one was looked at and showed none
    now. A board that was limited may have missed what came.
    """
    strange = [t for t in asked.subject if _is_strange(t, known, asked.own, measurement.family)]
    dead = frozenset().union(*(resolved(t) for t in strange if _is_unserved(t)))
    live = frozenset().union(*(resolved(t) for t in asked.subject if t.tls_proof not in _TELLS_NOTHING))
    led = [t for t in strange if resolved(t) & dead and not resolved(t) & live]
    missed = any(t.tls_failure is Failure.GENERIC_TIMEOUT for t in led)
    if not led or (missed and limited(measurement, context.no_limits)):
        return []
    there = frozenset().union(*map(resolved, led))
    table, offset = context.references, context.clock_offset
    since, until = began(led, measurement) - offset, ended(led, measurement) - offset
    answers = any(table.at_address(address, TLS_PORT, since, until).around.ok for address in there)
    if answers or is_proven(table, there, context.probe):
        return []
    return led if served(table, context.probe, measurement, since, until) else []


def _is_strange(trial: DnsObservation, known: frozenset[str], own: Sequence[DnsObservation], family: int) -> bool:
    """Tell whether an answer holds addresses of the family alone that others are not given, and others are known."""
    given = resolved(trial)
    strange = bool(given) and bool(known) and given.isdisjoint(known) and is_of_family(given, family)
    return strange and not any(is_translated(address, own) for address in given)


def _is_unserved(trial: DnsObservation) -> bool:
    """Tell whether an address of the answer was looked at, and nobody speaks TLS there."""
    return trial.tls_proof is Proof.NOT_SHOWN and trial.tls_failure in _UNSERVED


_TELLS_NOTHING: Final = frozenset({Proof.UNKNOWN, Proof.NOT_ASKED, Proof.NOT_SHOWN})
_UNSERVED: Final = frozenset(
    {
        Failure.CONNECTION_ABORTED,
        Failure.CONNECTION_REFUSED,
        Failure.CONNECTION_RESET,
        Failure.EOF,
        Failure.GENERIC_TIMEOUT,
        Failure.HOST_UNREACHABLE,
        Failure.ICMP_ADMIN_PROHIBITED,
        Failure.TLS_MALFORMED,
    }
)
"""How a look fails where nobody speaks TLS. A server that does and dislikes our hello, and a machine without a way of
this family, fail otherwise and say nothing."""


def _signs(asked: _Asked, heard: frozenset[str], measurement: Measurement, context: Context) -> frozenset[str]:
    """Return the signs of forgery beside a race."""
    hit = bool(_silent_says(asked.silent)) and not any(t.answers for t in asked.silent_control)
    signs = set()
    if hit and not limited(measurement, context.no_limits) and not _from_home(asked.silent):
        signs |= {"silent_address_answered", "forged_packet"}
    if any(context.fingerprints.address(address) for address in heard):
        signs.add("artefact")
    return frozenset(signs)


def _from_home(trials: Sequence[DnsObservation]) -> bool:
    """Tell whether all that answered in another's place passed no router, and took no time: the home's own router."""
    answers = [answer for trial in trials for answer in trial.answers]
    return bool(answers) and all(answer.ttl in WHOLE_TTLS and answer.rtt_ms < _NEXT_DOOR_MS for answer in answers)


_NEXT_DOOR_MS: Final = 5.0
"""Milliseconds within which a box in the same household answers."""


def _honest(asked: _Asked, known: frozenset[str], context: Context) -> bool | None:
    """Tell whether the provider's resolver, asked past the home, names the service; ``None`` where nothing tells."""
    told = [t for t in asked.upstream if asked.word(t) not in {*NOT_TOLD, "timeout", "servfail"}]
    if not told:
        return None
    others = known | frozenset().union(*map(resolved, asked.public))
    for trial in told:
        given = resolved(trial)
        if asked.word(trial) or leads_nowhere(trial, context) or shown_wrong(trial, trial.at - context.clock_offset):
            return False
        if given & others or trial.tls_consistent is True:
            return True
    return None
