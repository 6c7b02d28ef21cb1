"""The tcp experiment: SYNs to one address and port (docs/experiments/tcp.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.words import Experiment, HopPlace

SYN: Final = 150
"""Bytes of a SYN, its SYN-ACK and our RST, without Ethernet: 160 where both have every option, 120 without any."""
SENTINEL_SYNS: Final = 2
SUBJECT_SYNS: Final = 6
"""Of a paired run: 0 of 6 over at least three source ports (detectors.md 2.2)."""
CONTROL_SYNS: Final = 2
"""To each control arm of a paired run."""
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
    """Return the bytes of a run, both directions, on the generous side."""
    return SYN * (SUBJECT_SYNS + CONTROL_SYNS * shape.controls if shape.paired else SENTINEL_SYNS)


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
