"""When it began and ended: what the brackets of several probes leave credible."""

from __future__ import annotations

from balise_collector.detect.interval import Interval
from balise_collector.detect.moments import begun, common, ended, first_edge, hull
from balise_collector.detect.walk_state import Span


def _span(last_ok: int | None, first_fail: int, last_fail: int = 9000, first_ok: int | None = 9300) -> Span:
    return Span(
        last_ok=last_ok, first_fail=first_fail, last_fail=last_fail, last_fail_bin=30, first_ok=first_ok, surprise=8.0
    )


def test_brackets_that_meet_are_their_intersection() -> None:
    """Who measured last before it, and who first after it, date it; and so for the end."""
    found = begun([_span(1000, 1300), _span(1200, 1500)])
    assert (found.interval, found.agreed) == (Interval(earliest=1200.0, latest=1300.0), True)
    over = ended([_span(0, 1, 5000, 5300), _span(0, 1, 5100, 5400)])
    assert over.interval == Interval(earliest=5100.0, latest=5300.0)


def test_a_home_that_was_in_trouble_before_does_not_move_it() -> None:
    """Two agree, and were well for half an hour after the third had begun to fail: its trouble was its own."""
    found = begun([_span(10_000, 10_200), _span(10_050, 10_300), _span(7_900, 8_200)])
    assert found.interval == Interval(earliest=10_050.0, latest=10_200.0)


def test_a_success_that_the_block_let_pass_does_not_move_it() -> None:
    """A box on most flows lets one through: the others and what failed before it tell."""
    found = begun([_span(10_000, 10_200), _span(10_050, 10_250), _span(10_400, 10_700)])
    assert found.interval.earliest is not None
    assert found.interval.earliest <= 10_200.0 <= found.interval.latest + 1


def test_nobody_saw_it_begin() -> None:
    """Then the first failure is all that is known."""
    assert begun([_span(None, 500), _span(None, 400)]).interval == Interval(earliest=None, latest=400.0)


def test_a_roll_out_is_the_hull_of_its_providers() -> None:
    """Half an hour apart: told as staggered, with the edges that hold every beginning."""
    first, second = begun([_span(1000, 1200), _span(1050, 1250)]), begun([_span(2800, 3000), _span(2850, 3050)])
    both = begun([_span(1000, 1200), _span(1050, 1250), _span(2800, 3000), _span(2850, 3050)])
    assert not both.agreed
    assert hull(both, [first.interval, second.interval]) == Interval(earliest=1050.0, latest=3000.0, staggered=True)


def test_one_of_many_that_saw_little_does_not_widen_it() -> None:
    """Five tell the same five minutes; the sixth had nothing to measure with for hours, and just missed them."""
    five = [(10_000 + n, 10_300 + n) for n in range(5)]
    assert common([*five, (2_000, 9_990)]) == Interval(earliest=10_004.0, latest=10_300.0)
    late = [(0, 10_020), (100, 10_050), (9_000, 10_060), (10_200, 10_600)]
    assert common(late) == Interval(earliest=9_900.0, latest=10_020.0), "the moment just before the first failure"
    assert common([(0, 100), (5_000, 5_100), (10, 110), (5_010, 5_110)]) is None


def _seen(earliest: float | None, latest: float) -> Interval:
    return Interval(earliest=earliest, latest=latest)


def test_what_is_looked_at_rarely_does_not_widen_the_first_moment() -> None:
    """A rate was well at 21:35 and slow at 22:00:24; names died between 21:59:20 and 22:00:40."""
    assert first_edge([_seen(80_360, 80_440), _seen(80_300, 80_500)], [_seen(78_920, 80_440)]) == 80_300


def test_what_surely_began_earlier_is_the_first_moment() -> None:
    """The rate was slow before the names were well for the last time; minutes apart nothing blurs anything."""
    assert first_edge([_seen(80_360, 80_440)], [_seen(78_920, 80_350)]) == 78_920
    assert first_edge([_seen(80_360, 80_440)], [_seen(80_100, 80_400)]) == 80_100
    assert first_edge([], [_seen(78_920, 80_350), _seen(80_100, 80_400)]) == 78_920


def test_what_failed_first_may_have_begun_long_before() -> None:
    """A rate was seen slow before the first name died elsewhere."""
    assert first_edge([_seen(80_360, 80_440)], [_seen(78_920, 80_400)]) == 78_920


def test_what_is_looked_at_in_minutes_is_never_left_out() -> None:
    """Interception began at 04:57 (04:53 to 05:01), and three minutes later names died elsewhere (04:58 to 05:00)."""
    assert first_edge([_seen(17_600, 18_060), _seen(17_925, 18_007)]) == 17_600
    assert first_edge([_seen(17_600, 18_000), _seen(17_925, 18_007)]) == 17_600


def test_a_first_moment_without_a_lower_edge() -> None:
    """What was never seen well says nothing of when it began."""
    assert first_edge([_seen(None, 500), _seen(300, 600)]) == 300
    assert first_edge([_seen(None, 500)]) is None
    assert first_edge([]) is None
