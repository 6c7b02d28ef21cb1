"""tools/grafana-smoke without a Grafana: what it would ask, of which datasource, and what it takes for data."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def smoke(repo_root: Path) -> Iterator[ModuleType]:
    """Return the program as a module; its file has no ending."""
    name = "balise_tests_grafana_smoke"
    loader = importlib.machinery.SourceFileLoader(name, str(repo_root / "tools" / "grafana-smoke"))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks itself up there
    loader.exec_module(module)
    yield module
    del sys.modules[name]


def test_every_query_is_asked_of_the_datasource_that_provisioning_makes(
    smoke: ModuleType, boards: dict[str, dict[str, Any]], provisioned: dict[str, dict[str, Any]]
) -> None:
    """Roll-ups are in a bucket of their own: asked of the other datasource, a query of theirs finds nothing."""
    made = {source["uid"]: source["database"] for source in provisioned["datasources/balise.yaml"]["datasources"]}
    for board in boards.values():
        asked = smoke.asks(board)
        queried = [each for each in board["templating"]["list"] if each["type"] == "query"]
        marks = board["annotations"]["list"]
        assert len(asked) == sum(len(panel["targets"]) for panel in board["panels"]) + len(queried) + len(marks)
        for one in asked:
            rolled = '"balise_rollup"' in one.query
            assert made[one.source] == ("balise_rollup" if rolled else "balise"), one.where
            left = set(re.findall(r"\$\w+", smoke.at_all(one.query)))
            assert left <= {"$timeFilter", "$__interval"}, one.where


def test_a_datasource_that_nobody_provisions_is_told(smoke: ModuleType) -> None:
    """A new variable of a dashboard is not quietly asked of the wrong server."""
    with pytest.raises(smoke.Refused, match="else"):
        smoke.uid_of({"type": "influxdb", "uid": "${else}"})


@pytest.mark.parametrize(("value", "data"), [(0, True), ("x", True), (None, False)])
def test_times_alone_are_no_data(smoke: ModuleType, monkeypatch: pytest.MonkeyPatch, value: Any, data: bool) -> None:
    """Zero is a value, an interval without one is none."""
    frame = {"schema": {"fields": [{"type": "time"}, {"type": "number"}]}, "data": {"values": [[1], [value]]}}
    monkeypatch.setattr(smoke, "ask", lambda _path, _body: {"results": {"A": {"frames": [frame]}}})
    assert smoke.run(smoke.Ask("panel", "balise", "SELECT 1")) is data


def test_rules_are_looked_for_by_the_names_in_the_file(
    smoke: ModuleType, monkeypatch: pytest.MonkeyPatch, provisioned: dict[str, dict[str, Any]]
) -> None:
    """A rule that Grafana did not load is named; those that it did are asked over their own time."""
    rules = provisioned["alerting/rules.yaml"]["groups"][0]["rules"]
    monkeypatch.setattr(smoke, "ask", lambda _path: rules)
    assert {one.where for one in smoke.rules_as_asks()} == {rule["uid"] for rule in rules}
    monkeypatch.setattr(smoke, "ask", lambda _path: rules[1:])
    with pytest.raises(smoke.Refused, match=rules[0]["uid"]):
        smoke.rules_as_asks()
