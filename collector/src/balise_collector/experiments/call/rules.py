"""The rules over trains in the shape of a voice call (detectors.md 2.9).

All of them go to the operator's own server, which answers every shape alike: what differs, differs on the way. Must not
live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.call.facts import VOICE_SHAPE, CallFacts, Outcome
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.CALL

RULES: Final[tuple[Rule[CallFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="call.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="Packets in the shape of a voice call passed in both directions.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.no_helper",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="There is no server of ours to send them to: nothing was sent.",
        source="ours",
    ),
    Rule(
        id="call.lossy",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: Outcome.LOSSY in f.all and set(f.all) <= {Outcome.LOSSY, Outcome.PASSED},
        reason="More packets of a call were lost than a call bears, and no train was cut: a slow or lossy line.",
        source="ours: a slow country is not a blocked one",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="call.reference_failed",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference and f.failed,
        reason="A reference abroad loses them too: our own server, or its network.",
        source="ours: a helper that loses packets does so to everybody",
    ),
    Rule(
        id="call.refused",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.REFUSED in f.own,
        reason="An ICMP error answered: our server is off, or a router refuses UDP; no word about calls.",
        source="RFC 1122 4.1.3.3",
    ),
    Rule(
        id="call.port",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.NO_TOKEN in f.own and bool(f.ports),
        reason="Our server answers over UDP on other ports and not on this one: the line carries no UDP to it. No word "
        "about the shape of a call.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.no_token",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.NO_TOKEN in f.own,
        reason="Our server answers nothing over UDP, whatever is sent: it is off, or this line carries no UDP. No word "
        "about the shape of a call.",
        source="detectors.md 2.9",
    ),
    no_control(_LAYER, lambda f: f.control is None),
    Rule(
        id="call.line",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.control is not Outcome.PASSED,
        reason="Packets of the same size and pace that look like nothing are lost as well: the line, not the shape.",
        source="detectors.md 2.9: the shape control",
    ),
    Rule(
        id="call.at_references",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead,
        reason="References abroad lose them too: our own server, or its network.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="call.media_cut_up",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.CALL_MEDIA_CUT_UP,
        level=Level.SCORED,
        proof=(VOICE_SHAPE,),
        rests_on_silence=True,
        when=lambda f: f.only_up,
        reason="Packets in the shape of a voice call vanish on the way from the home, and pass on the way to it; "
        "others of their size and pace pass both ways.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.media_cut_down",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.CALL_MEDIA_CUT_DOWN,
        level=Level.SCORED,
        proof=(VOICE_SHAPE,),
        rests_on_silence=True,
        when=lambda f: f.only_down,
        reason="Packets in the shape of a voice call vanish on the way to the home, and pass on the way from it; "
        "others of their size and pace pass both ways.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.media_cut",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.CALL_MEDIA_CUT,
        level=Level.SCORED,
        proof=(VOICE_SHAPE,),
        rests_on_silence=True,
        when=lambda f: f.both,
        reason="Packets in the shape of a voice call vanish in both directions; others of their size and pace pass.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: Outcome.CUT in f.all and f.control is Outcome.PASSED,
        reason="Some trains in the shape of a call are cut and none that looks like nothing, but not clearly enough "
        "for a verdict.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="call.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The trains contradict each other, or the line loses too much.",
        source="ours",
    ),
)
"""First match wins."""
