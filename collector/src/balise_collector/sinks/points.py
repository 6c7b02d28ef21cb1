"""From verdicts, measurements, health and incidents to points: the only place that knows their names.

Pure. The rules of the subset that InfluxDB 1.8, 2.x and 3 all take: no measurement is called ``measurement``, no tag
and field share a name, truth is 0 or 1, a field keeps one type for ever, and names, addresses and hashes of the
internet are fields, never tags. Must not live here: escaping (line_protocol.py) or sending.
"""

from typing import Final

from balise_collector.incidents.model import Incident
from balise_collector.judge.verdict import State, Verdict
from balise_collector.sinks import Point
from balise_wire.measurement import Measurement
from balise_wire.observations import DnsObservation, HttpObservation, LineObservation, TcpObservation, TlsObservation
from balise_wire.status import Health
from balise_wire.words import Arm

VERDICT: Final = "balise_verdict"
LINE: Final = "balise_line"
HEALTH: Final = "balise_health"
INCIDENT: Final = "balise_incident"

_Fields = dict[str, str | int | float | None]


def verdict_point(verdict: Verdict, measurement: Measurement | None, seq: int) -> Point:
    """Return the point of one verdict, with the timings of its measurement where that is at hand.

    ``seq`` (its place in the journal) takes the nanoseconds below a microsecond, so that two targets of one role that
    were measured at once stay two points.
    """
    network = verdict.network
    fields: _Fields = {
        "host": measurement.host if measurement else None,
        "id": verdict.measurement,
        "mechanism": verdict.mechanism.value if verdict.mechanism else None,
        "rule": verdict.rule,
        "score": float(verdict.score),
        "target": verdict.target,
        **{f"is_{state.value}": int(verdict.state is state) for state in State},
        **(_timings(measurement) if measurement else {}),
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
        "state": verdict.state.value,
    }
    return _point(VERDICT, tags, fields, round(verdict.at * 1e6) * 1000 + seq % 1000)


def _timings(measurement: Measurement) -> _Fields:
    """Return durations of the newest subject trial, in milliseconds, and its goodput in kbit/s."""
    subjects = [trial for trial in measurement.observations if trial.arm is Arm.SUBJECT and not trial.carried]
    if not subjects:
        return {}
    trial = subjects[-1]
    fields: _Fields = {"elapsed_ms": float(trial.elapsed_ms), "failure": trial.failure.value if trial.failure else None}
    if isinstance(trial, TcpObservation):
        fields["rtt_ms"] = trial.rtt_ms
    elif isinstance(trial, TlsObservation):
        fields["connect_ms"] = trial.connect_ms
    elif isinstance(trial, HttpObservation):
        fields.update(connect_ms=trial.connect_ms, goodput_kbps=trial.goodput_kbps, http_status=trial.status)
    elif isinstance(trial, DnsObservation):
        fields.update(answers=len(trial.answers), rtt_ms=trial.answers[0].rtt_ms if trial.answers else None)
    return fields


def line_point(measurement: Measurement, probe: str, seq: int) -> Point | None:
    """Return the point of a line measurement; ``None`` for any other."""
    trial = next((trial for trial in measurement.observations if isinstance(trial, LineObservation)), None)
    if trial is None:
        return None
    network = measurement.network
    times = [control.rtt_ms for control in trial.controls if control.rtt_ms is not None]
    fields: _Fields = {
        "captive": None if trial.captive is None else int(trial.captive),
        "clock_offset_ms": trial.clock_offset_ms,
        "controls_failed": sum(control.failure is not None for control in trial.controls),
        "controls_tried": len(trial.controls),
        "gateway_ok": None if trial.gateway_ok is None else int(trial.gateway_ok),
        "gateway_rtt_ms": trial.gateway_rtt_ms,
        "id": measurement.id,
        "loss": trial.loss,
        "resolver_ok": None if trial.resolver_ok is None else int(trial.resolver_ok),
        "rtt_ms": min(times) if times else None,
    }
    tags = {
        "access": network.access.value,
        "asn": str(network.asn),
        "clock": trial.clock_state.value,
        "country": network.country,
        "probe": probe,
    }
    return _point(LINE, tags, fields, round(trial.at * 1e6) * 1000 + seq % 1000)


def health_point(health: Health, probe: str) -> Point:
    """Return the point of one health report; what the probe does not know is left out, never zero."""
    fields: _Fields = {
        "clock_offset_ms": health.clock_offset_ms,
        "cpu_percent": health.cpu_percent,
        "disk_free_bytes": health.disk_free_bytes,
        "disk_written_bytes": health.disk_written_bytes,
        "measurements": health.measurements,
        "memory_bytes": health.memory_bytes,
        "own_failures": health.own_failures,
        "received_bytes_today": health.received_bytes_today,
        "sent_bytes_today": health.sent_bytes_today,
        "spool_oldest_s": health.spool_oldest_s,
        "spool_rows": health.spool_rows,
        "tap_drops": health.tap_drops,
        "temperature_c": health.temperature_c,
        "throttled": None if health.throttled is None else int(health.throttled),
        "undervoltage": None if health.undervoltage is None else int(health.undervoltage),
        "uptime_s": health.uptime_s,
    }
    return _point(HEALTH, {"clock": health.clock_state.value, "probe": probe}, fields, round(health.at * 1e6) * 1000)


def incident_point(incident: Incident, noted_at: float) -> Point:
    """Return the point of one revision of an incident, dated when it was said."""
    scope = incident.scope
    fields: _Fields = {
        "affected_probes": scope.affected_probes,
        "affected_providers": len(scope.affected),
        "clean_providers": len(scope.clean),
        "ended_s": float(incident.end.latest) if incident.end else None,
        "grade": incident.grade or None,
        "id": incident.id,
        "is_open": int(incident.closed_at is None),
        "locality": incident.locality.value,
        "measured_probes": scope.measured_probes,
        "mechanisms": ",".join(share.mechanism.value for share in incident.mechanisms) or None,
        "not_measured_providers": len(scope.not_measured),
        "onset_s": float(incident.onset.latest),
        "revision": incident.revision,
        "roles": ",".join(role.value for role in incident.roles) or None,
        "score": float(incident.score),
    }
    tags = {
        "country": incident.country,
        "kind": incident.kind.value,
        "service": incident.service,
        "state": incident.state.value,
    }
    return _point(INCIDENT, tags, fields, round(noted_at * 1e6) * 1000 + incident.revision % 1000)


_FLOATS: Final = frozenset(
    {
        "clock_offset_ms", "connect_ms", "cpu_percent", "elapsed_ms", "gateway_rtt_ms", "goodput_kbps", "loss",
        "rtt_ms", "spool_oldest_s", "temperature_c", "uptime_s",
    }
)  # fmt: skip
"""Fields that are floats also where a message says 12 and not 12.0: a conflict of types drops the point."""


def _point(measurement: str, tags: dict[str, str], fields: _Fields, time_ns: int) -> Point:
    """Sort, leave out what is unknown, and keep each field to its one type."""
    return Point(
        measurement,
        tuple(sorted((name, value) for name, value in tags.items() if value)),
        tuple(
            sorted(
                (name, float(value) if name in _FLOATS else value)
                for name, value in fields.items()
                if value is not None
            )
        ),
        time_ns,
    )
