"""The rules over forms of a ClientHello (detectors.md 2.7).

What is accused is an extension and never the name: the same name in the same hello without it passes at the same
server, with another extension as long as well, and references get through with it. Must not live here: how a fact is
found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.clienthello.facts import (
    DEAD,
    EXTENSION_ALONE,
    EXTENSION_ANY_NAME,
    EXTENSION_THIS_NAME,
    ClienthelloFacts,
    Outcome,
)
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control, waits
from balise_collector.judge.signs import FORGED_PACKET
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.experiments.clienthello import HelloForm
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.CLIENTHELLO


def _blocked(extension: HelloForm, mechanism: Mechanism, reason: str) -> Rule[ClienthelloFacts]:
    """Return the rule that accuses, of one extension."""
    return Rule(
        id=mechanism.value,
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        proof=(FORGED_PACKET, EXTENSION_ALONE, EXTENSION_ANY_NAME, EXTENSION_THIS_NAME),
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.cut and f.controlled and f.references.answered and f.extension is extension,
        reason=reason,
        source="detectors.md 2.7",
    )


RULES: Final[tuple[Rule[ClienthelloFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="clienthello.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The server answered the greeting with the extension.",
        source="detectors.md 2.7",
    ),
    Rule(
        id="clienthello.name",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.plain in DEAD or f.plain is Outcome.NO_CONNECT,
        reason="The greeting without the extension gets no answer either: no word about the extension. The layer tls "
        "tells of the name.",
        source="architecture.md: arms differ in one variable",
    ),
    Rule(
        id="clienthello.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="No greeting with the extension is in this measurement.",
        source="ours",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="clienthello.reference_failed",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference and f.failed,
        reason="A reference abroad gets no answer to the extension: the server does not take it, and is well.",
        source="RFC 8446 4.2: a server ignores what it does not know; not all do",
    ),
    no_control(_LAYER, lambda f: f.plain is None or f.beside is None),
    Rule(
        id="clienthello.any_extension",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and not f.controlled,
        reason="A greeting with an extension that nobody knows, as long, gets no greeting either: it is not this one.",
        source="RFC 8701: servers and boxes that stumble over what they do not know",
    ),
    Rule(
        id="clienthello.at_references",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead,
        reason="References abroad get no answer to the extension either: the server does not take it.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="clienthello.alert",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: Outcome.ALERT in f.own,
        reason="An alert answers the extension where the same name without it is greeted: the server may refuse it.",
        source="RFC 8446 6.2",
    ),
    waits(_LAYER, lambda f: f.cut and f.references.waited_for),
    Rule(
        id="clienthello.no_reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and not f.references.answered,
        reason="Too few references got through with the extension: that the server does not take it is not excluded.",
        source="attribution.md 2.1",
    ),
    _blocked(
        HelloForm.ECH,
        Mechanism.TLS_ECH,
        "Connections die when the greeting has Encrypted Client Hello; the same without it, and with another extension "
        "as long, is answered by the same server, and references get through with it.",
    ),
    _blocked(
        HelloForm.ESNI,
        Mechanism.TLS_ESNI,
        "Connections die when the greeting has Encrypted SNI; the same without it, and with another extension as long, "
        "is answered by the same server, and references get through with it.",
    ),
    Rule(
        id="clienthello.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: f.died and f.controlled and f.references.answered,
        reason="Some greetings with the extension die and none without it, but too few for a verdict.",
        source="detectors.md 2.3: a box on 75 % of flows passes 3/3 in 42 % of series",
    ),
    Rule(
        id="clienthello.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The trials contradict each other.",
        source="ours",
    ),
)
"""First match wins."""
