"""The rules over a TLS measurement (detectors.md 2.3, 2.4).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.tls.facts import AFTER_CONNECT, Outcome, TlsFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control, waits
from balise_collector.judge.signs import BY_PROXY, FORGED_PACKET, NEIGHBOUR_OK, NEUTRAL_SWAP, NEUTRAL_SWAP_OK, Sign
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.TLS
_FOREIGN: Final = Sign("foreign_certificate", "a certificate was shown that the references abroad never see")

_PROOF: Final = (FORGED_PACKET, NEUTRAL_SWAP, NEUTRAL_SWAP_OK, NEIGHBOUR_OK, *BY_PROXY)
"""``scrambled_ok`` alone is no proof: a server may drop the one name it is told to."""


def _by_name(outcome: Outcome, mechanism: Mechanism, reason: str, *, silent: bool = False) -> Rule[TlsFacts]:
    """Make the rule for one way in which connections die once a hello carries the name."""
    return Rule(
        id=mechanism.value,
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        proof=_PROOF,
        rests_on_silence=silent,
        server_not_excluded=True,
        when=lambda f: f.named and f.kind(outcome),
        reason=reason,
        source="detectors.md 2.3; Weaver et al. 2009, Bock et al. 2020",
    )


RULES: Final[tuple[Rule[TlsFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="tls.alert_everywhere",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.alert_everywhere and set(f.own) == {Outcome.ALERT},
        reason="The server answers this hello with an alert, and does so to references as well.",
        source="detectors.md 2.3: any byte back",
        no_word_on=frozenset({Mechanism.TLS_MITM}),
    ),
    Rule(
        id="tls.cert_unexpected",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        when=lambda f: f.passed and f.chain_verified and f.unknown_keys,
        reason="The certificate is publicly trusted, and neither its key nor its issuer's is one that references see: "
        "a fact to look at, which proves nothing.",
        source="detectors.md 2.4: also a content network's second issuer looks like this",
    ),
    Rule(
        id="tls.chain_ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed and f.chain_verified,
        reason="The server answered the hello with this name, and its certificate is valid for it.",
        source="detectors.md 2.4",
    ),
    Rule(
        id="tls.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The server answered the hello with this name.",
        source="detectors.md 2.3: any byte back",
        no_word_on=frozenset({Mechanism.TLS_MITM}),
    ),
    Rule(
        id="tls.clock",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.untrusted and f.clock,
        reason="The probe's clock is outside of the certificate's dates, and of the controls' as well: the clock.",
        source="detectors.md 2.4; RFC 5280 4.1.2.5",
    ),
    Rule(
        id="tls.cert_expired",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.untrusted and f.expired and not f.unknown_keys,
        reason="The server answered with its own certificate, which has expired: the operator's fault, not blocking.",
        source="detectors.md 2.4",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="tls.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="No hello of the subject is in this measurement.",
        source="ours",
    ),
    Rule(
        id="tls.reference_failed",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and f.failed and all(o in AFTER_CONNECT for o in f.own),
        reason="A reference abroad gets no answer to its hello either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tls.no_connect",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.own.count(Outcome.NO_CONNECT) == len(f.own) and f.control is not Outcome.ANSWERED,
        reason="No TCP connection came about, so the hello was never sent: the TCP layer tells.",
        source="detectors.md 2.3",
    ),
    no_control(_LAYER, lambda f: f.control is None),
    Rule(
        id="tls.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: (
            f.failed and f.references.dead and not {Outcome.CERTIFICATE, Outcome.ALERT} & set(f.own) and not f.proved
        ),
        reason="References abroad get no answer to this name either: the server, not the way.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tls.doubtful",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and f.references.doubted and not f.proved,
        reason="A reference fails with this name as well, and none gets through: the server may do it to everybody.",
        source="attribution.md 2.1: interference that is global cannot exist",
    ),
    waits(_LAYER, lambda f: f.cut and f.references.waited_for and not f.proved),
    _by_name(Outcome.RST, Mechanism.SNI_RST, "Connections are reset when the hello carries this name, and only then."),
    _by_name(Outcome.FIN, Mechanism.SNI_FIN, "Connections are closed when the hello carries this name, and only then."),
    _by_name(
        Outcome.SILENCE,
        Mechanism.SNI_DROP,
        "Packets vanish once the hello carries this name, and only then.",
        silent=True,
    ),
    Rule(
        id="sni.alert",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.SNI_ALERT,
        level=Level.SCORED,
        proof=_PROOF,
        server_not_excluded=True,
        when=lambda f: f.alerted and f.greeted_abroad,
        reason="An alert answers this name, and only it, where references are greeted by the server.",
        source="detectors.md 2.3; RFC 8446 6.2",
    ),
    Rule(
        id="tls.alert",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        proof=BY_PROXY,
        when=lambda f: f.alert_strange and not f.alerted_now_and_then,
        reason="An alert answers this name where another is greeted: the server may refuse it; too little is known.",
        source="RFC 6066 3: unrecognized_name",
    ),
    Rule(
        id="sni.allow",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.SNI_ALLOW,
        level=Level.SCORED,
        proof=_PROOF,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.only_listed,
        reason="This name and a meaningless one die alike and a well-known one lives; references get through with it.",
        source="detectors.md 2.3, control (iii); white-lists let listed names pass",
    ),
    Rule(
        id="tls.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TLS_DROP,
        level=Level.SCORED,
        proof=(FORGED_PACKET, *BY_PROXY),
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.any_name,
        reason="Greetings to this address die whatever their name, and references are greeted there at the same time.",
        source="detectors.md 2.3; a block of the address that spares the handshake, or a list of permitted names",
    ),
    Rule(
        id="sni.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        proof=BY_PROXY,
        when=lambda f: (
            (any(o in AFTER_CONNECT for o in f.all) or f.alerted_now_and_then)
            and f.control_answers
            and f.scrambled_answers
        ),
        reason="Some hellos with this name die and none with another, but too few for a verdict.",
        source="detectors.md 2.3: a box on 75 % of flows passes 3/3 in 42 % of series",
    ),
    Rule(
        id="tls.server_unknown_name",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.control_answers and not f.scrambled_answers,
        reason="The address answers the control and no other name: a server that drops names it does not know.",
        source="detectors.md 2.3: control (iii)",
    ),
    Rule(
        id="tls.chain_lost",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.chain_lost,
        reason="Hellos with this name are answered, and the whole handshake, whose packets are larger, is not.",
        source="ours: arms that differ in more than the name excuse and accuse nobody",
    ),
    Rule(
        id="tls.inspected",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TLS_MITM,
        level=Level.SCORED,
        when=lambda f: (
            f.untrusted
            and f.paired
            and f.control_untrusted
            and f.opened_by_provider
            and f.unknown_keys
            and not f.local_issuer
            and not f.dates_only
        ),
        reason="Every name comes with one issuer that nobody trusts, in homes of three keepers of this provider and "
        "nowhere else: the connections are opened past the homes.",
        source="detectors.md 2.4; Raman et al., Investigating Large Scale HTTPS Interception in Kazakhstan (IMC 2020)",
    ),
    Rule(
        id="tls.local_inspection",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.CERTIFICATE in f.own and (f.control_untrusted or f.local_issuer),
        reason="Every name comes with an unknown issuer: something on the probe's own network opens TLS.",
        source="detectors.md 2.4",
    ),
    Rule(
        id="tls.mitm",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TLS_MITM,
        level=Level.SCORED,
        proof=(_FOREIGN,),
        when=lambda f: (
            f.untrusted and f.unknown_keys and f.control_clean and f.paired and not f.dates_only and not f.elsewhere
        ),
        reason="The certificate is not the service's: references see another key, and the controls are clean.",
        source="detectors.md 2.4",
    ),
    Rule(
        id="tls.cert_invalid",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: Outcome.CERTIFICATE in f.own,
        reason="The certificate does not verify, and nothing tells whose fault that is.",
        source="detectors.md 2.4: Signal changed its root CA in 2022",
    ),
    Rule(
        id="tls.every_name",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        proof=BY_PROXY,
        when=lambda f: f.every_name,
        reason="Every name is cut at an address where references are greeted: the server may refuse the country, or "
        "only permitted names get through.",
        source="detectors.md 2.3; several services at once tell a list of permitted names",
    ),
    Rule(
        id="tls.address",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and not f.control_answers,
        reason="The control name on the same address fails as well: it is not the name.",
        source="detectors.md 2.3",
    ),
    Rule(
        id="tls.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The trials contradict each other.",
        source="ours",
    ),
)
"""First match wins."""
