"""What sinks are told of a path: nothing; its hops are the operator's to see alone."""

from typing import Final

from balise_collector.experiments.points import Points
from balise_wire.experiments.path import PathObservation


class PathPoints(Points[PathObservation]):
    """Nothing."""


POINTS: Final = PathPoints()
