"""When a cell opens: more probes need more, one alone is never a quorum of many, and a pair must last."""

from __future__ import annotations

from balise_collector.detect.cusum import MOST
from balise_collector.detect.mixture import share
from balise_collector.detect.thresholds import lasting_bins, opens, threshold


def test_more_probes_need_more() -> None:
    """Chance has more ways among many."""
    found = [threshold(probes) for probes in range(1, 40)]
    assert found == sorted(found)
    assert found[0] < share(MOST) < found[1]


def test_two_of_many_must_outlast_a_bad_half_hour() -> None:
    """However high the score: two saturate together by chance, so they open only once both have lasted."""
    assert not opens(7, 2 * share(MOST), failing=2, firm=2, lasting=0)
    assert not opens(7, 2 * share(MOST), failing=2, firm=2, lasting=1)
    assert opens(7, 0.0, failing=2, firm=2, lasting=2)
    assert lasting_bins(3) < lasting_bins(4)


def test_three_that_fail_for_long_enough_open_by_their_score() -> None:
    """Above h(N), and never by one that fails alone."""
    assert opens(7, threshold(7) + 0.1, failing=3, firm=3, lasting=0)
    assert not opens(7, threshold(7), failing=3, firm=3, lasting=0)
    assert not opens(7, 100.0, failing=1, firm=3, lasting=2)
    assert opens(1, threshold(1) + 0.1, failing=1, firm=0, lasting=0)
