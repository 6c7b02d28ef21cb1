"""What a walk goes on from: a copy can be walked on without changing what is kept."""

from __future__ import annotations

from balise_collector.detect.walk_state import OpenEpisode, Span, WalkState


def span() -> Span:
    """Return a span of trouble of one failing bin."""
    return Span(last_ok=None, first_fail=1, last_fail=1, last_fail_bin=0, failing=1, rules={0: 1})


def test_a_copy_shares_nothing_that_changes() -> None:
    """The newest bins are walked provisionally, on a copy: a number that leaked back would count them twice."""
    state = WalkState(totals={0: 1.0}, spans={0: span()}, current=OpenEpisode(5, 9.0, 8.0, False, {1: span()}))
    copy = state.copy()
    assert copy == state
    copy.totals[0] = 3.0
    copy.spans[0].rules[0] = 7
    assert copy.current is not None
    copy.current.spans[1].failing = 9
    copy.current.closed_bin = 8
    copy.done.append(copy.current)
    assert state.totals == {0: 1.0}
    assert state.spans[0].rules == {0: 1}
    assert state.current is not None
    assert (state.current.spans[1].failing, state.current.closed_bin, state.done) == (1, None, [])
