"""What a path can hold, and where it led. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import BYTE, COUNT, Bounds, Destination, route, word
from balise_wire.experiments.path import PathObservation

BOUNDS: Final = Bounds(
    numbers={"Hop.ttl": BYTE, "HopReply.ttl": BYTE, "Hop.copies": COUNT},
    texts={"Hop.address": route, "Hop.answer": word(80), "HopReply.kind": word(80)},
    items={"hops": 256, "replies": 16},
)


def destination(trial: PathObservation) -> Destination:
    """Return where the copies went; on which port depends on how the name was shown."""
    return Destination(address=trial.address)
