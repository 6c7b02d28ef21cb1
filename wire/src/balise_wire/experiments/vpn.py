"""The vpn experiment: handshakes of VPN protocols with the operator's helper (docs/experiments/vpn.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.call import SHORT, USUAL_HEADERS
from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.word import Word
from balise_wire.words import Experiment

HEADERS: Final = 48
"""Bytes of UDP's header and the longer IP's."""
APART: Final = 600.0
"""Seconds between the two turns of a series, each with a control (detectors.md 2.10: twice, ten minutes apart)."""
TURNS: Final = 2
COPIES: Final = 4
"""Times at most that a datagram leaves which nothing answers."""
SEGMENT_HEADERS: Final = {4: 52, 6: 72}
"""Bytes of TCP's header with its timestamps, and IP's, by IP version."""
_SYN_MORE: Final = 8
"""Bytes by which the headers of a SYN and of its answer are longer."""
_RESENT: Final = 8
"""Times at most that a kernel sends a segment again in the seconds in which an answer is waited for."""
_SYNS: Final = 7
"""SYNs at most that leave while nothing answers."""
TALK: Final = 2 * (SHORT + HEADERS)
"""Bytes of a token, asked for and given (the call experiment's)."""
LOOKS: Final = 3
"""Tokens that are asked for from sockets of their own behind a first packet that nothing answers."""
UDP_PORTS: Final = (500, 1_194, 51_820)
"""Ports of UDP on which a helper answers handshakes: of IKE (RFC 7296 2), of OpenVPN, and WireGuard's usual one."""
TCP_PORTS: Final = (1_194, 8_388)
"""Ports of TCP on which it does: of OpenVPN, and Shadowsocks' usual one."""
MOST_ROUNDS: Final = 3
TRAITS: Final = Traits(
    word=Experiment.VPN,
    title="VPN handshakes (vpn)",
    transport=Transport.UDP,
    needs_address=False,
    reveals_name=False,
    at_helper=True,
    heavy=True,
    risky=True,
    cadence="vpn_every",
    rests_from=0.9,
)


class VpnProtocol(Word):
    """Whose handshake it is."""

    OPENVPN = "openvpn"
    """OpenVPN over UDP, with TLS inside its control packets."""
    WIREGUARD = "wireguard"
    IKEV2 = "ikev2"
    """IKEv2 without NAT traversal (RFC 7296)."""
    OPENVPN_TCP = "openvpn_tcp"
    """OpenVPN over TCP: the same packets, each behind its length."""
    FULLY_ENCRYPTED = "fully_encrypted"
    """Nobody's by name: a connection of which every byte is random from the first on, as Shadowsocks and VMess have."""
    OBFS4 = "obfs4"
    """The same in a first message of obfs4's lengths: a key in a form that looks random, random padding, a mark."""
    UNKNOWN = "unknown"


class VpnShape(Word):
    """What the packets look like."""

    PROTOCOL = "protocol"
    """As the protocol has them."""
    RANDOM = "random"
    """Random bytes, as many and at the same pace: nobody's protocol."""
    FEW_ONES = "few_ones"
    """Bytes of which few bits are set, at most 3.4 of eight: nobody's protocol, and nothing that looks encrypted (Wu et
    al., USENIX Security 2023, exemption 1)."""
    PRINTABLE_START = "printable_start"
    """Random but for the first six bytes, which are printable (exemption 2)."""
    PRINTABLE_HALF = "printable_half"
    """More than half of the bytes are printable (exemption 3)."""
    PRINTABLE_RUN = "printable_run"
    """Random but for more than twenty printable bytes in a row (exemption 4)."""
    TLS_START = "tls_start"
    """Random behind the first three bytes of a TLS record (exemption 5)."""
    UNKNOWN = "unknown"


ROUNDS: Final[dict[VpnProtocol, tuple[tuple[tuple[int, ...], int], ...]]] = {
    VpnProtocol.OPENVPN: (((14,), 26), ((22, 281), 281), ((22, 108), 108)),
    VpnProtocol.WIREGUARD: (((148,), 92), ((32,), 32)),
    VpnProtocol.IKEV2: (((384,), 376), ((336,), 224)),
    VpnProtocol.OPENVPN_TCP: (((16,), 28), ((24, 283), 283), ((24, 110), 110)),
    VpnProtocol.FULLY_ENCRYPTED: (((200,), 200), ((120,), 120), ((90,), 90)),
    VpnProtocol.OBFS4: (((1_021,), 541), ((301,), 301), ((277,), 277)),
    VpnProtocol.UNKNOWN: (),
}
"""Of each handshake's rounds the bytes of what we send, and of what answers the last of it."""
OVER_TCP: Final = frozenset({VpnProtocol.OPENVPN_TCP, VpnProtocol.FULLY_ENCRYPTED, VpnProtocol.OBFS4})
EXEMPT: Final = (
    VpnShape.FEW_ONES, VpnShape.PRINTABLE_START, VpnShape.PRINTABLE_HALF, VpnShape.PRINTABLE_RUN, VpnShape.TLS_START,
)  # fmt: skip
"""What a filter against fully encrypted protocols was seen to let pass, each for one reason alone (Wu et al., 2023)."""
CONTROLS: Final[dict[VpnProtocol, tuple[VpnShape, ...]]] = {
    VpnProtocol.OPENVPN: (VpnShape.RANDOM,),
    VpnProtocol.WIREGUARD: (VpnShape.RANDOM,),
    VpnProtocol.IKEV2: (VpnShape.RANDOM,),
    VpnProtocol.OPENVPN_TCP: (VpnShape.FEW_ONES,),
    VpnProtocol.FULLY_ENCRYPTED: EXEMPT,
    VpnProtocol.OBFS4: EXEMPT,
    VpnProtocol.UNKNOWN: (),
}
"""What goes ahead of a handshake in each turn of a series, in the same sizes. Over TCP no control is random: censors
cut connections that begin so, whatever they are."""


class VpnParameters(Parameters, frozen=True):
    """Which handshake, and where."""

    protocol: VpnProtocol = VpnProtocol.OPENVPN
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 1_194
    """At the helper, one of those on which it answers."""


class VpnObservation(Trial, frozen=True, tag="vpn"):
    """One handshake with a helper, or as many packets that are no protocol's."""

    address: str
    """Of the helper; it never leaves the probe."""
    port: int
    protocol: VpnProtocol
    shape: VpnShape
    """Of what we sent, and of what the helper answers."""
    token: bool | None = None
    """Whether the helper gave what a handshake over UDP needs (nothing more is sent without); ``None`` where it was not
    asked."""
    moved: bool | None = None
    """Whether the helper saw us under another address right after the first packet was not answered: it answers the
    address of the token alone, so that its silence then says nothing. ``None`` where that was not asked, or not
    answered."""
    rounds: int = 0
    """Of the handshake; 0 where this probe does not know it, and sent nothing."""
    answered: int = 0
    """Rounds that were answered, in order."""
    repeated: int = 0
    """Datagrams, or segments with payload, that left again because nothing had come yet."""
    connected: bool | None = None
    """Whether the connection stood over which the rounds go; ``None`` where they go over UDP, or it was not tried."""
    rtt_ms: float | None = None
    """From the first packet to its answer; ``None`` where it left twice, or none came."""
    icmp: str = ""
    """``type/code`` of the first ICMP error about the trial's packets."""


def transport_of(protocol: VpnProtocol) -> Transport:
    """Return what carries a protocol's handshake."""
    return Transport.TCP if protocol in OVER_TCP else Transport.UDP


def size_of(protocol: VpnProtocol, family: int = 6) -> int:
    """Return the bytes of a handshake, both directions, in which everything is answered at once."""
    rounds = ROUNDS.get(protocol, ())
    if protocol in OVER_TCP:
        headers = SEGMENT_HEADERS[family]
        # An answer acknowledges what it answers, and is acknowledged by itself; three packets open a connection, three
        # end it.
        said = sum(sum(sent) + answer + (len(sent) + 2) * headers for sent, answer in rounds)
        return 6 * headers + 2 * _SYN_MORE + said
    headers = USUAL_HEADERS[family]
    talk = 2 * (SHORT + headers)
    return talk + sum(sum(sent) + answer + (len(sent) + 1) * headers for sent, answer in rounds)


def most_of(protocol: VpnProtocol) -> int:
    """Return the bytes of a handshake at most: one that fails sends its last round again and again.

    Over UDP it asks how the helper sees us, too; over TCP each segment may be acknowledged by itself.
    """
    longest = max((max(sent) for sent, _ in ROUNDS.get(protocol, ())), default=0)
    if protocol in OVER_TCP:
        headers = SEGMENT_HEADERS[6]
        acknowledged = sum(len(sent) for sent, _ in ROUNDS[protocol])
        whole = size_of(protocol) + acknowledged * headers + _RESENT * (longest + headers)
        return max(whole, _SYNS * (headers + _SYN_MORE))
    return size_of(protocol) + (COPIES - 1) * (longest + HEADERS) + LOOKS * TALK


def usual(shape: RunShape) -> int:
    """Return the bytes of a run in which everything is answered; nothing without a helper."""
    if not shape.controls:
        return 0
    protocol = shape.target.parameters_of(VpnParameters).protocol
    # A second turn is made only where the first failed.
    return size_of(protocol, shape.family) * (_arms(protocol) if shape.paired else 1)


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions; nothing without a helper."""
    if not shape.controls:
        return 0
    protocol = shape.target.parameters_of(VpnParameters).protocol
    return most_of(protocol) * (TURNS * _arms(protocol) if shape.paired else 1)


def _arms(protocol: VpnProtocol) -> int:
    """Return how many handshakes a turn of a series makes: its controls', and the protocol's."""
    return 1 + max(1, len(CONTROLS.get(protocol, ())))
