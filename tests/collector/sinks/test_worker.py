"""The worker: a stream that fails costs itself, and what cannot be made up for is not missed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.changes import CollectorSampled
from balise_collector.sinks.facts import CollectorFacts
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.sinks.streams import Samples
from balise_collector.sinks.worker import SinkWorker, StreamState

PATH = Path("derived.sqlite")


class ListWriter:
    """Keeps what it is given; refuses while told to."""

    name = "list"

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.refusing = False

    def write(self, points: Sequence[Point]) -> None:
        """Keep them, or refuse."""
        if self.refusing:
            raise SinkError("closed; open it")
        self.points.extend(points)


class Step:
    """A stream that takes one step a turn, or fails."""

    def __init__(self, error: SinkError | None = None) -> None:
        self.steps = 0
        self.error = error

    def step(self) -> int:
        """Count, or fail."""
        self.steps += 1
        if self.error is not None:
            raise self.error
        return 1

    def readers(self) -> list[tuple[str, int, int]]:
        """Have no cursor."""
        return []


def test_a_stream_that_fails_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """A missing bucket of roll-ups stops the roll-ups alone; its reason is logged once, and Retry-After heeded."""
    now = [0.0]
    good, bad = Step(), Step(SinkError("no bucket; make it", retry_after=30.0))
    nothing: Any = None
    worker = SinkWorker("x", lambda _: nullcontext(()), lambda: nothing, lambda: now[0])
    worker.states = [StreamState(bad), StreamState(good)]
    for _ in range(40):
        worker.turn(PATH)
        now[0] += 1.0
    assert good.steps == 40
    assert bad.steps == 2
    assert caplog.text.count("no bucket") == 1
    bad.error, now[0] = None, 100.0
    caplog.set_level("INFO")
    worker.turn(PATH)
    assert not worker.failing
    assert "takes changes again after 100 s" in caplog.text


def test_samples_are_taken_while_the_sink_is_left_alone(tmp_path: Path) -> None:
    """A sample cannot be made up for: it is taken on time, waits in memory, and is sent with the others."""
    sink, now, taken = ListWriter(), [0.0], [0]
    journal = SqliteJournal(tmp_path / "journal.sqlite")

    def take() -> list[CollectorSampled]:
        taken[0] += 1
        return [CollectorSampled(at=float(taken[0]), facts=CollectorFacts(), readers=())]

    sink.refusing = True
    nothing: Any = None
    worker = SinkWorker("test", lambda _: nullcontext(()), lambda: nothing, lambda: now[0])
    worker.states = [StreamState(Samples(PointSink(sink), "samples", journal, take))]
    for _ in range(5):
        worker.turn(PATH)
        now[0] += 0.01  # well within the first pause
    assert worker.failing
    assert sink.points == []
    sink.refusing = False
    now[0] += 60.0
    worker.turn(PATH)
    assert [point.time_ns // 10**9 for point in sink.points] == [1, 2, 3, 4, 5, 6]
    assert not any(state.failures for state in worker.states)
    journal.close()
