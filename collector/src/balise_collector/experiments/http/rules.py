"""The rules over an HTTP measurement (detectors.md 2.5, 2.12).

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.http.facts import HttpFacts
from balise_collector.judge.rules import Rule, anomaly, board, gate, waits
from balise_collector.judge.signs import ARTEFACT, FORGED_PACKET, NEIGHBOUR_OK
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.HTTP

_PROOF: Final = (ARTEFACT, FORGED_PACKET, NEIGHBOUR_OK)


def _is_blockpage(f: HttpFacts) -> bool:
    """Tell whether a page in clear is the way's: known as such, forged, or with marks that are not the service's."""
    if f.authentic or (f.robot_test and not (f.printed or f.proved)):
        return False
    server_speaks = f.refused or f.too_many or f.server_error
    strange = f.differs and not f.own_page
    return f.printed or (strange and (f.proved or (f.foreign and not server_speaks)))


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
        when=lambda f: f.like_references or (f.refused and f.references_refused) or (f.own_page and not f.printed),
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
        id="http.unread",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.unread,
        reason="An answer came that our own reader does not understand: it says nothing of anybody.",
        source="RFC 9112 5; browsers forgive much",
    ),
    Rule(
        id="http.reference_failed",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and f.failed and not (f.refused or f.too_many or f.robot_test),
        reason="A reference abroad gets no page either.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="http.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.failed and not (f.refused or f.robot_test) and f.references.dead,
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
        id="server.refuses",
        layer=_LAYER,
        state=VerdictState.SERVER_SIDE,
        mechanism=Mechanism.SERVER_REFUSES,
        level=Level.DISCARDED,
        when=lambda f: f.refused and f.authentic and not f.robot_test,
        reason="The authentic server refuses; whether it refuses the country or this address is not known.",
        source="detectors.md 2.12",
    ),
    Rule(
        id="server.busy",
        layer=_LAYER,
        state=VerdictState.SERVER_SIDE,
        mechanism=Mechanism.SERVER_REFUSES,
        level=Level.DISCARDED,
        when=lambda f: f.too_many and f.authentic,
        reason="The authentic server asks for patience: too many requests, or too busy.",
        source="RFC 6585 4, RFC 9110 10.2.3",
    ),
    Rule(
        id="server.error",
        layer=_LAYER,
        state=VerdictState.SERVER_SIDE,
        mechanism=Mechanism.SERVER_REFUSES,
        level=Level.SCORED,
        when=lambda f: f.server_error and f.authentic and not f.robot_test,
        reason="The authentic server answers with an error of its own.",
        source="RFC 9110 15.6",
    ),
    Rule(
        id="http.no_control",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.control_answers and not f.frozen,
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
        server_not_excluded=True,
        when=lambda f: f.foreign_redirect and not f.authentic and not f.control_same,
        reason="The request for this name is led to a site where nobody abroad is led, and that is not the service's.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.blockpage",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_BLOCKPAGE,
        level=Level.SCORED,
        proof=_PROOF,
        server_not_excluded=True,
        when=_is_blockpage,
        reason="The request for this name, and for no other on the same address, gets a page that nobody abroad gets.",
        source="detectors.md 2.5; Jones et al. 2014; ooni/blocking-fingerprints",
    ),
    Rule(
        id="server.challenge",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.robot_test and f.authentic and not f.reference,
        reason="The authentic server asks for a test for robots: it suspects this address, or this country.",
        source="detectors.md 2.12: a test for robots must not become blocked",
    ),
    Rule(
        id="http.robot_test",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.robot_test,
        reason="The answer is a test for robots or a firewall's refusal.",
        source="detectors.md 2.12",
    ),
    Rule(
        id="http.busy",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.too_many,
        reason="The answer asks for patience: too many requests, or too busy.",
        source="RFC 6585 4, RFC 9110 10.2.3",
    ),
    Rule(
        id="http.server_error",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.server_error,
        reason="An error of the server's, or of its content network's, in clear: nobody vouches for who wrote it.",
        source="RFC 9110 15.6; a content network's 503 and 522",
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
        id="http.doubtful",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: (f.cut or f.frozen) and f.references.doubted and not f.proved,
        reason="A reference gets no page either, and none gets one: the server may do it to everybody.",
        source="attribution.md 2.1: interference that is global cannot exist",
    ),
    waits(
        _LAYER,
        lambda f: (
            ((f.cut or f.frozen) and f.references.waited_for and not f.proved) or (f.awaits_pages and not f.authentic)
        ),
    ),
    Rule(
        id="http.freeze",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.TCP_FREEZE,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.frozen and f.references.answered,
        reason="Transfers from this address freeze after some kilobytes whatever the name; references get them whole.",
        source="field: connections to hosters freeze after 15 to 20 KB (Russia since 2025)",
    ),
    Rule(
        id="http.rst",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.HTTP_RST,
        level=Level.SCORED,
        proof=_PROOF,
        server_not_excluded=True,
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
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.cut and not f.reset and not f.tls and not f.frozen,
        reason="Packets vanish once the request names this host, and only then.",
        source="detectors.md 2.5",
    ),
    Rule(
        id="http.other_page",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        when=lambda f: f.differs,
        reason="Another page than references get, and nothing shows that the service did not write it.",
        source="detectors.md 2.5: services speak to countries in their own way",
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
