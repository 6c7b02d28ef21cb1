"""The rules over a STUN measurement (detectors.md 2.9).

None accuses without a reference that got an answer from the same server: one that is off answers nobody. Must not live
here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.stun.facts import DEAD, Outcome, StunFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control, waits
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.STUN

RULES: Final[tuple[Rule[StunFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="stun.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The call server answered a binding request over UDP.",
        source="RFC 8489 6.3; detectors.md 2.9",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="stun.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="No binding request of the subject is in this measurement.",
        source="ours",
    ),
    Rule(
        id="stun.reference_failed",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference and f.failed,
        reason="A reference abroad gets no answer either: this server answers no STUN, or is off.",
        source="ours: calls have other servers, so that one that is off is no fault that anybody need notice",
    ),
    Rule(
        id="stun.refused",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.REFUSED in f.own,
        reason="An ICMP error answered: a closed port, or a router that refuses UDP; no word about the service.",
        source="RFC 1122 4.1.3.3",
    ),
    no_control(_LAYER, lambda f: f.shape is None),
    Rule(
        id="udp.all",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.of_line,
        reason="UDP dies on this line whatever the server and the port, while TCP is answered: the home's router, or "
        "its provider, carries none. No word about the service.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="udp.port",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.of_port,
        reason="UDP to this port dies on this line whatever the server, and UDP to others passes: the home's router, "
        "or its provider, carries none. No word about the service.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="stun.address",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.all_dead and f.over_tcp is False,
        reason="The address does not answer over TCP either: the layers over TCP tell.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="stun.not_spoken",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead,
        reason="References abroad get no answer from this server either: not applicable.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="stun.doubtful",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and f.references.doubted,
        reason="A reference gets no answer as well, and none gets one: the server may do it to all.",
        source="attribution.md 2.1: interference that is global cannot exist",
    ),
    waits(_LAYER, lambda f: f.cut and f.references.waited_for),
    Rule(
        id="stun.no_reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and not f.references.answered,
        reason="Too few references got an answer from this server at that time: that it is off is not excluded.",
        source="ours: without a reference nothing says that a server answers STUN",
    ),
    Rule(
        id="udp.stun",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.UDP_STUN,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.marked and f.at_address.answered,
        reason="STUN's packets to the call server vanish, and as many bytes without STUN's mark are answered on the "
        "same port; references are answered there at the same time.",
        source="detectors.md 2.9; RFC 8489 5: the magic cookie",
    ),
    Rule(
        id="udp.stun_all",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.UDP_STUN,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.marked_elsewhere and f.at_address.answered,
        reason="STUN's packets vanish whoever is asked, and as many bytes without STUN's mark are answered by other "
        "operators' servers; references are answered by the call server at the same time.",
        source="detectors.md 2.9; RFC 8489 5: the magic cookie",
    ),
    Rule(
        id="udp.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.UDP_DROP,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.of_address and f.at_address.answered,
        reason="UDP to the call server vanishes; other operators' servers answer here on the same port, and this one "
        "answers references.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="stun.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: any(o in DEAD for o in f.all) and not f.cut and f.shape is True and f.references.answered,
        reason="Some binding requests die and none without STUN's mark, but too few for a verdict.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="stun.unsure",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.all_dead and not f.here.ok,
        reason="Nothing comes over UDP, and too few other servers on this port were asked to tell the line from the "
        "address.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="stun.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The trials contradict each other, or the line itself is not known to carry UDP.",
        source="ours",
    ),
)
"""First match wins."""
