"""What a path can hold. Pure.

Must not live here: bounds that every experiment shares (intake/believable.py), verdicts.
"""

from typing import Final

from balise_collector.experiments.bounds import Bounds, Destination, route
from balise_wire.experiments.path import PathObservation

BOUNDS: Final = Bounds(texts={"Hop.address": route}, items={"hops": 256})


def destination(_trial: PathObservation) -> Destination:
    """Return nothing: no target may ask for it yet."""
    return Destination()
