"""From changes to points: the only place that knows the names of measurements, tags and fields.

Pure. docs/storage.md lists what is here; dashboards read it. The rules of the subset that InfluxDB 1.8, 2.x and 3 all
take: no measurement is called ``measurement``, no tag and field share a name, truth is 0 or 1, a field keeps one type
for ever, and names, addresses and hashes of the internet are fields, never tags. What a second judgement may change is
no tag either, so that a replay overwrites. Must not live here: escaping (line_protocol.py) or sending.
"""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from balise_collector.conclude.liveness import STATES, Liveness
from balise_collector.experiments import POINTS
from balise_collector.fleet.members import Member
from balise_collector.incidents.findings import Finding
from balise_collector.incidents.model import Incident, IncidentState
from balise_collector.journal import EventRow, HealthRow
from balise_collector.judge.trials import direct
from balise_collector.judge.verdict import RateRatio, Verdict, VerdictState
from balise_collector.sinks.changes import (
    Change,
    CollectorSampled,
    EventReported,
    HealthReported,
    IncidentRevised,
    ProbeSampled,
    VerdictWritten,
    WindowSummed,
)
from balise_collector.sinks.facts import CellFacts, CollectorFacts, ReaderFacts
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.timings import TAILS, TIMES, times_of
from balise_collector.system.harmless import printable
from balise_collector.words import wording
from balise_collector.words.report import doubt
from balise_collector.words.translation import ENGLISH
from balise_collector.words.wording import join_words
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

VERDICT: Final = "balise_verdict"
HEALTH: Final = "balise_health"
FLEET: Final = "balise_fleet"
INCIDENT: Final = "balise_incident"
UNCONFIRMED: Final = "balise_unconfirmed"
ANNOTATION: Final = "balise_annotation"
EVENT: Final = "balise_event"
PROBE_EVENT: Final = "balise_probe_event"
COLLECTOR: Final = "balise_collector"
CURSOR: Final = "balise_cursor"
DROPPED: Final = "balise_dropped"
ROLLUP: Final = "balise_rollup"

STATE_CODES: Final = {
    VerdictState.OK: 0,
    VerdictState.INSUFFICIENT: 1,
    VerdictState.DOWN: 2,
    VerdictState.SERVER_SIDE: 3,
    VerdictState.THROTTLED: 4,
    VerdictState.BLOCKED: 5,
}
"""The greatest of several shows trouble before grey, and grey before green."""

_Fields = dict[str, str | int | float | None]
_LATEST: Final = 1e11
"""UNIX seconds (of the year 5138) that no clock tells; a probe may send any number."""


def points_of(change: Change) -> list[Point]:
    """Return what a change is to a dashboard."""
    match change:
        case VerdictWritten():
            return _verdict_points(change)
        case IncidentRevised(incident=incident, noted_at=noted_at, told=told):
            points = incident_points(change.finding, noted_at, told[:-1]) if change.finding is not None else []
            return points if incident.confirmed else [*points, unconfirmed_point(incident, noted_at)]
        case HealthReported(row=row, member=member):
            return [health_point(row, member)]
        case EventReported():
            return [probe_event_point(change.row, change.member)]
        case ProbeSampled():
            return [fleet_point(change.member, change.liveness, change.health, change.software, change.at)]
        case CollectorSampled(facts=facts, readers=readers, at=at):
            return collector_points(facts, readers, at)
        case WindowSummed(cell=cell, window=window, began=began):
            return [rollup_point(cell, window, began)]


# ---------------------------------------------------------------- verdicts


def _verdict_points(change: VerdictWritten) -> list[Point]:
    """Return the point of a verdict, and what its experiment tells beside it."""
    verdict, measurement = change.verdict, change.measurement
    points = [verdict_point(verdict, measurement, change.seq)]
    own = own_point(measurement, verdict.probe, change.seq) if measurement is not None else None
    return points if own is None else [*points, own]


def verdict_point(verdict: Verdict, measurement: Measurement | None, seq: int) -> Point:
    """Return the point of one verdict, with the timings of its measurement where that is at hand.

    ``seq`` (its place in the journal) takes the nanoseconds below a microsecond, so that two targets of one role that
    were measured at once stay two points.
    """
    network = verdict.network
    fields: _Fields = {
        "design": verdict.design.value,
        "host": measurement.host if measurement else None,
        "id": verdict.measurement,
        "mechanism": verdict.mechanism.value if verdict.mechanism else None,
        **_rate(verdict.rate),
        "rule": verdict.rule,
        "score": verdict.score,
        "state": verdict.state.value,
        "state_code": STATE_CODES[verdict.state],
        "target": verdict.target,
        **{f"is_{state.value}": int(verdict.state is state) for state in VerdictState},
        **(_trials(measurement) if measurement else {}),
    }
    tags = {
        "access": network.access.value,
        "asn": str(network.asn),
        "country": network.country,
        "family": str(verdict.family),
        "layer": verdict.layer.value,
        "probe": verdict.probe,
        "reference": "yes" if verdict.reference else "no",
        "role": verdict.role.value,
        "service": verdict.service,
    }
    return _point(VERDICT, tags, fields, round(verdict.at * 1e6) * 1000 + seq % 1000)


def _trials(measurement: Measurement) -> _Fields:
    """Return what the arms saw: how many trials failed on each side, and the newest subject trial's times."""
    subjects = [trial for trial in measurement.observations if trial.arm is Arm.SUBJECT]
    controls = [trial for trial in direct(measurement.observations) if trial.arm not in {Arm.SUBJECT, Arm.UNKNOWN}]
    reached = [trial.elapsed_ms for trial in controls if trial.failure is None]
    own = [trial for trial in subjects if not trial.carried]
    return {
        "control_ms": float(median(reached)) if reached else None,
        "controls_failed": sum(trial.failure is not None for trial in controls),
        "controls_tried": len(controls),
        "subjects_failed": sum(trial.failure is not None for trial in subjects),
        "subjects_tried": len(subjects),
        **(times_of(own[-1]) if own else {}),
    }


def own_point(measurement: Measurement, probe: str, seq: int) -> Point | None:
    """Return what a measurement's experiment tells beside its verdict; ``None`` where that is nothing."""
    told = POINTS[measurement.experiment].own(measurement) if measurement.experiment in POINTS else None
    if told is None:
        return None
    network = measurement.network
    tags = {
        "access": network.access.value,
        "asn": str(network.asn),
        "country": network.country,
        "probe": probe,
    }
    return _point(told.name, tags, dict(told.fields), round(told.at * 1e6) * 1000 + seq % 1000)


# ---------------------------------------------------------------- the fleet


def health_point(row: HealthRow, member: Member | None) -> Point:
    """Return the point of one health report, dated when it was received: the probe's clock may be what is ill.

    What the probe does not know is left out, never zero.
    """
    health = row.health
    fields: _Fields = {
        "clock": health.clock_state.value,
        "clock_offset_ms": health.clock_offset_ms,
        "clock_ok": int(health.clock_state.vouched),
        "cpu_percent": health.cpu_percent,
        "disk_free_bytes": health.disk_free_bytes,
        "disk_written_bytes": health.disk_written_bytes,
        "excess_bytes_today": health.excess_bytes_today,
        "measurements": health.measurements,
        "memory_bytes": health.memory_bytes,
        "own_failures": health.own_failures,
        "received_bytes_today": health.received_bytes_today,
        "sent_bytes_today": health.sent_bytes_today,
        "spool_oldest_s": health.spool_oldest_s,
        "spool_rows": health.spool_rows,
        "tap_drops": health.tap_drops,
        "temperature_c": health.temperature_c,
        "throttled": _truth(health.throttled),
        "undervoltage": _truth(health.undervoltage),
        "uptime_s": health.uptime_s,
    }
    return _point(HEALTH, {"probe": row.probe, **_place(member)}, fields, _received_ns(row))


def _received_ns(row: HealthRow | EventRow) -> int:
    """Return when a row was received, nanoseconds; rows that were taken in together differ below the microsecond.

    Points of one series and one time are one point, and the later one would take the place of the earlier.
    """
    return round(row.received_at * 1e6) * 1000 + row.no % 1000


def probe_event_point(row: EventRow, member: Member | None) -> Point:
    """Return the point of one event that a probe told of itself, dated when it was received."""
    fields: _Fields = {
        "at_ms": round(row.event.at * 1000.0) if abs(row.event.at) < _LATEST else None,
        "detail": printable(row.event.detail) or None,
        "n": 1,
    }
    tags = {"kind": row.event.kind.value, "probe": row.probe, **_place(member)}
    return _point(PROBE_EVENT, tags, fields, _received_ns(row))


def fleet_point(member: Member, now: Liveness, health: HealthRow | None, software: str, at: float) -> Point:
    """Return the point of how one probe stands at ``at`` (UNIX seconds)."""
    fields: _Fields = {
        "clock_skew_s": now.clock_skew,
        "is_alive": int(now.alive),
        "is_clock_wrong": int(now.clock_wrong),
        "last_seen": None if now.last_seen is None else round(now.last_seen * 1000.0),
        "last_seen_s": None if now.last_seen is None else max(0.0, at - now.last_seen),
        "queue_age_s": health.health.spool_oldest_s if health else None,
        "queue_rows": health.health.spool_rows if health else None,
        "software": software or None,
        "state": now.state,
        "state_code": STATES.index(now.state),
        "why": now.why,
    }
    tags = {
        "access": member.network.access.value,
        "kind": member.role.value,
        "probe": member.id,
        **_place(member),
    }
    return _point(FLEET, tags, fields, round(at * 1e6) * 1000)


def _place(member: Member | None) -> dict[str, str]:
    return {"asn": str(member.network.asn), "country": member.network.country} if member else {}


# ---------------------------------------------------------------- incidents


def incident_points(incident: Finding, noted_at: float, said: Sequence[Finding]) -> list[Point]:
    """Return what one revision of a finding is: its own point, the annotation, and an event where one happened.

    Args:
        incident: the revision.
        noted_at: UNIX seconds when it was said.
        said: what was told of it before, oldest first; the annotation keeps the place of the first, so that later ones
            overwrite it.
    """
    first, before = (said[0], said[-1]) if said else (incident, None)
    tags = {"country": incident.country, "kind": incident.kind.value, "service": incident.service}
    when = round(noted_at * 1e6) * 1000 + incident.revision % 1000
    title, text, labels = _words(incident)
    told: _Fields = {"id": incident.id, "labels": labels, "text": text, "title": title}
    is_open = int(incident.closed_at is None and incident.state is not IncidentState.WITHDRAWN)
    annotation: _Fields = {
        **told,
        "end_ms": round((incident.end.latest if incident.end else noted_at) * 1000.0),
        "is_open": is_open,
        "is_withdrawn": int(incident.state is IncidentState.WITHDRAWN),
        "start_ms": round(incident.onset.latest * 1000.0),
    }
    return [
        _point(INCIDENT, tags, {**_incident_fields(incident), "is_open": is_open, "text": text}, when),
        _point(ANNOTATION, tags, annotation, round(first.onset.latest * 1e6) * 1000 + _spread(first.id)),
        _point(EVENT, {**tags, "change": _change(incident, before)}, {**told, "n": 1}, when + _spread(incident.id)),
    ]


def unconfirmed_point(incident: Incident, noted_at: float) -> Point:
    """Return the point of a revision that no second witness confirms.

    It has a measurement of its own, without annotation or event, so that no dashboard, alert or mark of incidents can
    tell it as one: whoever wants it asks for it by name.
    """
    tags = {"country": incident.country, "kind": incident.kind.value, "service": incident.service}
    gone = incident.state is IncidentState.WITHDRAWN
    fields: _Fields = {**_incident_fields(incident), "is_open": int(incident.closed_at is None and not gone)}
    said = round(noted_at * 1e6) * 1000 + incident.revision % 1000 + _spread(incident.id)
    return _point(UNCONFIRMED, tags, fields, said)


def _incident_fields(incident: Incident) -> _Fields:
    """Return the numbers and words of one revision."""
    scope, end = incident.scope, incident.end
    return {
        "affected_probes": scope.affected_probes,
        "affected_providers": len(scope.affected),
        "clean_providers": len(scope.clean),
        "duration_s": end.latest - incident.onset.latest if end else None,
        "ended_ms": round(end.latest * 1000.0) if end else None,
        "ended_s": end.latest if end else None,
        "evidence": ",".join(incident.evidence[:5]) or None,
        "grade": incident.grade or None,
        "id": incident.id,
        "link": f"/incident/{incident.id}",
        "locality": incident.locality.value,
        "measured_probes": scope.measured_probes,
        "mechanisms": ",".join(share.mechanism.value for share in incident.mechanisms) or None,
        "not_measured_providers": len(scope.not_measured),
        "onset_earliest_s": incident.onset.earliest,
        "onset_ms": round(incident.onset.latest * 1000.0),
        "onset_s": incident.onset.latest,
        "providers": ",".join(f"AS{asn}" for asn in scope.affected) or None,
        "references_failed": incident.references.failed,
        "references_ok": incident.references.ok,
        "revision": incident.revision,
        "roles": ",".join(role.value for role in incident.roles) or None,
        "score": incident.score,
        "state": incident.state.value,
    }


def _rate(seen: RateRatio | None) -> _Fields:
    """Return how fast a subject was beside its control; nothing where no rate was measured."""
    if seen is None:
        return {}
    return {
        "rate_control_kbps": seen.control_kbps,
        "rate_kbps": seen.kbps,
        "rate_ratio": seen.ratio,
        "rate_ratio_high": seen.high,
        "rate_ratio_low": seen.low,
        "rate_up": int(seen.up),
    }


def _words(incident: Incident) -> tuple[str, str, str]:
    """Return an incident's title, its text, and its labels: what was measured, never who did it."""
    words = ENGLISH
    title = f"{incident.service}: {wording.what([incident], words)} ({incident.country})"
    parts = [
        join_words(wording.role(role, words) for role in incident.roles),
        join_words(wording.mechanism(share.mechanism, words) for share in incident.mechanisms),
        f"{len(incident.scope.affected)} providers, {incident.scope.affected_probes} probes",
        wording.locality(incident.locality, words),
        f"grade {incident.grade}" if incident.grade else "no grade",
        doubt(words) if incident.doubtful else "",
        incident.state.value,
    ]
    return title, "; ".join(part for part in parts if part), f"{incident.kind},{incident.service},{incident.country}"


def _change(incident: Incident, before: Incident | None) -> str:
    """Return what this revision did to the incident."""
    if incident.state is IncidentState.WITHDRAWN:
        return "withdrawn"
    if before is None:
        return "opened"
    return "closed" if incident.closed_at is not None and before.closed_at is None else "changed"


def _spread(incident_id: str) -> int:
    """Return nanoseconds that keep two incidents of one country, service, kind and moment two points."""
    return int.from_bytes(incident_id.encode()[-2:], "big") % 1000


# ---------------------------------------------------------------- the collector itself


def collector_points(facts: CollectorFacts, readers: Iterable[ReaderFacts], at: float) -> list[Point]:
    """Return how the collector does at ``at`` (UNIX seconds), and how far each of its readers has come."""
    when = round(at * 1e6) * 1000
    fields: _Fields = {name: getattr(facts, name) for name in facts.__struct_fields__}
    points = [_point(COLLECTOR, {}, fields, when)]
    for reader in readers:
        lag: _Fields = {
            "head": reader.head,
            "lag_rows": max(0, reader.head - reader.position),
            "position": reader.position,
        }
        points.append(_point(CURSOR, {"reader": reader.name}, lag, when))
    return points


def dropped_point(bucket: str, count: int, reason: str, at: float) -> Point:
    """Return the point that owns up to points a server refused for good."""
    return _point(DROPPED, {"bucket": bucket}, {"n": count, "reason": reason}, round(at * 1e6) * 1000)


# ---------------------------------------------------------------- roll-ups


def rollup_point(cell: CellFacts, window: str, began: float) -> Point:
    """Return the point of one cell in one window (``5m``, ``1h``) that began at ``began`` (UNIX seconds)."""
    fields: _Fields = {
        **{f"n_{state.value}": cell.counts.get(state, 0) for state in VerdictState},
        "probes": cell.probes,
        "state": cell.state.value,
        "state_code": STATE_CODES[cell.state],
        "verdicts": sum(cell.counts.values()),
        **cell.times,
    }
    tags = {
        "access": cell.access,
        "asn": str(cell.asn),
        "country": cell.country,
        "family": str(cell.family),
        "layer": cell.layer,
        "reference": "yes" if cell.reference else "no",
        "role": cell.role,
        "service": cell.service,
        "window": window,
    }
    return _point(ROLLUP, tags, fields, round(began) * 10**9)


# ---------------------------------------------------------------- one type each

FLOATS: Final = frozenset(
    {
        "clock_offset_ms", "clock_skew_s", "control_ms", "cpu_percent", "duration_s", "ended_s", "judge_lag_s",
        "last_seen_s", "onset_earliest_s", "onset_s", "queue_age_s", "rate_control_kbps", "rate_kbps", "rate_ratio",
        "rate_ratio_high", "rate_ratio_low", "score", "spool_oldest_s", "temperature_c",
        "uptime_s",
        *TIMES, *(f"{name}_median" for name in TIMES), *(f"{name}_p95" for name in TAILS),
        *(name for points in POINTS.values() for name in points.floats),
    }
)  # fmt: skip
"""Fields that are floats also where a message says 12 and not 12.0: a conflict of types drops the point."""


def _truth(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _point(measurement: str, tags: dict[str, str], fields: _Fields, time_ns: int) -> Point:
    """Sort, leave out what is unknown, and keep each field to its one type."""
    return Point(
        measurement,
        tuple(sorted((name, value) for name, value in tags.items() if value)),
        tuple(
            sorted(
                (name, float(value) if name in FLOATS else value) for name, value in fields.items() if value is not None
            )
        ),
        time_ns,
    )
