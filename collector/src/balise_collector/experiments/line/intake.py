"""What a look at the probe's own line can hold. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import COUNT, MS, Bounds, Destination, word
from balise_wire.experiments.line import LineObservation

BOUNDS: Final = Bounds(
    numbers={
        "clock_offset_ms": (-1e14, 1e14),
        "family": (0, 6),
        "gateway_rtt_ms": MS,
        "loss": (0, 1),
        "unresolved": COUNT,
    },
    texts={"name": word(300)},
    items={"controls": 256, "others": 256},
)


def destination(_trial: LineObservation) -> Destination:
    """Return nothing: it went to no target."""
    return Destination()
