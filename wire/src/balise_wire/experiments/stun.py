"""The stun experiment: STUN binding requests to a service's call servers over UDP (docs/experiments/stun.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.word import Word
from balise_wire.words import Experiment

REQUEST: Final = 68
"""Bytes of one request on the wire: a header of STUN alone (RFC 8489 5), UDP's and the longest IP's."""
ANSWER: Final = 160
"""Bytes of a server's answer: the address that it saw, its software and other addresses, with headers."""
BINDING: Final = REQUEST + ANSWER
USUAL_BINDING: Final = {4: 168, 6: 256}
"""Measured with a server that tells its software, by IP version."""
SILENT: Final = 5 * REQUEST
"""Bytes of a trial that nothing answers: three copies, and two of what follows."""
SYNS: Final = 2
"""SYNs to the address, on the port that the target's TCP is measured at."""
SYN: Final = 220
ELSEWHERE: Final = 3
"""Servers of other operators that are asked whether the line carries UDP, and to which ports."""
LOOKUP: Final = 620
"""Bytes of the question for the address of such a server, where the assignment has none."""
TRAITS: Final = Traits(
    word=Experiment.STUN,
    title="STUN binding (UDP)",
    transport=Transport.UDP,
    reveals_name=False,
)


class StunPacket(Word):
    """What the first datagram of a trial is."""

    BINDING = "binding"
    """A binding request with the magic cookie (RFC 8489 5 and 14), 20 bytes."""
    CLASSIC = "classic"
    """The same length and type with random bytes in the cookie's place, as before the cookie was (RFC 3489 11.1)."""
    SYN = "syn"
    """No datagram: SYNs to the same address."""
    UNKNOWN = "unknown"


class StunParameters(Parameters, frozen=True):
    """Where it asks."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 3_478


class StunObservation(Trial, frozen=True, tag="stun"):
    """One socket's exchange of datagrams with one address and port; the SYNs of the arm ``other_transport``.

    The address that a server saw the request come from is the home's own, and is in no field.
    """

    address: str
    port: int
    sent: StunPacket
    name: str | None = None
    """Of another operator's server; ``None`` for the target's."""
    copies: int = 0
    """How often the first datagram left: it is sent again while nothing at all came back."""
    answers: int = 0
    """Datagrams that came back to it, or SYN-ACKs and RSTs."""
    answer: str = ""
    """What the first of them is: ``binding``, ``error:<code>`` (RFC 8489 14.8), ``synack``, ``rst``, ``other``; empty
    where none came."""
    mapped: str = ""
    """How an answer of STUN says whom the server saw: ``xor`` (RFC 8489 14.2), ``plain`` (14.1), ``both`` or
    ``none``."""
    rtt_ms: float | None = None
    """From the first copy to the first answer."""
    followed: bool | None = None
    """Whether a classic request behind it on the same socket was answered; ``None`` where none was sent."""
    icmp: str = ""
    """``type/code`` of the first ICMP error about the trial's datagrams."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions: nothing answers."""
    if shape.paired:
        return 3 * SILENT + SYNS * SYN + min(shape.controls, ELSEWHERE) * (SILENT + LOOKUP)
    return SILENT


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered."""
    return USUAL_BINDING[shape.family] * (3 if shape.paired else 1)
