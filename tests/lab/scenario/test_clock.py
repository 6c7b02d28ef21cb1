"""The scenario's clock: one line of text that makes many programs agree on the time."""

import re

import pytest

from balise_lab.scenario.clock import ScenarioClock, frozen_clock, start_clock


def test_the_variable_says_start_origin_and_scale() -> None:
    """BALISE_CLOCK is <UTC ISO start>@<monotonic seconds>x<scale>."""
    clock = ScenarioClock(starts=1589733000.0, begins=1589732100.0, origin=1234.5, scale=60.0)
    assert clock.variable == "2020-05-17T16:15:00Z@1234.500x60"


def test_time_begins_before_the_scenario_and_runs_at_its_scale() -> None:
    """Started with a lead of 900 s the clock stands 900 s before the start, and a moment's distance is scaled."""
    clock = start_clock(1589733000.0, 60.0, lead=900.0)
    assert clock.begins == 1589732100.0
    moment = clock.moment()
    assert moment == pytest.approx(-900.0, abs=600.0)  # ten real seconds: the machine may be busy
    assert clock.real_until(moment + 600.0) == pytest.approx(10.0, abs=10.0)


def test_waiting_for_what_has_passed_takes_no_time() -> None:
    """A moment in the past is no reason to wait, and nothing is called meanwhile."""
    clock = start_clock(1589733000.0, 60.0, lead=0.0)
    clock.wait_until(-10.0, lambda: (_ for _ in ()).throw(AssertionError("waited")))


def test_a_frozen_clock_stands() -> None:
    """For people who read the pages after the scenario, time all but stands still."""
    clock = frozen_clock(1589733000.0)
    assert re.fullmatch(r"2020-05-17T16:30:00Z@\d+\.\d{3}x0\.001", clock.variable)
    assert abs(clock.unix() - 1589733000.0) < 1.0
