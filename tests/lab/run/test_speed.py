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


@pytest.mark.parametrize(("beside_others", "asked"), [(False, True), (True, False)])
def test_a_run_beside_others_takes_no_precedence(
    monkeypatch: pytest.MonkeyPatch, beside_others: bool, asked: bool
) -> None:
    """It would starve those of ours that found the machine idle when they began; its clock is slower instead."""
    taken: list[bool] = []

    def take() -> bool:
        taken.append(True)
        return True

    monkeypatch.setattr(machine, "slowness", lambda: 7.5)
    monkeypatch.setattr(machine, "take_precedence", take)
    monkeypatch.setattr(speed, "pause", lambda _seconds: None)
    played = speed.at_speed(load(SCENARIO), beside_others=beside_others)
    assert bool(taken) is asked
    assert played.slowed == 3.0
