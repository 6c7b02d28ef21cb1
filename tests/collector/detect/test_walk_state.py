"""What a walk goes on from: a copy can be walked on without changing what is kept."""

from __future__ import annotations

from balise_collector.detect.evalue import WELL, Mark
from balise_collector.detect.stretches import Learned
from balise_collector.detect.walk_state import Chain, OpenEpisode, Span, WalkState


def span() -> Span:
    """Return a span of trouble of one failing bin."""
    return Span(last_ok=None, first_fail=1, last_fail=1, last_fail_bin=0, failing=1, rules={0: 1})


def test_a_copy_shares_nothing_that_changes() -> None:
    """The newest bins are walked provisionally, on a copy: a number that leaked back would count them twice."""
    state = WalkState(
        chains={0: Chain()},
        spans={0: span()},
        learned={0: Learned([3])},
        current=OpenEpisode(5, 9.0, 8.0, False, {1: span()}),
    )
    copy = state.copy()
    assert copy == state
    copy.chains[0].marks.append(Mark(1, fails=False, nats=WELL))
    copy.learned[0].add(9, failing=True)
    copy.spans[0].rules[0] = 7
    assert copy.current is not None
    copy.current.spans[1].failing = 9
    copy.current.closed_bin = 8
    copy.done.append(copy.current)
    assert (state.chains[0].marks, state.learned[0].failing) == ([], [3])
    assert state.spans[0].rules == {0: 1}
    assert state.current is not None
    assert (state.current.spans[1].failing, state.current.closed_bin, state.done) == (1, None, [])


def test_only_trouble_is_restless() -> None:
    """A cell in which nothing is under way needs no look until something fails."""
    assert not WalkState(last_ok={0: 1}).restless
    assert WalkState(spans={0: span()}).restless
