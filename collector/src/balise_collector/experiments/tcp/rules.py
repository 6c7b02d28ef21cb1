"""The rules over a TCP measurement.

A dead address is ``blocked`` only when references reached the very same address since the first failing trial;
otherwise nothing tells a block from a dead server. Must not live here: how a fact is found (facts.py). Ids are
permanent.
"""

from typing import Final

from balise_collector.experiments.tcp.facts import TcpFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate
from balise_collector.judge.signs import BY_PROXY, Sign
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.TCP
_OTHER_PORT: Final = Sign("other_port_ok", "the same address answered on another port", excludes_fault=False)


def _share_of(mechanism: Mechanism, reason: str, *, rests_on_silence: bool = False) -> Rule[TcpFacts]:
    """Return the rule of a mechanism that acts on a share of the connections: evidence, and no verdict by itself."""
    return Rule(
        id=f"{mechanism}.share",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        mechanism=mechanism,
        level=Level.SCORED,
        weight=Weight.SHARE,
        rests_on_silence=rests_on_silence,
        when=lambda f: f.share is mechanism,
        reason=reason,
        source="detectors.md 2.3, for SYNs: a box on 75 % of flows lets one of six through in 82 % of series",
    )


RULES: Final[tuple[Rule[TcpFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="tcp.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The address answers on this port.",
        source="detectors.md 2.2",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    _share_of(
        Mechanism.IP_DROP,
        "Most SYNs to this address vanish, and none to others or from abroad: a share of the connections dies.",
        rests_on_silence=True,
    ),
    _share_of(
        Mechanism.IP_RST,
        "Most SYNs to this address are reset, and none to others or from abroad: a share of the connections dies.",
    ),
    _share_of(
        Mechanism.IP_ICMP,
        "A router beyond the home prohibits most connections to this address, and references have all of theirs.",
    ),
    Rule(
        id="tcp.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.mixed,
        reason="Some series of SYNs were answered and others not: loss looks like this.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="tcp.few",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.enough,
        reason="Too few SYNs for a verdict.",
        source="detectors.md 2.2: 0 of 6",
    ),
    Rule(
        id="tcp.shut_meanwhile",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.shut_meanwhile,
        reason="Another port answered before the series and not after it: the server may limit connections.",
        source="ours: the control differs in its place in the series; asked on both sides of it, it does not",
    ),
    Rule(
        id="tcp.edge_down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.EDGE_DOWN,
        level=Level.SCORED,
        proof=BY_PROXY,
        when=lambda f: f.enough and f.elsewhere and (f.reference or f.references.dead),
        reason="This address is dead from abroad as well, while the service answers elsewhere: an edge has failed.",
        source="attribution.md 2.5, edge_fault",
    ),
    Rule(
        id="tcp.reference_failed",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.SCORED,
        when=lambda f: f.reference and f.enough,
        reason="A reference abroad gets no connection.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.refused",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.references.dead and f.refused,
        reason="The port is refused from abroad as well: the server.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.down",
        layer=_LAYER,
        state=VerdictState.DOWN,
        mechanism=Mechanism.SERVER_DOWN,
        level=Level.DISCARDED,
        when=lambda f: f.references.dead,
        reason="References abroad cannot reach this address either: the server.",
        source="attribution.md 2.1",
    ),
    Rule(
        id="tcp.local_router",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.at_home,
        reason="The home's own router, or nobody that is known, says that the address cannot be reached.",
        source="RFC 1812 5.2.7.1; the first hop is the household's own",
    ),
    Rule(
        id="tcp.family",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.family_ok is False,
        reason="No control of this IP version answered in the same minute: the line does not carry it at all.",
        source="OONI masks failures of IPv6 where most of it fails",
    ),
    Rule(
        id="tcp.all_refused",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.refused and f.controls_refused,
        reason="The controls are refused as well: something near refuses whatever is asked, as captive portals do.",
        source="ours: what the control shares with the subject says nothing of the subject",
    ),
    Rule(
        id="tcp.no_reference",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.references.reached,
        reason="Too few references tried this very address since the first failure: a dead server is not excluded.",
        source="detectors.md 2.2: not proof alone",
    ),
    Rule(
        id="tcp.lossy_abroad",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.lossy_abroad,
        reason="References lose some of their SYNs to this very address, too: a server that is overloaded does that.",
        source="ours: what a server drops of everybody's now and then, it drops six times in a row as well",
    ),
    Rule(
        id="tcp.wide",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        rests_on_silence=True,
        proof=BY_PROXY,
        when=lambda f: f.wide and not f.in_the_way,
        reason="The neighbouring address is dead too: a broken route is not excluded.",
        source="detectors.md 2.2, sibling ladder",
    ),
    Rule(
        id="ip.as",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.IP_AS,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        proof=BY_PROXY,
        when=lambda f: f.in_the_way and f.far_ok is False,
        reason="This address and others of its network vanish; references reach it, and other networks answer here.",
        source="detectors.md 2.2, sibling ladder; Turkmenistan blocks whole networks",
    ),
    Rule(
        id="ip.prefix",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.IP_PREFIX,
        level=Level.SCORED,
        rests_on_silence=True,
        server_not_excluded=True,
        proof=BY_PROXY,
        when=lambda f: f.in_the_way and f.near_ok is False,
        reason="This address and its neighbours vanish; references reach it, and other networks answer here.",
        source="detectors.md 2.2, sibling ladder; Russia 2018",
    ),
    Rule(
        id="ip.icmp",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.IP_ICMP,
        level=Level.SCORED,
        proof=(_OTHER_PORT, *BY_PROXY),
        when=lambda f: f.in_the_way and f.prohibited,
        reason="A router beyond the home answers that this address is prohibited; references reach it.",
        source="detectors.md 2.2; RFC 1812 5.2.7.1",
    ),
    Rule(
        id="ip.rst",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.IP_RST,
        level=Level.SCORED,
        server_not_excluded=True,
        proof=BY_PROXY,
        when=lambda f: f.in_the_way and f.refused,
        reason="SYNs to this address are reset; references reach it at the same time.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="port.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.PORT_DROP,
        level=Level.SCORED,
        rests_on_silence=True,
        proof=BY_PROXY,
        when=lambda f: f.in_the_way and f.other_port_ok,
        reason="The address answers on another port and not on this one; references reach both it and the port.",
        source="detectors.md 2.2, port filter",
    ),
    Rule(
        id="ip.drop",
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=Mechanism.IP_DROP,
        level=Level.SCORED,
        rests_on_silence=True,
        proof=BY_PROXY,
        when=lambda f: f.in_the_way,
        reason="SYNs to this address vanish; references reach the very same address at the same time.",
        source="detectors.md 2.2",
    ),
    Rule(
        id="tcp.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="No control of the line, of the same IP version, is known to have answered in the same minute.",
        source="ours",
    ),
)
"""First match wins."""
