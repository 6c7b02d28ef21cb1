"""The sink that makes points of changes: one that cannot be said costs itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from balise_collector.sinks.changes import CollectorSampled
from balise_collector.sinks.facts import CollectorFacts
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.system.faults import Faults


class _Kept:
    """Keeps points."""

    name = "kept"

    def __init__(self) -> None:
        self.points: list[Point] = []

    def write(self, points: Sequence[Point]) -> None:
        """Keep them."""
        self.points.extend(points)


def test_a_change_that_cannot_be_said_costs_itself() -> None:
    """It is noted by its number; the others are written."""
    writer, faults = _Kept(), Faults()
    nothing: Any = None
    good = CollectorSampled(at=60.0, facts=CollectorFacts(), readers=())
    bad = CollectorSampled(no=7, at=nothing, facts=CollectorFacts(), readers=())
    sink = PointSink(writer)
    sink.take([good, bad, good], faults)
    assert [point.time_ns for point in writer.points] == [60 * 10**9] * 2
    assert [fault.seq for fault in faults.drain()] == [7]
    assert sink.name == "kept"
