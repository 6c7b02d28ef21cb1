"""The speed at which a scenario is played follows the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_lab.run import settings, speed
from balise_lab.scenario.load import load
from balise_lab.world import machine

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "pk-2020.yaml"


@pytest.mark.parametrize(("slowness", "slowed"), [(1.0, 1.0), (2.5, 1.0), (5.0, 2.0), (35.0, 4.0)])
def test_clock_and_time_outs_are_slower_alike(monkeypatch: pytest.MonkeyPatch, slowness: float, slowed: float) -> None:
    """In virtual time nothing changes, but that every program has the processor time that it needs; within bounds."""
    monkeypatch.setattr(machine, "slowness", lambda: slowness)
    monkeypatch.setattr(machine, "take_precedence", lambda: False)
    monkeypatch.setattr(speed, "pause", lambda _seconds: None)
    scenario = load(SCENARIO)
    played = speed.at_speed(scenario)
    assert (played.scale, played.slowed) == (scenario.scale / slowed, slowed)
    for name, seconds in settings.timeouts(scenario).items():
        assert settings.timeouts(played)[name] * played.scale == pytest.approx(seconds * scenario.scale, rel=0.02)
