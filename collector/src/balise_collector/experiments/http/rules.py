"""The rules over an HTTP measurement (detectors.md 2.5, 2.12).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.http.facts import HttpFacts
from balise_collector.judge.rules import Rule, anomaly, board, gate
from balise_collector.judge.signs import ARTEFACT, FORGED_PACKET, NEIGHBOUR_OK
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.HTTP

_PROOF: Final = (ARTEFACT, FORGED_PACKET, NEIGHBOUR_OK)

RULES: Final[tuple[Rule[HttpFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="http.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The server answers, and nothing speaks against its page.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.same_everywhere",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.like_references or (f.refused and f.references_refused),
        reason="The references get the same answer: whatever it says, it says it to everybody.",
        source="detectors.md 2.12: anti-bot must not become blocked",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="http.below",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.trials == 0 or f.below,
        reason="No request was sent: the layers below tell.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.reference_failed",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and f.failed and not f.refused,
        reason="A reference abroad gets no page either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="http.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.failed and not f.refused and f.references.dead,
        reason="References abroad get no page either: the server.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="server.geo",
        layer=_LAYER,
        state=VerdictState.SERVER_SIDE,
        mechanism=Mechanism.SERVER_REFUSES,
        level=Level.SCORED,
        proof=(ARTEFACT,),
        when=lambda f: f.refused and f.authentic and f.references_welcome and not f.robot_test and not f.reference,
        reason="The authentic server refuses this country and welcomes others; the network carries it faithfully.",
        source="detectors.md 2.12; McDonald et al. 2018",
    ),
    Rule(
        id="http.robot_test",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.robot_test and (f.authentic or not f.printed),
        reason="The answer is a test for robots or a firewall's refusal.",
        source="detectors.md 2.12",
    ),
    Rule(
        id="http.no_control",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.control_answers,
        reason="No other name got an answer from the same address.",
        source="architecture.md: a missing control is insufficient",
    ),
    Rule(
        id="http.portal",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.control_same and not f.printed,
        reason="Another name gets the very same answer: a portal, or the server's default page.",
        source="detectors.md 2.1, guard",
    ),
    Rule(
        id="http.redirect",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_REDIRECT,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.foreign_redirect and not f.authentic and not f.control_same,
        reason="The request for this name is led to a host where nobody abroad is led.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.blockpage",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: (
            not f.authentic
            and (f.printed or (f.differs and not f.refused) or (f.differs and f.refused and "forged_packet" in f.signs))
        ),
        reason="The request for this name, and for no other on the same address, gets a page that nobody abroad gets.",
        source="detectors.md 2.5; Jones et al. 2014; ooni/blocking-fingerprints",
    ),
    Rule(
        id="http.refused_in_clear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        when=lambda f: f.refused and not f.authentic,
        reason="A refusal in clear: the server or anybody on the way may have written it.",
        source="detectors.md 2.12: never without TLS",
    ),
    Rule(
        id="http.rst",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_RST,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.cut and f.reset and not f.tls,
        reason="Connections are reset when the request names this host, and only then.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_DROP,
        level=Level.SCORED,
        proof=_PROOF,
        when=lambda f: f.cut and not f.reset and not f.tls,
        reason="Packets vanish once the request names this host, and only then.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The answers contradict each other, or nothing tells whose they are.",
        source="ours",
    ),
)
"""First match wins."""
