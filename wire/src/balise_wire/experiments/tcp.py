"""The tcp experiment: SYNs to one address and port (docs/experiments/tcp.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.through import ASKED, MOST, Through
from balise_wire.trial import Trial
from balise_wire.words import Experiment, HopPlace

SYN: Final = 220
"""Bytes of a SYN, its SYN-ACK and the kernel's RST, over IPv6 and where both have every option."""
USUAL_SYN: Final = {4: 160, 6: 220}
"""The same by IP version."""
SENTINEL_SYNS: Final = 2
SUBJECT_SYNS: Final = 6
"""Of a paired run: 0 of 6 over at least three source ports (detectors.md 2.2)."""
CONTROL_SYNS: Final = 2
"""To each control arm of a paired run; once more to the other port, after a series that got nothing."""
TRAITS: Final = Traits(
    word=Experiment.TCP,
    title="connection (TCP)",
    transport=Transport.TCP,
    reveals_name=False,
)


class TcpParameters(Parameters, frozen=True):
    """Where else the target's addresses answer."""

    other_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """A second port that the addresses answer on; 0 where there is none."""
    siblings: tuple[str, ...] = ()
    """More rungs of the sibling ladder beside the target's ``sibling``, both families: hosts in the same prefix (/24,
    /48) and in other prefixes of the same AS, that answer on the target's port."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions."""
    if not shape.paired:
        return SYN * SENTINEL_SYNS
    closing = 1 if shape.controls else 0
    return SYN * (SUBJECT_SYNS + CONTROL_SYNS * (shape.controls + closing)) + MOST * ASKED * shape.through


def usual(shape: RunShape) -> int:
    """Return the bytes of a run where everything is answered."""
    if not shape.paired:
        return USUAL_SYN[shape.family] * SENTINEL_SYNS
    return USUAL_SYN[shape.family] * (SUBJECT_SYNS + CONTROL_SYNS * shape.controls)


class TcpObservation(Trial, frozen=True, tag="tcp"):
    """SYNs to one address and port, each from its own source port, crafted outside the kernel's TCP."""

    address: str
    port: int
    syns: int = 0
    """SYNs sent, one per source port."""
    synacks: int = 0
    resets: int = 0
    icmp_errors: int = 0
    rtt_ms: float | None = None
    """Least SYN to SYN-ACK time, kernel timestamps on both ends."""
    icmp_place: HopPlace = HopPlace.UNKNOWN
    """Which machine sent the first ICMP error; unknown where there was none."""
    through: Through | None = None
    """Of an arm by way of a proxy: by which. A SYN-ACK is then the proxy's word that it is connected."""
