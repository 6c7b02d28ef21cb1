"""The result of a run: what was played, what was found, and whether it is what the scenario expects, as JSON.

Pure. Lives here: the shape of ``balise-lab run --json`` (docs/scenarios.md documents it). Must not live here: printing
(progress) or comparing (expect).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from balise_lab.compare.expect import Row
from balise_lab.compare.findings import FoundVerdict
from balise_lab.compare.influx_outage import Stored
from balise_lab.compare.tally import Counts
from balise_lab.scenario.schema import Disturbance, Scenario, Start, Stop

CarriedOut = Mapping[tuple[float, str], tuple[float, float]]
"""From when to when each entry of the timeline was in fact carried out, by its time and its box's id."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a run leaves."""

    scenario: Scenario
    clock: str
    """The value of BALISE_CLOCK that all programs had."""
    incidents: Sequence[Mapping[str, Any]]
    """As the collector gave them."""
    verdicts: Sequence[FoundVerdict]
    counters: Mapping[str, Mapping[str, int]]
    """Of each box, by id."""
    counts: Counts
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What went wrong with the lab itself, or came late."""
    cpu: Mapping[str, float] | None = None
    """Processor seconds of each program."""
    kills: tuple[Mapping[str, Any], ...] = ()
    """Programs that were killed on purpose, and when."""
    carried_out: CarriedOut = field(default_factory=dict)
    stored: Stored | None = None
    """What InfluxDB holds, where the run had one."""

    @property
    def ok(self) -> bool:
        """Whether everything expected was found."""
        return all(row.ok for row in self.rows)


def to_json(run: Run) -> bytes:
    """Return the result as JSON, indented for people."""
    return msgspec.json.format(msgspec.json.encode(result_of(run)), indent=2) + b"\n"


def result_of(run: Run) -> dict[str, Any]:
    """Return the result as plain objects; docs/scenarios.md names each key."""
    scenario = run.scenario
    return {
        "scenario": scenario.name,
        "summary": scenario.summary,
        "file": scenario.path,
        "ok": run.ok,
        "clock": {
            "variable": run.clock,
            "scale": scenario.scale,
            "zone": scenario.zone,
            "starts": utc(scenario.starts),
            "ends": utc(scenario.unix(scenario.ends)),
        },
        "truth": truth(scenario, run.carried_out),
        "changes": [{**asdict(one), "at": utc(scenario.unix(one.at))} for one in scenario.changes],
        "probes": [asdict(probe) for probe in scenario.probes],
        "verdicts": [_verdict(scenario, verdict) for verdict in run.verdicts],
        "incidents": [_incident(scenario, incident) for incident in run.incidents],
        "boxes": [_box(one, run.counters) for one in disturbances(scenario)],
        "expectations": [asdict(row) for row in run.rows],
        "counts": asdict(run.counts),
        "notes": list(run.notes),
        "warnings": list(scenario.warnings),
        "cpu_seconds": dict(run.cpu or {}),
        "kills": list(run.kills),
        "influx": asdict(run.stored) if run.stored else None,
    }


def _incident(scenario: Scenario, incident: Mapping[str, Any]) -> dict[str, Any]:
    """Return an incident as the collector told it, with its moments for people: ``onset_local``, ``end_local``."""
    times = {
        f"{name}_local": [
            scenario.local(edge - scenario.starts).isoformat(timespec="seconds") if edge is not None else None
            for edge in (incident[name].get("earliest"), incident[name]["latest"])
        ]
        for name in ("onset", "end")
        if incident.get(name)
    }
    return {**incident, **times}


def truth(scenario: Scenario, carried_out: CarriedOut) -> list[dict[str, Any]]:
    """Return what was really done, with UTC and local times."""
    return [_entry(scenario, entry, carried_out) for entry in scenario.timeline]


def _entry(scenario: Scenario, entry: Start | Stop, carried_out: CarriedOut) -> dict[str, Any]:
    """Return one entry of the timeline."""
    done = carried_out.get((entry.at, entry.id if isinstance(entry, Stop) else entry.disturbance.id))
    times = {
        "at": utc(scenario.unix(entry.at)),
        "at_local": scenario.local(entry.at).isoformat(),
        "carried_out": None if done is None else [scenario.unix(moment) for moment in done],
    }
    if isinstance(entry, Stop):
        return {**times, "action": "stop", "id": entry.id}
    return {**times, "action": "start", **_disturbance(entry.disturbance)}


def _disturbance(one: Disturbance) -> dict[str, Any]:
    """Return one disturbance."""
    return {
        "id": one.id,
        "kind": one.kind,
        "where": one.where,
        "isps": list(one.isps),
        "probes": list(one.probes),
        "match": [*one.hosts, *one.addresses],
        "settings": dict(one.settings),
    }


def _box(one: Disturbance, counters: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return one box with what it counted."""
    return {"id": one.id, "kind": one.kind, "where": one.where, "counters": dict(counters.get(one.id, {}))}


def disturbances(scenario: Scenario) -> list[Disturbance]:
    """Return every disturbance once, in the order they first start."""
    starts = [entry.disturbance for entry in scenario.timeline if isinstance(entry, Start)]
    return list({one.id: one for one in starts}.values())


def _verdict(scenario: Scenario, verdict: FoundVerdict) -> dict[str, Any]:
    """Return one verdict, flat, with times for people."""
    return {
        "probe": verdict.probe,
        "isp": next((isp.name for isp in scenario.isps if isp.asn == verdict.network.asn), ""),
        "asn": verdict.network.asn,
        "country": verdict.network.country,
        "reference": verdict.reference,
        "service": verdict.service,
        "role": verdict.role,
        "target": verdict.target,
        "layer": verdict.layer,
        "design": verdict.design,
        "at": utc(verdict.at),
        "at_local": scenario.local(verdict.at - scenario.starts).isoformat(),
        "since": utc(verdict.since),
        "state": verdict.state,
        "rule": verdict.rule,
        "mechanism": verdict.mechanism,
        "reason": verdict.reason,
    }


def utc(unix: float) -> str:
    """Return UNIX seconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(unix, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
