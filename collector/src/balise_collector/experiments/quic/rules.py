"""The rules over a QUIC measurement (detectors.md 2.6, 2.9).

None accuses without a reference that got QUIC from the same server: one that speaks none answers nobody. Must not live
here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.quic.facts import DEAD, Outcome, QuicFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control, waits
from balise_collector.judge.signs import NEIGHBOUR_OK
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.QUIC

RULES: Final[tuple[Rule[QuicFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="quic.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="QUIC's first packet with this name was answered, and the flow carried on.",
        source="detectors.md 2.6",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="quic.nothing",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="No Initial of the subject is in this measurement.",
        source="ours",
    ),
    Rule(
        id="quic.reference_failed",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference and f.failed,
        reason="A reference abroad gets no QUIC either: the server speaks none, or none any more; TCP tells the rest.",
        source="RFC 9114 3.1: clients fall back to TCP",
    ),
    Rule(
        id="quic.refused",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.REFUSED in f.own,
        reason="An ICMP error answered: a closed port, or a router that refuses UDP; no word about the name.",
        source="RFC 1122 4.1.3.3",
    ),
    no_control(_LAYER, lambda f: f.control is None),
    Rule(
        id="udp.443",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.of_line,
        reason="UDP to this port dies on this line whatever the server, while TCP is answered: the home's router, or "
        "its provider, carries none. No word about the service.",
        source="detectors.md 2.9; Langley et al., The QUIC Transport Protocol (SIGCOMM 2017): networks without UDP",
    ),
    Rule(
        id="quic.address",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.all_dead and f.over_tcp is False,
        reason="The address does not answer over TCP either: the layers over TCP tell.",
        source="detectors.md 2.6",
    ),
    Rule(
        id="quic.not_spoken",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead,
        reason="References abroad get no QUIC from this server either: not applicable.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="quic.doubtful",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and f.references.doubted,
        reason="A reference gets no QUIC with this name as well, and none gets through: the server may do it to all.",
        source="attribution.md 2.1: interference that is global cannot exist",
    ),
    waits(_LAYER, lambda f: f.cut and f.references.waited_for),
    Rule(
        id="quic.no_reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.cut and not f.references.answered,
        reason="Too few references got QUIC from this server at that time: that it speaks none is not excluded.",
        source="ours: without a reference nothing says that a server speaks QUIC to this name",
    ),
    Rule(
        id="quic.sni_late",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.QUIC_SNI,
        level=Level.SCORED,
        proof=(NEIGHBOUR_OK,),
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.named and f.late,
        reason="QUIC with this name is answered and goes dead within seconds; with another name it goes on.",
        source="detectors.md 2.6; Zohaib et al., USENIX Security 2025",
    ),
    Rule(
        id="quic.sni",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.QUIC_SNI,
        level=Level.SCORED,
        proof=(NEIGHBOUR_OK,),
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.named,
        reason="QUIC goes dead when its first packet carries this name; another name, and random bytes, pass.",
        source="detectors.md 2.6; Elmenhorst et al., IMC 2021",
    ),
    Rule(
        id="quic.version",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.QUIC_VERSION,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.any_name and f.at_address.answered,
        reason="QUIC's first packets die whatever their name, and other UDP to the same port passes; references are "
        "answered there at the same time.",
        source="detectors.md 2.6; Xue et al., IMC 2022",
    ),
    Rule(
        id="quic.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.QUIC_DROP,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        when=lambda f: f.of_address and f.at_address.answered,
        reason="UDP to this address vanishes, which answers over TCP; other servers answer over UDP here, and this "
        "one answers references.",
        source="detectors.md 2.6; Elmenhorst et al. (IMC 2021): Iran's blocking of UDP endpoints",
    ),
    Rule(
        id="quic.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: (
            any(o in DEAD for o in f.all)
            and not f.cut
            and f.control is Outcome.ANSWERED
            and f.noise_lives is True
            and f.references.answered
        ),
        reason="Some exchanges with this name die and none with another, but too few for a verdict.",
        source="detectors.md 2.6: overload lets traffic through in peak hours",
    ),
    Rule(
        id="udp.unsure",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.all_dead and not f.elsewhere_ok,
        reason="Nothing comes over UDP, and too few other servers were asked to tell the line from the address.",
        source="detectors.md 2.9",
    ),
    Rule(
        id="quic.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The trials contradict each other, or the line itself is not known to carry UDP.",
        source="ours",
    ),
)
"""First match wins."""
