"""The clock: real unless the laboratory drives it, and then the same in every process of the machine."""

from __future__ import annotations

import pytest

from balise_collector.system.clock import VARIABLE, Clock
from balise_collector.system.errors import ConfigError


def test_without_the_variable_it_is_the_systems() -> None:
    """Nothing set: the system's time, at its pace."""
    clock = Clock.from_environment({})
    assert not clock.laboratory
    assert clock.scale == 1.0
    assert Clock(system=lambda: 12.5).now() == 12.5


def test_the_laboratory_scales_time_from_one_origin() -> None:
    """virtual = start + (monotonic - origin) * scale."""
    clock = Clock.from_environment({VARIABLE: "2020-05-17T16:30:00Z@1000x60"})
    lab = Clock(start=1_589_733_000.0, origin=1000.0, scale=60.0, monotonic=lambda: 1010.0)
    assert clock.laboratory
    assert clock.scale == 60.0
    assert lab.now() == 1_589_733_000.0 + 600.0


@pytest.mark.parametrize("text", ["yesterday", "2020-05-17T16:30:00Z@1x0", "2020-13-17T16:30:00Z@1x1", "@1x1"])
def test_a_clock_that_does_not_run_is_refused_with_the_mend(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ConfigError, match=r"2020-05-17T16:30:00Z@1234\.5x60"):
        Clock.from_environment({VARIABLE: text})
