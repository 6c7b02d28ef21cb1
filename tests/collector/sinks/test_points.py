"""Points keep the rules that let one set of names live in InfluxDB 1.8, 2.x and 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from balise_collector.incidents import Incident, IncidentKind, IncidentState, Interval
from balise_collector.judge import State, Verdict
from balise_collector.sinks import Point
from balise_collector.sinks.points import health_point, incident_point, line_point, verdict_point
from balise_wire.observations import ControlResult, HttpObservation, LineObservation, TcpObservation, TlsObservation
from balise_wire.status import Health
from balise_wire.words import Arm, Design, Experiment, Scope, TargetRole

T = 1_589_733_000.0


def verdict_on(measurement: Any, state: State = State.OK) -> Verdict:
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


@pytest.fixture
def all_points(probe: Any) -> list[Point]:
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
    )
    points = [verdict_point(verdict_on(m), m, n) for n, m in enumerate(measured)]
    line_one = line_point(line, probe.id, 4)
    assert line_one is not None
    return [*points, line_one, health_point(Health(at=T, cpu_percent=12), probe.id), incident_point(incident, T + 600)]


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


def test_the_states_are_counted_with_sums(probe: Any) -> None:
    """Exactly one is_<state> is 1, so that a sum counts verdicts of a state."""
    for state in State:
        fields = dict(verdict_point(verdict_on(probe.measurement(), state), None, 1).fields)
        assert {name for name, value in fields.items() if name.startswith("is_") and value == 1} == {f"is_{state}"}


def test_two_targets_of_one_moment_stay_two_points(make_probe: Callable[..., Any]) -> None:
    """Same role, same microsecond: the place in the journal keeps them apart, and a repeat is the same point."""
    probe = make_probe()
    one, two = probe.measurement(T), probe.measurement(T)
    times = {verdict_point(verdict_on(m), m, seq).time_ns for seq, m in ((7, one), (8, two))}
    assert len(times) == 2
    assert verdict_point(verdict_on(one), one, 7) == verdict_point(verdict_on(one), one, 7)
    assert min(times) // 1000 == round(T * 1e6)
