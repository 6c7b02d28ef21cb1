"""The line rules: an outage is a dead line behind a living gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.experiments.line import ControlResult
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, read_measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, HopPlace, Scope, TargetRole
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("line", "state", "rule"),
    [
        ({}, VerdictState.OK, "line.ok"),
        ({"alive": 3}, VerdictState.OK, "line.ok"),
        ({"alive": 0}, VerdictState.DOWN, "line.dead"),
        ({"alive": 2}, VerdictState.DOWN, "line.international"),
        ({"alive": 0, "gateway": False}, VerdictState.INSUFFICIENT, "line.local"),
        ({"alive": 0, "gateway": None}, VerdictState.INSUFFICIENT, "line.no_gateway"),
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


def _control(port: int, *, alive: bool, family: int = 4, **changes: Any) -> ControlResult:
    failure = None if alive else Failure.GENERIC_TIMEOUT
    return ControlResult(
        name=f"c{port}", scope=Scope.INTERNATIONAL, failure=failure, port=port, family=family, **changes
    )


@pytest.mark.parametrize(
    ("controls", "others", "rule"),
    [
        ([(443, False), (443, False)], [(80, True), (80, False)], "line.port"),
        ([(443, False), (443, False)], [(0, True), (0, False)], "line.port"),
        ([(443, False), (443, False), (80, True)], None, "line.port"),
        ([(443, False), (443, False)], [(80, False), (0, False)], "line.dead"),
        ([(443, False), (443, False)], None, "line.dead"),
        ([(443, False), (443, False)], [(443, False), (443, False), (80, True)], "line.port"),
        ([(443, False), (443, False)], [(443, True), (443, True), (80, True)], "line.ok"),
        ([(443, True), (443, True), (80, False), (80, False)], None, "line.port"),
        ([(443, True), (443, False), (80, True)], None, "line.ok"),
        ([(443, True), (443, True), (80, False)], None, "line.ok"),
    ],
)
def test_a_dead_port_is_no_dead_line(case: Case, controls: Any, others: Any, rule: str) -> None:
    """Other ports and echoes are asked before a line is called dead; one dead control is its own trouble."""
    asked = tuple(_control(port, alive=alive) for port, alive in controls)
    more = None if others is None else tuple(_control(port, alive=alive) for port, alive in others)
    line = msgspec.structs.replace(case.line(), controls=asked, others=more)
    assert case.judged(case.measured(line, design=Design.SENTINEL, line=None)).rule == rule


def test_what_the_homes_own_router_refuses_is_no_dead_line(case: Case) -> None:
    """It has no route: the modem is off, or the cable out."""
    dead = tuple(_control(443, alive=False, icmp_place=HopPlace.FIRST) for _ in range(3))
    line = msgspec.structs.replace(case.line(), controls=dead)
    assert case.judged(case.measured(line, design=Design.SENTINEL, line=None)).rule == "line.local"


def test_a_home_without_ipv6_has_no_dead_border(case: Case) -> None:
    """Controls over IPv6 say nothing where none of them answers and others do."""
    six = tuple(_control(443, alive=False, family=6) for _ in range(2))
    home = ControlResult(name="home", scope=Scope.DOMESTIC, port=443, family=4)
    line = msgspec.structs.replace(case.line(), controls=(home, *six))
    assert case.judged(case.measured(line, design=Design.SENTINEL, line=None)).rule == "line.ok"


def test_a_mute_gateway_gates_nothing_that_works(case: Case) -> None:
    """Many gateways answer nobody; what controls answer has passed them."""
    health = LineHealth(at=case.now, gateway_ok=False, international=3, international_ok=3)
    assert case.judged(case.measured(*case.series("rst").observations, line=health)).rule == "sni.rst"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rule"), [("line_ok", "line.ok"), ("line_lan_dead", "line.dead"), ("eagain_line", "own.failure")]
)
def test_lines_measured_in_a_namespace(case: Case, shared_data: Path, name: str, rule: str) -> None:
    """Well, dead beyond a living gateway, and our own socket's trouble."""
    raw = (shared_data / "field" / "measurements" / f"{name}.jsonl").read_bytes()
    assert case.judged(read_measurement(raw)[0]).rule == rule


def test_a_captive_portal_gates_even_success(case: Case) -> None:
    """Behind a portal everything seems to answer."""
    line = LineHealth(at=case.now, gateway_ok=True, international=3, international_ok=3, captive=True)
    assert case.judged(case.measured(case.hello(), line=line)).rule == "line.unwell"
