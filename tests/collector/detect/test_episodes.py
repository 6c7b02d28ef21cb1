"""When an episode began and ended: brackets of several probes become one."""

from __future__ import annotations

from balise_collector.detect.episodes import join
from balise_collector.detect.interval import Interval


def test_brackets_that_meet_become_their_intersection() -> None:
    """Who measured last before it, and who first after it, date it."""
    assert join([Interval(earliest=10.0, latest=400.0), Interval(earliest=200.0, latest=300.0)]) == Interval(
        earliest=200.0, latest=300.0
    )


def test_brackets_that_just_miss_each_other_tell_one_moment() -> None:
    """Clocks and rounding: a minute is no stagger."""
    assert join([Interval(earliest=100.0, latest=160.0), Interval(earliest=200.0, latest=300.0)]) == Interval(
        earliest=160.0, latest=200.0
    )


def test_brackets_that_contradict_each_other_say_so() -> None:
    """A block that reached probes one after another is flagged, not averaged."""
    assert join([Interval(earliest=0.0, latest=100.0), Interval(earliest=5000.0, latest=5100.0)]).staggered


def test_nobody_saw_it_begin() -> None:
    """Without any success before it, the first failure is all that is known."""
    assert join([Interval(earliest=None, latest=500.0), Interval(earliest=None, latest=400.0)]) == Interval(
        earliest=None, latest=400.0
    )
