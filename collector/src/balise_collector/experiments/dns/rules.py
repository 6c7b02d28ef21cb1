"""The rules over a DNS measurement, strongest first (detectors.md 2.1).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from collections.abc import Callable
from typing import Final

from balise_collector.experiments.dns.facts import DnsFacts
from balise_collector.judge.rules import MIN_TRIALS, Rule, Weight, anomaly, board, gate, no_control
from balise_collector.judge.signs import ARTEFACT, FORGED_PACKET, Sign
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.DNS
_SILENT_ADDRESS: Final = Sign(
    "silent_address_answered",
    "an address where no resolver runs answered for this name, and not for a control name",
)


_BEYOND: Final = Sign(
    "resolver_beyond",
    "the resolver that said so stands past the home",
    excludes_fault=False,  # It excludes a filter of the home's own.
)
_TWICE: Final = 2


def _denial(
    identity: str, lies: tuple[str, ...], mechanism: Mechanism, reason: str, most: int = _TWICE
) -> Rule[DnsFacts]:
    """Make the rule for one way of denying a name; ``most`` is the least number of questions so denied.

    A resolver that gives up says little of why: the name's own servers may refuse its country.
    """
    return Rule(
        id=identity,
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        server_not_excluded=most > _TWICE,
        proof=(_BEYOND,),
        when=lambda f: f.denied and f.all_lie in lies and sum(word in lies for word in f.lies) >= most,
        reason=reason,
        source="detectors.md 2.1; OONI weights (.9, .1, 0)",
    )


_OPERATORS: Final = 3
"""Services that no single operator runs, as far as a catalogue can tell."""


def _led_astray(facts: DnsFacts) -> bool:
    """Tell whether two of three things speak against a content network's own doing.

    The resolver gave the right address before; a public resolver gives one that others are given; names that share no
    address elsewhere are led to one.
    """
    return facts.turned + facts.public_vouches + (facts.company.names >= _TWICE) >= _TWICE


def _forged(identity: str, mechanism: Mechanism, how: Callable[[DnsFacts], bool], reason: str) -> Rule[DnsFacts]:
    """Make the rule for one kind of forged answer, proved by the silence that the control meets."""
    return Rule(
        id=identity,
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        proof=(_SILENT_ADDRESS, FORGED_PACKET, ARTEFACT),
        when=lambda f: f.silent_control is False and not f.limited and not f.intercepted_at_home and how(f),
        reason=reason,
        source="detectors.md 2.1, Q3",
    )


RULES: Final[tuple[Rule[DnsFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="dns.consistent",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.consistent,
        reason="The first accepted answer leads to a server with the service's own certificate.",
        source="detectors.md 2.1: overrides everything",
    ),
    Rule(
        id="dns.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The name resolves to addresses that others know, or that nothing speaks against.",
        source="detectors.md 2.1",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="dns.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.lies,
        reason="No question of the subject to the provider's resolver is in this measurement.",
        source="ours",
    ),
    Rule(
        id="dns.reference_failed",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and bool(f.all_lie) and f.control_ok is True,
        reason="A reference abroad cannot resolve the name either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="dns.walled_garden",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.garden,
        reason="The control is led to the same place: a portal that lets no name through.",
        source="detectors.md 2.1, guard",
    ),
    Rule(
        id="dns.chosen_resolver",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.at_home and f.chosen and not f.silent_says,
        reason="The household asks a public resolver that filters for whoever chooses it; its word is not the "
        "provider's.",
        source="detectors.md 2.1, local_resolver: filters of a home are its owner's",
    ),
    Rule(
        id="dns.local_resolver",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.at_home and not f.silent_says,
        reason="A resolver in the household itself gives this answer, and nothing shows that the provider's does.",
        source="detectors.md 2.1, local_resolver: filters of a home are its owner's",
    ),
    Rule(
        id="dns.intercepted_at_home",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.intercepted_at_home and bool(f.silent_says),
        reason="A router in the household answers all DNS itself, whomever it was sent to.",
        source="detectors.md 2.1, guard: home routers with a proxy on port 53",
    ),
    Rule(
        id="dns.hijack",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_HIJACK,
        level=Level.SCORED,
        proof=(ARTEFACT,),
        when=lambda f: f.silent_control is True and f.proven_wrong and f.control_ok is True,
        reason="All DNS is intercepted on the way, and the interceptor denies or forges this name only.",
        source="detectors.md 2.1, dns.hijack",
    ),
    Rule(
        id="dns.intercepted",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
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
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_INJECT,
        level=Level.SCORED,
        proof=(FORGED_PACKET, ARTEFACT),
        when=lambda f: f.raced and f.control_ok is True,
        reason="One question drew answers that exclude each other, the first with signs of forgery.",
        source="detectors.md 2.1; Duan et al. 2012 (Hold-On)",
    ),
    Rule(
        id="dns.blockpage_ip",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        proof=(ARTEFACT,),
        when=lambda f: f.printed and f.control_ok is True,
        reason="The answer is a known block-page address.",
        source="ooni/blocking-fingerprints",
    ),
    Rule(
        id="dns.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: (bool(f.all_lie) or f.bogon) and f.references.dead,
        reason="References abroad are given no address of the service either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="dns.bogon",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        proof=(_BEYOND,),
        when=lambda f: f.bogon and f.control_ok is True and f.exists,
        reason="The answer is an address that no public service has; others are given a real one, and so is the "
        "control.",
        source="detectors.md 2.1; OONI weight .95",
    ),
    Rule(
        id="dns.resolver_down",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: bool(f.all_lie) and f.control_ok is False,
        reason="The resolver does not answer for the control either.",
        source="detectors.md 2.1",
    ),
    Rule(
        id="dns.servfail",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.all_lie == "servfail" and not f.unchecked,
        reason="The resolver failed, and was not asked what it knows without checking signatures (DNSSEC).",
        source="RFC 4035 3.2.2, 5.5",
    ),
    Rule(
        id="dns.unsigned",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.all_lie == "servfail" and f.vouched_unchecked,
        reason="The name's own signatures (DNSSEC) do not hold: a resolver that checks them refuses it, and gives "
        "its address when it is asked not to check.",
        source="RFC 4035 3.2.2, 5.5",
    ),
    Rule(
        id="dns.unverified",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.all_lie == "servfail" and f.gives_unchecked,
        reason="The resolver gives an address where it is not to check signatures (DNSSEC), one that nobody else is "
        "known to be given: the name's signatures are broken, or its answer was tampered with on the way.",
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
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        proof=(_BEYOND,),
        when=lambda f: f.inconsistent and f.unexpected and f.control_ok is True and f.exists and not f.public_same,
        reason="The answer leads to a server without the service's certificate, at an address nobody else is given.",
        source="detectors.md 2.1; OONI weight .9",
    ),
    Rule(
        id="dns.shared_address",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        proof=(_BEYOND,),
        when=lambda f: f.astray and f.company.services >= _OPERATORS and f.control_ok is True and not f.references.dead,
        reason="Names of several services that share no address elsewhere are all led to this one, where none of them "
        "is served; the same line reaches this one where others are led.",
        source="OONI; Satellite (Scott et al., USENIX ATC 2016)",
    ),
    Rule(
        id="dns.astray",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.DNS_BOGUS,
        level=Level.SCORED,
        server_not_excluded=True,  # A content network may send a provider's resolver to a node that never worked.
        proof=(_BEYOND,),
        when=lambda f: (
            f.astray and f.control_ok is True and not f.public_same and not f.references.dead and _led_astray(f)
        ),
        reason="The answer leads to an address that nobody else is given and where the service never was; the same "
        "line reaches the service where others are led.",
        source="detectors.md 2.1; OONI web_connectivity; Satellite (Scott et al., USENIX ATC 2016)",
    ),
    Rule(
        id="dns.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: f.some_lie and f.control_ok is True and (f.public_gives or f.references.reached),
        reason="Some questions about the name were denied or led astray and others answered, by the same provider.",
        source="detectors.md 2.1: one of several resolvers, or a share of questions",
    ),
    Rule(
        id="dns.told_nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.told_nothing,
        reason="No answer says anything of the name: all were truncated, cut off or about the question's form, or the "
        "question never left.",
        source="RFC 2181 9, RFC 6891 6.2.2",
    ),
    no_control(_LAYER, lambda f: f.control_ok is None),
    Rule(
        id="dns.unmatched",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.unexpected,
        reason="The answer differs from what others are given: content networks do that everywhere.",
        source="OONI: prime suspect of false positives",
    ),
    Rule(
        id="dns.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The answers contradict each other, or nothing confirms that the name exists.",
        source="ours",
    ),
)
"""First match wins."""
