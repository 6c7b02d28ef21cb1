"""Streams: every sink gets every change once, in order, and again where a judgement changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.journal import Batch
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks import SinkError
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.sink import PointSink
from balise_collector.sinks.streams import EVENTS, Conclusions, Rows, Sources
from balise_wire.status import Event, EventKind
from tests.collector.afternoon import Afternoon
from tests.collector.field_probe import FieldProbe

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


@pytest.mark.slow
def test_a_sink_gets_everything_once_and_again_after_a_second_judgement_or_a_replay(
    tmp_path: Path, afternoon: Afternoon
) -> None:
    """A sink that was away misses nothing; a verdict that changed is sent again as the same point."""
    afternoon.slots = 16
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    store = SqliteStore(tmp_path / "derived.sqlite", SqliteJournal(tmp_path / "journal.sqlite"))
    sent = afternoon.fill(journal)
    fleet = Fleet.of(p.member for p in afternoon.probes)
    around = OperatorContext(fleet=fleet, catalogue=catalogue.load(catalogue.default_folder()))
    reader = JournalReader(journal, store, around)
    while reader.follow(afternoon.start + 17 * 300.0):
        pass
    sink = ListWriter()
    sink.refusing = True
    stream = Conclusions(PointSink(sink), "list", Sources(store, journal))
    with pytest.raises(SinkError):
        stream.step()
    sink.refusing = False
    while stream.step():
        pass
    verdicts = [point for point in sink.points if point.measurement == "balise_verdict"]
    assert len({(point.tags, point.time_ns) for point in verdicts}) == sent
    assert any(point.measurement == "balise_incident" for point in sink.points)
    seq, verdict = store.numbered_verdicts()[0]
    store.save_verdicts([(seq, msgspec.structs.replace(verdict, rule="tcp.again"))])
    assert stream.step() == 1
    assert dict(sink.points[-1].fields)["rule"] == "tcp.again"
    assert (sink.points[-1].tags, sink.points[-1].time_ns) in {(p.tags, p.time_ns) for p in verdicts}
    sink.points.clear()
    draft = SqliteStore(tmp_path / "draft.sqlite")
    again = JournalReader(journal, draft, around)
    while again.follow(afternoon.start + 17 * 300.0):
        pass
    # The same changes under the same numbers: only the generation tells that they are to be sent again.
    draft.save_progress(draft.progress(), {"generation": b"7"}, (), afternoon.start)
    store.replace_with(draft)
    while stream.step():
        pass
    assert len([point for point in sink.points if point.measurement == "balise_verdict"]) == sent
    assert stream.step() == 0
    draft.close()
    store.close()
    journal.close()


def test_every_event_of_a_probe_flows_once(tmp_path: Path, probe: FieldProbe) -> None:
    """Also after the sink was away; its cursor is its own."""
    journal, store = SqliteJournal(tmp_path / "journal.sqlite"), SqliteStore(tmp_path / "derived.sqlite")
    events = [Event(kind=EventKind.LINK_UNUSABLE, at=float(n), detail=f"n{n}") for n in range(150)]
    batch = Batch(
        probe=probe.id, public_key=probe.public_hex, sent_at=5.0, frame=b"",
        events=tuple(msgspec.json.encode(event) for event in events),
    )  # fmt: skip
    journal.append([batch], (), (), 7.0)
    sink = ListWriter()
    stream = Rows(EVENTS, PointSink(sink), "list-events", Sources(store, journal), lambda: Fleet.of([probe.member]))
    sink.refusing = True
    with pytest.raises(SinkError):
        stream.step()
    sink.refusing = False
    while stream.step():
        pass
    assert [dict(point.fields)["detail"] for point in sink.points] == [f"n{n}" for n in range(150)]
    assert len({(point.tags, point.time_ns) for point in sink.points}) == 150
    assert stream.readers() == [("list-events", 150, 150)]
    assert stream.step() == 0
