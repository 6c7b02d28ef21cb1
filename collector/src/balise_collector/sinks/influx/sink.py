"""The sink that makes points of changes, and hands them to whoever writes points. Must not live here: any writing."""

from collections.abc import Sequence
from typing import Protocol

from balise_collector.sinks.changes import Change
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.points import points_of
from balise_collector.system.faults import Faults


class PointWriter(Protocol):
    """Where points go."""

    @property
    def name(self) -> str:
        """Name of the sink's cursors: another place is another sink, and gets everything."""
        ...

    def write(self, points: Sequence[Point]) -> None:
        """Keep the points for good before returning, or raise SinkError."""
        ...


class PointSink:
    """Changes in, points out."""

    def __init__(self, writer: PointWriter) -> None:
        self._writer = writer

    @property
    def name(self) -> str:
        """The writer's."""
        return self._writer.name

    def take(self, changes: Sequence[Change], faults: Faults) -> None:
        """Write the points of changes; one that cannot be said as points costs itself."""
        points: list[Point] = []
        for change in changes:
            with faults.set_aside("points", change.no):
                points.extend(points_of(change))
        self._writer.write(points)
