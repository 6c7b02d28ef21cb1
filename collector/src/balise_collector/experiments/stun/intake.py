"""What a trial of ``stun`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import COUNT, MS, Bounds, Destination, shaped, word
from balise_wire.experiments.stun import TRAITS, StunObservation, StunPacket
from balise_wire.experiments.traits import Transport

BOUNDS: Final = Bounds(
    numbers={"answers": COUNT, "copies": COUNT, "rtt_ms": MS},
    texts={
        "StunObservation.name": word(300),
        "StunObservation.answer": word(80),
        "StunObservation.mapped": word(80),
        "StunObservation.icmp": shaped(r"(\d{1,3}/\d{1,3})?", "no type and code"),
    },
)


def destination(trial: StunObservation) -> Destination:
    """Return where it went: no packet of it names anybody."""
    over = Transport.TCP if trial.sent is StunPacket.SYN else TRAITS.transport
    return Destination(name=None, address=trial.address, port=trial.port, transport=over)
