"""Whatever a probe can say goes from validate to the pages without one exception of ours, and ends no thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_collector.conclude.inference import Inference, OperatorContext
from balise_collector.conclude.store import Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.intake.believable import unbelievable
from balise_collector.intake.validate import Accepted, Quarantined, validate
from balise_collector.journal import HealthRow, JournalRow
from balise_collector.pages.views.evidence import exhibit
from balise_collector.sinks.influx.line_protocol import lines_of
from balise_collector.sinks.influx.points import health_point, own_point, verdict_point
from balise_collector.sinks.rollup import Window
from balise_collector.sinks.timings import timings
from balise_wire.envelope import Kind
from balise_wire.measurement import Measurement
from balise_wire.status import Event, Health
from balise_wire.topics import Leaf, ProbeTopic
from balise_wire.words import ClockState, ProbeRole
from tests.collector.field_probe import FieldProbe
from tests.testbed.neighbours import beside

settings_of_fuzz = settings.get_profile("balise-fuzz")
NOW = 1_589_733_000.0
anything = beside(__file__, "anything")


@cache
def services() -> Catalogue:
    """Return the shipped catalogue, read once for all examples."""
    return catalogue.load(catalogue.default_folder())


class Chain:
    """Everything a believed measurement goes through, on one journal's worth of memory."""

    def __init__(self, fleet: Fleet, store: Store) -> None:
        self.inference = Inference(OperatorContext(fleet=fleet, catalogue=services()))
        self.store = store
        self.seq = 0
        self.now = NOW

    def carry(self, probe: str, measurement: Measurement, clock_state: ClockState = ClockState.SYNCED) -> None:
        """Judge, detect, tell, store, point out and show one measurement; then let five minutes pass."""
        self.seq += 1
        row = JournalRow(
            seq=self.seq, received_at=self.now, probe=probe, sent_at=self.now, clock_state=clock_state,
            historical=False, measurement=measurement,
        )  # fmt: skip
        concluded = self.inference.take(row)
        for _ in range(5):
            self.now += 60.0
            self.inference.step(self.now, (), [(NOW - 60.0, self.now)])
        self.inference.learn()
        if concluded is None:
            return
        seq, verdict = concluded
        self.store.save_verdicts([concluded], self.inference.faults)
        points = [verdict_point(verdict, measurement, seq), own_point(measurement, probe, seq)]
        assert lines_of(point for point in points if point is not None)
        window = Window()
        window.add(verdict, timings(measurement))
        assert window.cells()
        assert exhibit(row, verdict).id == measurement.id


@pytest.fixture(scope="module")
def fleet(make_module_probe: Callable[..., FieldProbe]) -> tuple[Fleet, Any, Any]:
    """Return a fleet of one probe and one reference, and the two."""
    probe, reference = make_module_probe(), make_module_probe()
    reference.id, reference.country, reference.role = "refde001", "DE", ProbeRole.REFERENCE
    return Fleet.of([probe.member, reference.member]), probe, reference


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Return a store for a whole module: what one example leaves behind is the next one's past."""
    opened = SqliteStore(tmp_path_factory.mktemp("anything") / "derived.sqlite")
    yield opened
    opened.close()


@pytest.mark.slow
@given(data=st.data(), by_reference=st.booleans())
@settings(settings.get_profile("balise-fuzz-chain"))
def test_what_is_believed_raises_nothing_anywhere(
    fleet: tuple[Fleet, Any, Any], store: Store, data: st.DataObject, by_reference: bool
) -> None:
    """What validate lets in is judged, counted, told, stored and shown with no fault set aside."""
    members, probe, reference = fleet
    sender = reference if by_reference else probe
    odd = data.draw(st.lists(anything.believed_measurement(NOW, sender.network), min_size=1, max_size=3))
    absurd = data.draw(st.lists(anything.any_measurement(NOW), max_size=1))
    outcome = validate(ProbeTopic(sender.id, Leaf.MEASUREMENT), sender.batch(*odd, *absurd), members, NOW)
    assert isinstance(outcome, Accepted)
    assert all(rejection.reason for rejection in outcome.rejected)
    chain = Chain(members, store)
    for _, measurement in outcome.measurements:
        chain.carry(sender.id, measurement)
    assert chain.inference.faults.drain() == []


@pytest.mark.slow
@given(data=st.data())
@settings(settings.get_profile("balise-fuzz-chain"))
def test_the_edges_of_what_is_believed_are_believed(fleet: tuple[Fleet, Any, Any], data: st.DataObject) -> None:
    """The example above tries the chain, not only the gate: what lies within every bound passes validate."""
    measurement = data.draw(anything.believed_measurement(NOW, fleet[1].network))
    assert unbelievable(measurement) == ""


@pytest.mark.slow
@given(said=st.lists(anything.any_measurement(NOW), min_size=1, max_size=2), by_reference=st.booleans())
@settings(settings_of_fuzz)
def test_what_nobody_checked_ends_nothing_either(
    fleet: tuple[Fleet, Any, Any], said: list[Measurement], by_reference: bool
) -> None:
    """Where validate let something through, the row is set aside with where and why, and the next one is judged."""
    members, probe, reference = fleet
    sender = reference if by_reference else probe
    chain = Inference(OperatorContext(fleet=members, catalogue=services()))
    last = None
    for seq, measurement in enumerate([*said, probe.measurement(NOW)], 1):
        last = chain.take(
            JournalRow(
                seq=seq, received_at=NOW, probe=sender.id, sent_at=NOW, clock_state=ClockState.SYNCED,
                historical=False, measurement=measurement,
            )
        )  # fmt: skip
        chain.step(NOW + seq * 60.0, (), [(NOW, NOW + 1e6)])
        chain.learn()
    assert last is not None
    assert all(fault.place and fault.error for fault in chain.faults.drain())


@given(body=st.lists(st.builds(Event, kind=st.text(max_size=30), at=st.floats(), detail=st.text(max_size=50))))
@settings(settings_of_fuzz)
def test_events_of_any_kind_are_sorted(fleet: tuple[Fleet, Any, Any], body: list[Any]) -> None:
    """An event of any kind, time and text is taken or refused with a reason."""
    members, probe, _ = fleet
    frame = probe.seal(probe.envelope(msgspec.json.encode(body), kind=Kind.EVENT))
    outcome = validate(ProbeTopic(probe.id, Leaf.EVENT), frame, members, NOW)
    assert isinstance(outcome, Accepted) or outcome.reason


@pytest.mark.slow
@given(data=st.data())
@settings(settings_of_fuzz)
def test_health_of_any_size_is_sorted(fleet: tuple[Fleet, Any, Any], data: st.DataObject) -> None:
    """A health report with any figures is taken and can be written down, or refused with a reason."""
    members, probe, _ = fleet
    health = data.draw(anything.of(Health, NOW))
    frame = probe.seal(probe.envelope(msgspec.json.encode(health), kind=Kind.HEALTH))
    outcome = validate(ProbeTopic(probe.id, Leaf.HEALTH), frame, members, NOW)
    if isinstance(outcome, Quarantined):
        assert outcome.reason
        return
    assert outcome.health is not None
    row = HealthRow(no=1, received_at=NOW, probe=probe.id, health=outcome.health)
    assert lines_of([health_point(row, probe.member)])


@pytest.mark.real_data
def test_what_real_agents_report_is_believed(shared_data: Path) -> None:
    """Every measurement that the agent's own plans reported over real packets passes."""
    seen = 0
    for file in sorted((shared_data / "field" / "measurements").glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            assert unbelievable(msgspec.json.decode(line, type=Measurement)) == "", file.name
            seen += 1
    assert seen >= 40
