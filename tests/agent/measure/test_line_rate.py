"""The usual rate of a line."""

from __future__ import annotations

from balise_agent.measure.line_rate import LineRate

NOW = 1_000_000.0


def test_it_takes_four_of_the_past() -> None:
    """The present is held against what is older than an hour; three rates are no usual one."""
    line = LineRate()
    for place in range(3):
        line.learn(5_000.0, NOW + place)
    line.learn(900.0, NOW + 5_000.0)
    assert line.usual(NOW + 5_000.0) is None
    assert line.usual(NOW + 9_000.0) == 5_000.0


def test_a_slow_hour_does_not_become_the_usual() -> None:
    """Rates of the last hour are not looked at."""
    line = LineRate()
    for place in range(6):
        line.learn(5_000.0, NOW + 600.0 * place)
    for place in range(6):
        line.learn(500.0, NOW + 8_000.0 + place)
    assert line.usual(NOW + 8_100.0) == 5_000.0


def test_a_clock_that_went_back_leaves_nothing_in_the_future() -> None:
    """It would never be of the past."""
    line = LineRate()
    for _ in range(4):
        line.learn(5_000.0, NOW + 86_400.0)
    line.clock_went_back(NOW)
    assert line.usual(NOW + 3_600.0) == 5_000.0
