"""The account of the day: what was counted, delivery among it, and what is in flight."""

from __future__ import annotations

from balise_agent.measure.day import Day
from balise_wire.words import Experiment

ONE = (("s/web/a.example/4", 4, Experiment.TLS), "")
NOON = 43_200.0


def test_a_count_stands_for_all_that_ended() -> None:
    """Estimates never add up beside the line's own count (layout F11)."""
    day = Day(NOON, 1_000)
    day.starts(ONE, 5_000)
    assert (day.settled, day.spent) == (1_000, 6_000)
    day.ends(ONE, 4_000)
    assert day.spent == 5_000
    day.count(7_000)
    assert day.spent == 7_000
    day.starts(ONE, 5_000)
    day.count(7_500)
    assert day.spent == 12_500


def test_midnight_begins_anew_and_goes_on_with_what_flies() -> None:
    """A run over midnight belongs to the day in which it costs; what was said is said again."""
    day = Day(NOON, 1_000)
    day.starts(ONE, 5_000)
    assert day.is_news("fetches")
    assert not day.is_news("fetches")
    day.turn(NOON + 86_400.0)
    assert day.spent == 5_000
    assert day.is_news("fetches")
