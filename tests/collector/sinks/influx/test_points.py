"""Points keep the rules that let one set of names live in InfluxDB 1.8, 2.x and 3."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.liveness import liveness_of
from balise_collector.incidents import Incident, IncidentKind, IncidentState, Interval
from balise_collector.incidents.findings import finding, told
from balise_collector.journal import EventRow, HealthRow
from balise_collector.judge import Verdict, VerdictState
from balise_collector.sinks.facts import CellFacts, CollectorFacts, ReaderFacts
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.points import (
    FLOATS,
    collector_points,
    dropped_point,
    fleet_point,
    health_point,
    incident_points,
    own_point,
    probe_event_point,
    rollup_point,
    unconfirmed_point,
    verdict_point,
)
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.status import Event, EventKind, Health
from balise_wire.words import Arm, Design, Experiment, Scope, TargetRole
from tests.collector.field_probe import FieldProbe

T = 1_589_733_000.0


def verdict_on(measurement: Any, state: VerdictState = VerdictState.OK) -> Verdict:
    """Return a verdict on a measurement."""
    return Verdict(
        measurement=measurement.id,
        probe="k7m2q9xd",
        network=measurement.network,
        service=measurement.service,
        role=measurement.role,
        target=measurement.target,
        layer=measurement.experiment,
        design=Design.SENTINEL,
        at=measurement.started,
        since=measurement.started,
        state=state,
        rule="tcp.ok",
    )


def told_by(probe: FieldProbe, **changes: Any) -> EventRow:
    """Return an event of a probe."""
    usual: dict[str, Any] = {"kind": EventKind.SPOOL_FULL, "at": T - 3, "detail": "3 batches let go"}
    return EventRow(no=5, received_at=T, probe=probe.id, event=Event(**{**usual, **changes}))


def test_what_a_probe_tells_is_dated_when_it_was_received_and_is_no_tag(probe: FieldProbe) -> None:
    """Its clock may be what it tells of, its words may be anybody's, and two events of one message stay two points."""
    first = probe_event_point(told_by(probe, at=1e300, detail="\x1b[2J"), probe.member)
    assert (first.time_ns // 1000, dict(first.tags)["kind"]) == (round(T * 1e6), "spool_full")
    assert dict(first.fields) == {"detail": "\N{REPLACEMENT CHARACTER}[2J", "n": 1}
    other = msgspec.structs.replace(told_by(probe), no=6)
    assert probe_event_point(other, probe.member).time_ns != first.time_ns
    stranger = probe_event_point(told_by(probe), None)
    assert dict(stranger.tags) == {"kind": "spool_full", "probe": probe.id}


def test_two_health_reports_that_were_taken_in_together_are_two_points(probe: FieldProbe) -> None:
    """A busy collector dates a whole group of messages with one time."""
    reports = [HealthRow(no=n, received_at=T, probe=probe.id, health=Health(at=T + n)) for n in (7, 8)]
    first, second = (health_point(report, probe.member).time_ns for report in reports)
    assert first != second
    assert first // 1000 == second // 1000 == round(T * 1e6)


@pytest.fixture
def all_points(probe: FieldProbe) -> list[Point]:
    """One point of every kind, from measurements of several layers."""
    trials = (
        TcpObservation(arm=Arm.SUBJECT, at=T, address="198.18.0.1", port=443, rtt_ms=12.0),
        TlsObservation(arm=Arm.SUBJECT, at=T, address="198.18.0.1", port=443, sni="a.example", connect_ms=3.0),
        HttpObservation(arm=Arm.SUBJECT, at=T, address="198.18.0.1", port=80, host="a.example", status=200),
    )
    measured = [probe.measurement(T, observations=(trial,)) for trial in trials]
    line = probe.measurement(
        T,
        experiment=Experiment.LINE,
        observations=(
            LineObservation(
                arm=Arm.SUBJECT,
                at=T,
                gateway_ok=True,
                controls=(ControlResult(name="a.example", scope=Scope.INTERNATIONAL, rtt_ms=30.0),),
            ),
        ),
    )
    incident = Incident(
        id="abc",
        kind=IncidentKind.INTERFERENCE,
        state=IncidentState.OPEN,
        country="PK",
        service="twitter",
        roles=(TargetRole.WEB,),
        onset=Interval(earliest=T, latest=T + 300),
        witnesses=2,
    )
    found = finding(incident)
    assert found is not None
    points = [verdict_point(verdict_on(m), m, n) for n, m in enumerate(measured)]
    line_one = own_point(line, probe.id, 4)
    assert line_one is not None
    report = HealthRow(no=1, received_at=T, probe=probe.id, health=Health(at=T, cpu_percent=12, throttled=False))
    now = liveness_of(None, T, report, T + 30, 900.0)
    cell = CellFacts(
        country="PK",
        asn=64501,
        access="fixed",
        service="twitter",
        role="web",
        family=4,
        layer="tcp",
        reference=False,
        counts={VerdictState.OK: 3},
        state=VerdictState.OK,
        probes=2,
        times={"rtt_ms_median": 40.0},
    )
    return [
        *points,
        line_one,
        health_point(report, probe.member),
        probe_event_point(told_by(probe), probe.member),
        fleet_point(probe.member, now, report, "0.1.0", T),
        *incident_points(found, T + 600, ()),
        unconfirmed_point(incident, T + 600),
        *collector_points(CollectorFacts(received_rows=3), [ReaderFacts(name="judge", position=3, head=5)], T),
        rollup_point(cell, "5m", T),
        dropped_point("balise", 1, "too old", T),
    ]


def test_names_are_portable(all_points: list[Point]) -> None:
    """No measurement is called measurement, no tag and field share a name, order is sorted, values have one type."""
    for point in all_points:
        tags, fields = dict(point.tags), dict(point.fields)
        assert point.measurement != "measurement"
        assert not set(tags) & set(fields)
        assert list(tags) == sorted(tags)
        assert list(fields) == sorted(fields)
        assert fields
        assert not any(isinstance(value, bool) for value in fields.values())


def test_a_field_keeps_its_type_everywhere(all_points: list[Point]) -> None:
    """An integer here and a float there under one name would drop points."""
    types: dict[tuple[str, str], type] = {}
    for point in all_points:
        for name, value in point.fields:
            assert types.setdefault((point.measurement, name), type(value)) is type(value), name


def test_names_and_addresses_are_never_tags(all_points: list[Point]) -> None:
    """Every host ever measured would be a series of its own."""
    for point in all_points:
        assert not [value for _, value in point.tags if "example" in value or "198." in value or "twitter.com" in value]


def test_the_states_are_counted_with_sums(probe: FieldProbe) -> None:
    """Exactly one is_<state> is 1, so that a sum counts verdicts of a state."""
    for state in VerdictState:
        fields = dict(verdict_point(verdict_on(probe.measurement(), state), None, 1).fields)
        assert {name for name, value in fields.items() if name.startswith("is_") and value == 1} == {f"is_{state}"}


def test_two_targets_of_one_moment_stay_two_points(make_probe: Callable[..., FieldProbe]) -> None:
    """Same role, same microsecond: the place in the journal keeps them apart, and a repeat is the same point."""
    probe = make_probe()
    one, two = probe.measurement(T), probe.measurement(T)
    times = {verdict_point(verdict_on(m), m, seq).time_ns for seq, m in ((7, one), (8, two))}
    assert len(times) == 2
    assert verdict_point(verdict_on(one), one, 7) == verdict_point(verdict_on(one), one, 7)
    assert min(times) // 1000 == round(T * 1e6)


def test_nothing_that_a_judgement_may_change_is_a_tag(probe: FieldProbe) -> None:
    """A verdict that is judged again, or an incident that closes, overwrites: it leaves no second point behind."""
    measured = probe.measurement(T)
    places = {
        (p.tags, p.time_ns) for p in (verdict_point(verdict_on(measured, state), measured, 1) for state in VerdictState)
    }
    assert len(places) == 1


def incident_of(revision: int, **changes: Any) -> Incident:
    """Return a revision of one incident."""
    usual: dict[str, Any] = {
        "id": "abc",
        "kind": IncidentKind.INTERFERENCE,
        "state": IncidentState.OPEN,
        "country": "PK",
        "service": "twitter",
        "roles": (TargetRole.WEB,),
        "onset": Interval(earliest=T, latest=T + 300),
        "revision": revision,
        "witnesses": 3,
        "grade": "B",
    }
    return Incident(**{**usual, **changes})


def test_an_incident_opens_and_closes_as_events_and_keeps_one_annotation() -> None:
    """The annotation stays where the first revision put it, and says its end; the events say what happened when."""
    first = incident_of(1)
    moved = incident_of(2, onset=Interval(earliest=T, latest=T + 100))
    ended = incident_of(3, state=IncidentState.CLOSED, closed_at=T + 9000, end=Interval(earliest=T, latest=T + 8000))
    gone = incident_of(4, state=IncidentState.WITHDRAWN)
    revisions = [one for _, one in told([(T + 600 * n, one) for n, one in enumerate([first, moved, ended, gone])])]
    said = [incident_points(one, T + 600 * n, revisions[:n]) for n, one in enumerate(revisions)]
    assert [dict(event.tags)["change"] for _, _, event in said] == ["opened", "changed", "closed", "withdrawn"]
    assert len({(annotation.tags, annotation.time_ns) for _, annotation, _ in said}) == 1
    assert [dict(annotation.fields)["is_open"] for _, annotation, _ in said] == [1, 1, 0, 0]
    assert dict(said[2][1].fields)["end_ms"] == (T + 8000) * 1000
    assert dict(said[3][1].fields)["is_withdrawn"] == 1
    assert "blocked" in str(dict(said[0][2].fields)["title"])


def test_every_float_is_one_by_its_name(all_points: list[Point]) -> None:
    """A field that is a float anywhere is in the list that makes it one everywhere."""
    for point in all_points:
        for name, value in point.fields:
            assert isinstance(value, float) == (name in FLOATS), name


def test_the_document_names_every_measurement_tag_and_field(all_points: list[Point], repo_root: Path) -> None:
    """docs/storage.md is the contract that dashboards are built against."""
    text = (repo_root / "docs" / "storage.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[\w]+", text))
    said = {point.measurement for point in all_points}
    said |= {name for point in all_points for name, _ in (*point.tags, *point.fields)}
    assert not said - words
