"""The rules over handshakes of VPN protocols (detectors.md 2.10).

All of them go to the operator's own server, which answers the protocol and packets of its sizes alike: what differs,
differs on the way. Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.experiments.vpn.facts import PASSES, VPN_SHAPE, Outcome, VpnFacts
from balise_collector.judge.rules import Rule, Weight, anomaly, board, gate, no_control, waits
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.experiments.vpn import VpnProtocol
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment

_LAYER: Final = Experiment.VPN


def _dead(protocol: VpnProtocol, mechanism: Mechanism, reason: str, word: str = "") -> Rule[VpnFacts]:
    """Return the rule that accuses, of one protocol."""
    return Rule(
        id=word or mechanism.value,
        layer=_LAYER,
        state=VerdictState.BLOCKED,
        mechanism=mechanism,
        level=Level.SCORED,
        proof=(VPN_SHAPE, *PASSES.values()),
        rests_on_silence=True,
        when=lambda f: f.shaped and f.protocol is protocol,
        reason=reason,
        source="detectors.md 2.10",
    )


RULES: Final[tuple[Rule[VpnFacts], ...]] = (
    *gate(_LAYER),
    Rule(
        id="vpn.ok",
        layer=_LAYER,
        state=VerdictState.OK,
        when=lambda f: f.passed,
        reason="The handshake was answered to its end.",
        source="detectors.md 2.10",
    ),
    Rule(
        id="vpn.no_helper",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: not f.own,
        reason="There is no server of ours to send it to, or the probe does not know the protocol: nothing was sent.",
        source="ours",
    ),
    anomaly(_LAYER),
    board(_LAYER),
    Rule(
        id="vpn.reference_failed",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.reference and f.failed,
        reason="A reference abroad gets no handshake either: our own server, or its network.",
        source="ours: a helper that answers nobody does so to everybody",
    ),
    Rule(
        id="vpn.refused",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.REFUSED in {*f.own, *f.controls},
        reason="Our server does not listen there, or a router refuses the port; no word about the protocol.",
        source="RFC 1122 4.1.3.3; RFC 9293 3.10.7.1",
    ),
    Rule(
        id="vpn.no_connection",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.NO_CONNECTION in {*f.all, *f.controls},
        reason="No connection stands on this port, whatever is to be said on it: our server is off, or the line "
        "carries nothing to it. No word about the protocol.",
        source="detectors.md 2.10",
    ),
    Rule(
        id="vpn.strange",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.STRANGE in {*f.all, *f.controls},
        reason="Something else than our server answered on this port: a proxy of the provider's, say. No word about "
        "the protocol.",
        source="ours: what speaks in the place of a server may refuse what it does not understand",
    ),
    Rule(
        id="vpn.no_token",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.NO_TOKEN in {*f.own, *f.controls},
        reason="Our server answers nothing on this port, whatever is sent: it is off, or the line carries nothing to "
        "it. No word about the protocol.",
        source="detectors.md 2.10",
    ),
    Rule(
        id="vpn.moved",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: Outcome.MOVED in {*f.all, *f.controls},
        reason="The provider gives each flow another address, and our server answers the one that asked: no word about "
        "the protocol.",
        source="RFC 4787 4.1: pools without pairing",
    ),
    no_control(_LAYER, lambda f: not f.controls),
    Rule(
        id="vpn.line",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.by_line,
        reason="Packets of the same sizes that are no protocol's die there as well: the line or the port, not the "
        "protocol.",
        source="detectors.md 2.10: the shape control",
    ),
    Rule(
        id="vpn.lossy",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda f: f.failed and f.lossy,
        reason="Packets that are no protocol's had to leave twice too often: the line loses too much for a verdict.",
        source="ours: a slow country is not a blocked one",
    ),
    Rule(
        id="vpn.at_references",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.failed and f.references.dead,
        reason="References abroad get no handshake either: our own server, or its network.",
        source="attribution.md 2.1",
    ),
    waits(_LAYER, lambda f: f.turns > 0 and f.references.waited_for),
    _dead(
        VpnProtocol.OPENVPN,
        Mechanism.VPN_OPENVPN,
        "OpenVPN's handshake dies twice, ten minutes apart; as many packets of its sizes that look like nothing are "
        "answered on the same port.",
    ),
    _dead(
        VpnProtocol.WIREGUARD,
        Mechanism.VPN_WIREGUARD,
        "WireGuard's handshake dies twice, ten minutes apart; as many packets of its sizes that look like nothing are "
        "answered on the same port.",
    ),
    _dead(
        VpnProtocol.IKEV2,
        Mechanism.VPN_IKEV2,
        "IKEv2's handshake dies twice, ten minutes apart; as many packets of its sizes that look like nothing are "
        "answered on the same port.",
    ),
    _dead(
        VpnProtocol.OPENVPN_TCP,
        Mechanism.VPN_OPENVPN_TCP,
        "OpenVPN's handshake over TCP dies twice, ten minutes apart; as many bytes that are no protocol's are "
        "answered on the same port.",
    ),
    _dead(
        VpnProtocol.FULLY_ENCRYPTED,
        Mechanism.VPN_FULLY_ENCRYPTED,
        "Connections that are random from the first byte on die twice, ten minutes apart; of the payloads of the same "
        "length that such a filter spares, the same ones are answered on the same port each time.",
    ),
    _dead(
        VpnProtocol.OBFS4,
        Mechanism.VPN_FULLY_ENCRYPTED,
        "Connections that begin as obfs4's, random in every byte, die twice, ten minutes apart; of the payloads of the "
        "same length that such a filter spares, the same ones are answered on the same port each time.",
        word="vpn.obfs4",
    ),
    Rule(
        id="vpn.partial",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        level=Level.SCORED,
        weight=Weight.PARTIAL,
        when=lambda f: f.turns > 0,
        reason="A handshake died behind a control that passed, but not twice, ten minutes apart: not clearly enough "
        "for a verdict.",
        source="detectors.md 2.10",
    ),
    Rule(
        id="vpn.unclear",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="The handshakes contradict each other.",
        source="ours",
    ),
)
"""First match wins."""
