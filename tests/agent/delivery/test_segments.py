"""Smaller segments are tried after stalls in a row, and all sizes come round."""

from __future__ import annotations

from balise_agent.delivery.segments import SEGMENTS, SegmentSearch


def test_two_stalls_in_a_row_try_the_next_size_and_after_the_last_the_first() -> None:
    """A way that swallows every size is no reason to stay at the smallest."""
    search, sizes = SegmentSearch(), []
    for _ in SEGMENTS:
        assert not search.stalled()
        assert search.stalled()
        sizes.append(search.size)
    assert sizes == [*SEGMENTS[1:], SEGMENTS[0]]


def test_what_passed_in_between_clears_the_suspicion() -> None:
    """One stall a day is a line that went away, not a narrow way."""
    search = SegmentSearch()
    for _ in range(5):
        search.stalled()
        search.passed()
    assert search.size == 0
