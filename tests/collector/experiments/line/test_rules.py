"""The line rules: an outage is a dead line behind a living gateway."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import VerdictState
from balise_wire.measurement import LineHealth
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, TargetRole
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("line", "state", "rule"),
    [
        ({}, VerdictState.OK, "line.ok"),
        ({"alive": 3}, VerdictState.OK, "line.ok"),
        ({"alive": 0}, VerdictState.DOWN, "line.dead"),
        ({"alive": 2}, VerdictState.DOWN, "line.international"),
        ({"alive": 0, "gateway": False}, VerdictState.INSUFFICIENT, "line.local"),
        ({"alive": 0, "gateway": None}, VerdictState.INSUFFICIENT, "line.local"),
        ({"home": 0, "away": 1, "alive": 0}, VerdictState.INSUFFICIENT, "line.few"),
        ({"home": 0, "away": 0, "alive": 0}, VerdictState.INSUFFICIENT, "line.nothing"),
        ({"alive": 5, "captive": True}, VerdictState.INSUFFICIENT, "line.captive"),
    ],
)
def test_what_a_line_says(case: Case, line: dict[str, Any], state: VerdictState, rule: str) -> None:
    """Gateway dead is the home's own; everything behind it dead is the provider's; only abroad dead is the border's."""
    measurement = case.measured(case.line(**line), design=Design.SENTINEL, service="line", line=None)
    verdict = case.judged(measurement)
    assert (verdict.state, verdict.rule) == (state, rule)
    assert (verdict.service, verdict.role) == ("internet", TargetRole.LINE)
    assert (verdict.mechanism is Mechanism.SHUTDOWN_ISP) is (state is VerdictState.DOWN)


def test_a_captive_portal_gates_even_success(case: Case) -> None:
    """Behind a portal everything seems to answer."""
    line = LineHealth(at=case.now, gateway_ok=True, international=3, international_ok=3, captive=True)
    assert case.judged(case.measured(case.hello(), line=line)).rule == "line.unwell"
