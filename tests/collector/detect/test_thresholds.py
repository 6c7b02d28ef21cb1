"""The numbers of the opening: the bound follows from the promise, the slow rules ask for more where more can meet."""

from __future__ import annotations

import math

import pytest

from balise_collector.detect.evalue import MOST
from balise_collector.detect.thresholds import BOUND, COMMON, PROMISE, YEAR, chain_bins, pair_bins


def test_the_bound_is_the_promise() -> None:
    """R above c comes once in c bins at most: a tenth of a year's chance, with a service's cells counted as four."""
    assert math.exp(BOUND) == pytest.approx(YEAR / PROMISE * COMMON)


def test_one_witness_never_reaches_it() -> None:
    """A faulty or hostile probe has bounded influence: the most of one is far below, the most of two is above."""
    assert MOST < BOUND < 2 * MOST


def test_more_witnesses_must_last_longer() -> None:
    """Of twenty homes many more pairs meet by chance than of three."""
    sizes = range(2, 60)
    assert [pair_bins(n) for n in sizes] == sorted(pair_bins(n) for n in sizes)
    three, four = ([chain_bins(n)[place][1] for n in sizes] for place in (0, 1))
    assert three == sorted(three)
    assert four == sorted(four)
    assert all(few <= pair_bins(n) for few, n in zip(three, sizes, strict=True))


def test_more_troubles_need_less_time() -> None:
    """A fourth home in trouble within the same two hours is as rare again: a roll-out needs no three hours."""
    for witnesses in range(2, 60):
        counts, bins = zip(*chain_bins(witnesses), strict=True)
        assert list(counts) == sorted(counts)
        assert list(bins) == sorted(bins, reverse=True)
