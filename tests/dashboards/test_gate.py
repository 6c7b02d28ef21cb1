"""The gate: every variable, panel, annotation and alert asks a real InfluxDB that the collector itself has filled.

The reader of the queries may only read, as Grafana's. What is planted wrong must be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector.influxserver import InfluxServer
from tests.dashboards.story import Story

pytestmark = pytest.mark.influx


@pytest.fixture(scope="module")
def story(
    influx: InfluxServer,
    make_module_probe: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    repo_root: Path,
    epoch: float,
    beside: Callable[[str], Any],
) -> Iterator[Any]:
    """Return the afternoon, told."""
    told = beside("story").Story(
        folder=tmp_path_factory.mktemp("dashboards"),
        influx=influx,
        make_probe=make_module_probe,
        boards=repo_root / "tests" / "agent" / "system" / "hardware",
        start=epoch,
    )
    told.tell()
    yield told
    told.close()


@pytest.fixture(scope="module")
def make_gate(story: Story, beside: Callable[[str], Any]) -> Callable[..., Any]:
    """Return a maker of gates at the end of the story, on its databases or on another."""

    def make(database: str = story.database) -> Any:
        databases = {"${datasource}": database, "${rollup}": story.rollups}
        return beside("gate").Gate(influx=story.influx, databases=databases, now=story.now)

    return make


def test_every_query_gets_data(
    make_gate: Callable[..., Any],
    boards: dict[str, dict[str, Any]],
    provisioned: dict[str, dict[str, Any]],
    record_property: Callable[[str, object], None],
) -> None:
    """No panel, annotation or variable stays empty: with every variable at All, and at single values."""
    gate = make_gate()
    faults = [f"{uid}: {fault}" for uid, board in boards.items() for fault in gate.run(board).faults]
    for rule in provisioned["alerting/rules.yaml"]["groups"][0]["rules"]:
        gate.firing(rule)
    record_property("table", "\n".join(gate.table()))
    assert faults == []


def test_alerts_fire_for_what_happened(
    make_gate: Callable[..., Any], story: Story, provisioned: dict[str, dict[str, Any]], beside: Callable[[str], Any]
) -> None:
    """A lost probe, a wrong clock, troubles told, strangers' messages and the incident that goes on; nothing else.

    What one probe alone saw raises none.
    """
    gate, said = make_gate(), beside("story")
    rules = {rule["title"]: rule for rule in provisioned["alerting/rules.yaml"]["groups"][0]["rules"]}
    fired = {title: gate.firing(rule) for title, rule in rules.items()}
    assert fired["Probe silent"] == [{"country": "PK", "probe": said.LOST}]
    assert fired["Clock wrong"] == [{"country": "PK", "probe": said.SKEWED}]
    assert fired["Probe in trouble"] == [{"country": "PK", "kind": "spool_full", "probe": said.SKEWED}]
    assert fired["Probe cannot measure"] == [{"country": "PK", "probe": said.LONELY}]
    assert fired["Probe starts again and again"] == [{"country": "PK", "probe": "pk64501n1"}]
    assert fired["Quarantine rising"] == [{}]
    assert fired["Reader lags"] == []
    assert fired["Something was set aside"] == []
    assert fired["Incident opened"] == [{"country": "PK", "kind": "interference", "service": "zoom"}]
    during = gate.firing(rules["Incident opened"], at=story.start + said.DROPPED.stop * said.SLOT)
    assert {labels["service"] for labels in during} == {"twitter", "zoom"}


def test_a_renamed_field_is_found(
    make_gate: Callable[..., Any], story: Story, boards: dict[str, dict[str, Any]]
) -> None:
    """A field that the sink calls otherwise leaves just the panels empty that ask for it, and the gate names them."""
    story.send_renamed("planted", "rtt_ms", "round_trip_ms")
    gate = make_gate("planted")
    gate.run(boards["balise-service"])
    empty = {fault.split(":")[0] for fault in gate.tallies["balise-service"].faults if "everything" in fault}
    asked = {
        f"{panel['title']} {target['refId']}"
        for panel in boards["balise-service"]["panels"]
        for target in panel["targets"]
        if '"rtt_ms"' in target["query"]
    }
    assert len(asked) >= 2
    assert empty == asked


def panel_of(query: str) -> dict[str, Any]:
    """Return a dashboard of one panel with one query."""
    target = {"refId": "A", "datasource": {"uid": "${datasource}"}, "query": query}
    return {
        "uid": "planted",
        "time": {"from": "now-4h"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": [{"title": "Planted", "interval": "5m", "targets": [target]}],
    }


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ('SELECT max("is_okay") FROM "balise_verdict" WHERE $timeFilter', "everything"),
        ('SELECT max("is_ok") FROM "balise_verdicts" WHERE $timeFilter', "everything"),
        ('SELECT max("is_ok") FROM "balise_verdict" WHERE $timeFilter AND "land" = \'PK\'', "everything"),
        ('SELECT max("is_ok") FROM "balise_verdict" WHERE $timeFilter GROUP BY "land"', "land"),
        ('SELECT "is_ok", "is_okay" FROM "balise_verdict" WHERE $timeFilter', "is_okay"),
    ],
)
def test_a_wrong_name_is_found(make_gate: Callable[..., Any], query: str, fault: str) -> None:
    """InfluxDB takes any name: a wrong field, measurement or tag is an empty answer or column, not an error."""
    found = make_gate().run(panel_of(query)).faults
    assert len(found) == 1
    assert f": {fault} without a value" in found[0]


def test_a_query_that_is_no_influxql_is_found(make_gate: Callable[..., Any]) -> None:
    """A server's error is a failure of the gate, not an empty panel."""
    with pytest.raises(AssertionError, match="nothing"):
        make_gate().run(panel_of('SELECT nothing("is_ok") FROM "balise_verdict" WHERE $timeFilter'))
