"""The alert rules: an incident, a silent probe, what a probe tells of trouble, a reader's lag, quarantine, clocks.

Lives here: what is asked, over which time, beyond which limit and for how long. Must not live here: whom it is told
(provisioning.py). Expressions name no ``$`` of their own: Grafana's provisioning would take it for the environment.
"""

from dataclasses import dataclass
from typing import Any, Final

from balise_collector.conclude.probe_events import LOOP, LOOP_SECONDS, TROUBLES
from balise_dashboards.board import uid
from balise_dashboards.influxql import Source
from balise_dashboards.names import COLLECTOR, CURSOR, FLEET, INCIDENT, PROBE_EVENT
from balise_wire.status import EventKind

GROUP: Final = "balise"
_AT_ONCE: Final = "|".join(sorted(kind.value for kind in TROUBLES - {EventKind.LINK_UNUSABLE}))
"""Kinds of events of which one is enough."""
DATASOURCE_UID: Final = "balise"
"""Rules have no variables: they ask the datasource that we provision."""


@dataclass(frozen=True)
class Alert:
    """One rule: the newest (or least) value of each series over a time, against a limit."""

    name: str
    title: str
    query: str
    seconds: int
    """How far back is asked."""
    reducer: str
    above: float
    lasting: str
    severity: str
    summary: str
    description: str
    board: str


ALERTS: Final = (
    Alert(
        "incident-opened",
        "Incident opened",
        Source(INCIDENT, (), ('"state" =~ /^(open|closed|withdrawn)$/',)).grouped(
            'last("is_open")', ("country", "service", "kind")
        ),
        30 * 86400,
        "last",
        0,
        "0s",
        "critical",
        "{{ .Labels.service }} in {{ .Labels.country }}: {{ .Labels.kind }}",
        "An incident was opened. Its dashboard has onset, scope and evidence; it resolves when the end is found.",
        "incident",
    ),
    Alert(
        "probe-silent",
        "Probe silent",
        Source(FLEET).binned('1 - last("is_alive")', ("country", "probe"), "none"),
        900,
        "last",
        0,
        "5m",
        "warning",
        "{{ .Labels.probe }} in {{ .Labels.country }} is silent",
        "An approved probe was not heard for longer than is allowed. The fleet's table says why, if it is known.",
        "fleet",
    ),
    Alert(
        "probe-trouble",
        "Probe in trouble",
        Source(PROBE_EVENT, (), (f'"kind" =~ /^({_AT_ONCE})$/',)).grouped('sum("n")', ("country", "probe", "kind")),
        3600,
        "last",
        0,
        "0s",
        "warning",
        "{{ .Labels.probe }} in {{ .Labels.country }}: {{ .Labels.kind }}",
        "A probe told within the hour that it had no room for results, refused its task, used up its share of the line"
        " or was halted. Its page has its own words.",
        "fleet",
    ),
    Alert(
        "probe-unusable",
        "Probe cannot measure",
        Source(PROBE_EVENT, (), ("\"kind\" = 'link_unusable'",)).grouped('sum("n")', ("country", "probe")),
        10_800,
        "last",
        2,
        "0s",
        "warning",
        "{{ .Labels.probe }} in {{ .Labels.country }} could not measure, again and again",
        "Three times within three hours its own line, interface or program stood in its way. Its page has its words.",
        "fleet",
    ),
    Alert(
        "probe-reboots",
        "Probe starts again and again",
        Source(PROBE_EVENT, (), ("\"kind\" = 'reboot'",)).grouped('sum("n")', ("country", "probe")),
        int(LOOP_SECONDS),
        "last",
        LOOP - 1,
        "0s",
        "warning",
        "{{ .Labels.probe }} in {{ .Labels.country }} starts again and again",
        "Its board started three times within three hours: power, card, heat, or a kernel that fails. Its page says"
        " what it makes of each.",
        "fleet",
    ),
    Alert(
        "cursor-lag",
        "Reader lags",
        Source(CURSOR).binned('min("lag_rows")', ("reader",), "none"),
        900,
        "min",
        2000,
        "10m",
        "warning",
        "{{ .Labels.reader }} has not caught up for a quarter of an hour",
        "The judge or a sink stays behind what is received. Nothing is lost; its log line says what holds it.",
        "collector",
    ),
    Alert(
        "set-aside",
        "Something was set aside",
        Source(COLLECTOR).grouped('spread("set_aside")'),
        3600,
        "last",
        0,
        "0s",
        "warning",
        "The collector could not deal with something, and went on without it",
        "A row, a cell or a point within the hour: a fault of the program, or of the disk. The fleet's page names it.",
        "collector",
    ),
    Alert(
        "quarantine-rising",
        "Quarantine rising",
        Source(COLLECTOR).grouped('spread("quarantined")'),
        3600,
        "last",
        10,
        "5m",
        "warning",
        "More than ten messages were refused within an hour",
        "Probes send what cannot be accepted: a version, a key or a clock. `balise-collector check` and the quarantine"
        " name the reasons.",
        "collector",
    ),
    Alert(
        "clock-wrong",
        "Clock wrong",
        Source(FLEET).binned('last("is_clock_wrong")', ("country", "probe"), "none"),
        900,
        "last",
        0,
        "10m",
        "warning",
        "The clock of {{ .Labels.probe }} in {{ .Labels.country }} is wrong",
        "Its measurements are dated by ours where possible; repair its time protocol or its battery.",
        "fleet",
    ),
)


def rule_group() -> dict[str, Any]:
    """Return the rules as Grafana's provisioning reads them (format 1; threshold expressions came with 9.4)."""
    rules = [_rule(alert) for alert in ALERTS]
    return {
        "apiVersion": 1,
        "groups": [{"orgId": 1, "name": GROUP, "folder": "balise", "interval": "1m", "rules": rules}],
    }


def _rule(alert: Alert) -> dict[str, Any]:
    span = {"from": alert.seconds, "to": 0}
    ask = {
        "refId": "A",
        "datasourceUid": DATASOURCE_UID,
        "relativeTimeRange": span,
        "model": {
            "datasource": {"type": "influxdb", "uid": DATASOURCE_UID},
            "intervalMs": 60_000,
            "maxDataPoints": 43_200,
            "query": alert.query,
            "rawQuery": True,
            "refId": "A",
            "resultFormat": "time_series",
        },
    }
    reduce = {"type": "reduce", "expression": "A", "reducer": alert.reducer, "settings": {"mode": "dropNN"}}
    limit = {
        "type": "threshold",
        "expression": "B",
        "conditions": [{"evaluator": {"type": "gt", "params": [alert.above]}}],
    }
    return {
        "uid": f"balise-{alert.name}",
        "title": alert.title,
        "condition": "C",
        "for": alert.lasting,
        # Before the first probe there is nothing to be alarmed about; a broken query or server is.
        "noDataState": "OK",
        "execErrState": "Error",
        "isPaused": False,
        "labels": {"source": "balise", "severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "dashboard": f"/d/{uid(alert.board)}",
        },
        "data": [ask, _expression("B", reduce), _expression("C", limit)],
    }


def _expression(ref: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": {"datasource": {"type": "__expr__", "uid": "__expr__"}, "refId": ref, **model},
    }
