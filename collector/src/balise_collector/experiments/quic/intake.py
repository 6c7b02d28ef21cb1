"""What a trial of ``quic`` can hold, and where it went. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import COUNT, MS, Bounds, Destination, shaped, word
from balise_wire.experiments.quic import TRAITS, QuicObservation, QuicPacket

BOUNDS: Final = Bounds(
    numbers={"answers": COUNT, "copies": COUNT, "last_ms": MS, "rtt_ms": MS},
    texts={
        "QuicObservation.name": word(300),
        "QuicObservation.answer": word(80),
        "QuicObservation.icmp": shaped(r"(\d{1,3}/\d{1,3})?", "no type and code"),
        "versions": shaped("[0-9a-f]{8}", "no version"),
    },
    items={"versions": 16},
)


def destination(trial: QuicObservation) -> Destination:
    """Return the name in the hello where there is one, and where it was said."""
    return Destination(
        name=trial.name,
        named=trial.sent is QuicPacket.INITIAL,
        address=trial.address,
        port=trial.port,
        transport=TRAITS.transport,
    )
