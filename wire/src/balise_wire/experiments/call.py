"""The call experiment: packets in the shape of a voice call, to the operator's helper (docs/experiments/call.md).

Here live what a trial saw, what a target says to it, its traits and what it costs. Must not live here: its plan
(agent), its rules (collector), or any verdict.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.experiments.traits import Parameters, RunShape, Traits, Transport
from balise_wire.trial import Trial
from balise_wire.word import Word
from balise_wire.words import Experiment

HEADERS: Final = 48
"""Bytes of UDP's header and the longer IP's."""
USUAL_HEADERS: Final = {4: 28, 6: 48}
"""The same by IP version."""
PACKET: Final = 160
"""Bytes of one packet of a train: 20 ms of voice at 64 kb/s (RFC 3551 4.5.14), or of Opus with RTP's header."""
SPACING: Final = 0.02
"""Seconds between two of them."""
WINDOW: Final = 25
"""Packets that are counted together: half a second."""
WINDOWS: Final = 6
PACKETS: Final = WINDOW * WINDOWS
"""Of one train: three seconds, each way."""
TAIL: Final = 2
"""Windows at a train's end by which it is cut or not: a box may let the first packets pass."""
TAIL_PACKETS: Final = TAIL * WINDOW
CUT: Final = 0.1
"""Share of the tail that comes back of a train that is cut, at most (detectors.md 2.9: loss above 90 %)."""
SHORT: Final = 64
"""Bytes of what asks the helper for a token, or for what it got, and of its answers."""
TALK: Final = 6 * (SHORT + HEADERS)
"""Bytes around a train: a token and a report, each asked for once again, and their answers."""
TRAIN: Final = 2 * PACKETS * (PACKET + HEADERS) + TALK
SERIES: Final = 5
"""Trains of a paired run: nothing like a call, voice one way, voice the other way, voice both ways twice."""
PORTS: Final = (443, 3_478, 8_801, 16_384)
"""Ports of UDP on which a helper answers: of QUIC, of STUN, of a conference service, of media; none that a kernel gives
to whoever asks for any."""
LOOK: Final = 2 * len(PORTS) * 2 * (SHORT + HEADERS)
"""Bytes of a look at all of them."""
TRAITS: Final = Traits(
    word=Experiment.CALL,
    title="voice-shaped packets (call)",
    transport=Transport.UDP,
    needs_address=False,
    reveals_name=False,
    at_helper=True,
    exclusive=True,
    heavy=True,
    cadence="call_every",
    rests_from=0.7,
)


class CallShape(Word):
    """What the packets of one direction look like."""

    VOICE = "voice"
    """RTP of one voice stream: version 2, a dynamic payload type, sequence and time that grow (RFC 3550 5.1)."""
    NOISE = "noise"
    """Random bytes of the same length at the same pace, nobody's protocol."""
    UNKNOWN = "unknown"


class CallParameters(Parameters, frozen=True):
    """Where trains go."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 3_478
    """Of UDP at the helper, one of those on which it answers."""


Counts = Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=WINDOW)], ...], msgspec.Meta(max_length=WINDOWS)]


class CallObservation(Trial, frozen=True, tag="call"):
    """One train of packets to a helper and back, or the look for ports on which it answers."""

    address: str
    """Of the helper; it never leaves the probe."""
    port: int
    up: CallShape
    """What we sent."""
    down: CallShape
    """What the helper was asked to send back: one packet of the same length for each that it got."""
    token: bool | None = None
    """Whether the helper gave what a train needs (no train is sent without); ``None`` where it was not asked."""
    sent: int = 0
    """Packets that left."""
    arrived: Counts | None = None
    """Packets that the helper got, of each half second; ``None`` where it did not say."""
    returned: Counts | None = None
    """Packets that came back, by the half second of those that they answer; ``None`` where no train was sent."""
    rtt_ms: float | None = None
    """Median from a packet to what came back for it."""
    jitter_ms: float | None = None
    """Mean difference between the round trips of packets in a row (RFC 3550 6.4.1, over round trips)."""
    ports: tuple[Annotated[int, msgspec.Meta(ge=1, le=65_535)], ...] | None = None
    """Of ``PORTS`` those on which the helper answered; ``None`` where that was not looked at."""
    icmp: str = ""
    """``type/code`` of the first ICMP error about the trial's packets."""


def cost(shape: RunShape) -> int:
    """Return the bytes of a run at most, both directions; nothing without a helper."""
    if not shape.controls:
        return 0
    return SERIES * TRAIN + LOOK if shape.paired else TRAIN


def usual(shape: RunShape) -> int:
    """Return the bytes of a run in which every train comes back; nothing without a helper."""
    if not shape.controls:
        return 0
    headers = USUAL_HEADERS[shape.family]
    train = 2 * PACKETS * (PACKET + headers) + 4 * (SHORT + headers)
    return train * (SERIES if shape.paired else 1)
