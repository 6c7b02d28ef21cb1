"""Blocking VPN protocols by the form of their handshakes, whoever the server is."""

from collections.abc import Callable, Iterator

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.classify import Packet, Streams
from balise_lab.boxes.engine.datagram_rules import drop_datagrams
from balise_lab.boxes.engine.flows import RESIDUAL, SHARE, queue_flows, strike_flows, touches
from balise_lab.boxes.engine.kind import Decide, Decision, Kind, Looks
from balise_lab.boxes.engine.placement import PORTS, Placement
from balise_lab.boxes.engine.setting import Setting, Unit
from balise_lab.vpn_packets import is_fully_encrypted, is_openvpn_tcp

SPARED = Setting("spared", Unit.COUNT, 4, "datagrams of a flow, both ways, that pass before it is cut", 0, 100)
PASSED = Setting("passed", Unit.COUNT, 1, "of the client's packets that pass before its connection is cut", 0, 100)
_WIREGUARD = "meta l4proto udp udp length 156 @th,64,32 0x01000000"
"""148 bytes of an initiation, and its type."""
_IKEV2 = "meta l4proto udp @th,192,24 0x212022"
"""Behind the two SPIs: a suite follows, version 2.0, IKE_SA_INIT (RFC 7296 3.1)."""
_OPENVPN = "meta l4proto udp udp length >= 22 @th,64,8 { 0x20, 0x28, 0x38, 0x40 }"
"""Opcodes of the control channel with the first key: control, acknowledgement, and either end's reset."""


def _openvpn(placement: Placement) -> Iterator[str]:
    spared = SPARED.of(placement.box)
    late = f"ct packets > {spared}" if spared else ""
    return drop_datagrams(placement, [(way, _OPENVPN, late) for way in ("up", "down")])


def _wireguard(placement: Placement) -> Iterator[str]:
    return drop_datagrams(placement, [("up", _WIREGUARD, "")])


def _ikev2(placement: Placement) -> Iterator[str]:
    return drop_datagrams(placement, [("up", _IKEV2, "")])


def _by_stream(looks: Callable[[Box, bytes], bool]) -> Decide:
    """Return what cuts a connection as soon as what its client said looks so."""

    def decide(box: Box, seen: Packet, streams: Streams) -> Decision | None:
        stream = streams.add(seen)
        return Decision(strike=True) if stream and looks(box, stream) else None

    return decide


def _encrypted(box: Box, seen: Packet, streams: Streams) -> Decision | None:
    """Cut a connection by its first payload alone, as China's filter did."""
    stream = streams.add(seen)
    if stream != seen.payload or not is_fully_encrypted(stream) or not touches(box, seen):
        return None
    return Decision(strike=True)


KINDS = (
    Kind(
        word="vpn.openvpn",
        means="OpenVPN over UDP is cut by its opcodes behind the first packets of a flow; other UDP passes",
        looks=Looks.ANYTHING,
        settings=(SPARED, PORTS),
        rules=_openvpn,
    ),
    Kind(
        word="vpn.wireguard",
        means="WireGuard's initiations vanish; other UDP passes",
        looks=Looks.ANYTHING,
        settings=(PORTS,),
        rules=_wireguard,
    ),
    Kind(
        word="vpn.ikev2",
        means="IKE_SA_INIT of IKEv2 vanishes, on any port; other UDP passes",
        looks=Looks.ANYTHING,
        settings=(PORTS,),
        rules=_ikev2,
    ),
    Kind(
        word="vpn.openvpn_tcp",
        means="OpenVPN over TCP is cut by its packets' lengths and opcodes behind the client's first; other TCP passes",
        looks=Looks.ANYTHING,
        settings=(PASSED, PORTS, RESIDUAL),
        rules=strike_flows,
        queued=queue_flows(),
        decide=_by_stream(lambda box, stream: is_openvpn_tcp([stream], PASSED.of(box))),
    ),
    Kind(
        word="vpn.fully_encrypted",
        means="a connection dies whose first payload looks fully encrypted, by the rule of Wu et al. (2023)",
        looks=Looks.ANYTHING,
        settings=(RESIDUAL, PORTS, SHARE),
        rules=strike_flows,
        queued=queue_flows(),
        decide=_encrypted,
    ),
)
