"""The quic experiment: QUIC Initial packets with a name, to UDP port 443 (docs/experiments/quic.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.word import Word
from balise_wire.words import Experiment

DATAGRAM: Final = 1_250
"""Bytes of one datagram of ours on the wire: 1,200 of QUIC (RFC 9000 14.1), UDP's and IP's headers."""
FLIGHT: Final = 3_750
"""Bytes of a server's first flight: at most three times what it was sent (RFC 9000 8.1), with headers."""
NEGOTIATION: Final = 100
"""Bytes of a Version Negotiation packet with headers."""
VERSION_PROBE: Final = DATAGRAM + NEGOTIATION
HANDSHAKE: Final = DATAGRAM + FLIGHT + VERSION_PROBE
"""Bytes of a trial with a name that is answered at once, and of the packet that follows."""
USUAL_HANDSHAKE: Final = {4: 5_580, 6: 5_700}
"""The same as measured, by IP version: a flight of 3 KB."""
SILENT: Final = 6 * DATAGRAM
"""Bytes of such a trial that nothing answers: three copies, and three of what follows."""
NOISE: Final = 4 * DATAGRAM
"""Bytes of the random ones, and of three copies of what follows."""
SYNS: Final = 2
"""SYNs to the same port of the address."""
SYN: Final = 220
ELSEWHERE: Final = 2
"""Servers of other operators that are asked whether the line carries UDP to the port."""
NAMES: Final = 4
"""Trials with a name of a paired run: the control's, the subject's twice, the control's again."""
TRAITS: Final = Traits(
    word=Experiment.QUIC,
    title="QUIC greeting (UDP)",
    transport=Transport.UDP,
    heavy=True,
    cadence="quic_every",
    rarer=8,
    rests_from=0.9,
    explained_by=Experiment.TCP,
)


class QuicPacket(Word):
    """What the first datagram of a trial is."""

    INITIAL = "initial"
    """An Initial packet of version 1 with a ClientHello (RFC 9000 17.2.2, RFC 9001 4 and 5)."""
    VERSION = "version"
    """A long header of a version that nobody has: answered by Version Negotiation alone (RFC 9000 6.1, 15)."""
    NOISE = "noise"
    """As many random bytes, which no server of QUIC answers."""
    SYN = "syn"
    """No datagram: SYNs to the same address and port."""
    UNKNOWN = "unknown"


class QuicParameters(Parameters, frozen=True):
    """Where it asks."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 443


class QuicObservation(Trial, frozen=True, tag="quic"):
    """One socket's exchange of datagrams with one address and port; the SYNs of the arm ``other_transport``."""

    address: str
    port: int
    sent: QuicPacket
    name: str | None = None
    """The name in the ClientHello; ``None`` where the first datagram has none."""
    copies: int = 0
    """How often the first datagram left: it is sent again while nothing at all came back."""
    answers: int = 0
    """Datagrams that came back to it, or SYN-ACKs."""
    answer: str = ""
    """What the first of them is: ``server_hello``, ``close:<hex code>`` (RFC 9000 20), ``retry``, ``initial``,
    ``version_negotiation``, ``synack``, ``other``; empty where none came."""
    rtt_ms: float | None = None
    """From the first copy to the first answer."""
    versions: tuple[str, ...] = ()
    """Versions that Version Negotiation names, eight hex digits each."""
    followed: bool | None = None
    """Whether a packet seconds later on the same socket was answered; ``None`` where none was sent."""
    last_ms: float | None = None
    """From the first copy to the last datagram that came; ``None`` where none came."""
    icmp: str = ""
    """``type/code`` of the first ICMP error about the trial's datagrams."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions: nothing answers, not even elsewhere."""
    if shape.paired:
        return NAMES * SILENT + NOISE + SYNS * SYN + min(shape.controls, ELSEWHERE) * 3 * DATAGRAM
    return SILENT


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered."""
    one = USUAL_HANDSHAKE[shape.family]
    return (NAMES - 1) * one + 2 * DATAGRAM + NEGOTIATION + SYNS * SYN if shape.paired else one
