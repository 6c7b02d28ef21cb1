"""The rules over a TLS measurement (detectors.md 2.3, 2.4).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.tls.facts import AFTER_CONNECT, Outcome, TlsFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate
from balise_collector.judge.signs import FORGED_PACKET, NEIGHBOUR_OK, Sign
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.TLS
_FOREIGN: Final = Sign("foreign_certificate", "a certificate was shown that the references abroad never see")

_PROOF: Final = (FORGED_PACKET, NEIGHBOUR_OK)
"""``scrambled_ok`` alone is no proof: a server may drop the one name it is told to."""

RULES: Final[tuple[Rule[TlsFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="tls.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The server answered the hello with this name.",
        source="detectors.md 2.3: any byte back",
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
    Rule(
        id="tls.no_control",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.control is None,
        reason="The control is missing.",
        source="architecture.md: a missing control is insufficient",
    ),
    Rule(
        id="tls.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead and Outcome.CERTIFICATE not in f.own,
        reason="References abroad get no answer to this name either: the server, not the way.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="sni.rst",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.SNI_RST,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.named and f.kind(Outcome.RST),
        reason="Connections are reset when the hello carries this name, and only then.",
        source="detectors.md 2.3; Weaver et al. 2009, Bock et al. 2020",
    ),
    Rule(
        id="sni.fin",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.SNI_FIN,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.named and f.kind(Outcome.FIN),
        reason="Connections are closed when the hello carries this name, and only then.",
        source="detectors.md 2.3",
    ),
    Rule(
        id="sni.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.SNI_DROP,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.named and f.kind(Outcome.SILENCE),
        reason="Packets vanish once the hello carries this name, and only then.",
        source="detectors.md 2.3",
    ),
    Rule(
        id="sni.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: any(o in AFTER_CONNECT for o in f.all) and f.control_answers and f.scrambled_answers,
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
        id="tls.local_inspection",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.CERTIFICATE in f.own and f.control_untrusted,
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
        when=lambda f: f.untrusted and f.unknown_keys and f.control_clean and f.paired,
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
