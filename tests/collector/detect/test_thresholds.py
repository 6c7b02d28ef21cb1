"""The numbers of the opening: the bound follows from the promise, the slow rules ask for more where more can meet."""

from __future__ import annotations

import math

import pytest

from balise_collector.detect.evalue import MOST
from balise_collector.detect.thresholds import BOUND, COMMON, PROMISE, YEAR, pair_bins, triple_bins


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
    assert [triple_bins(n) for n in sizes] == sorted(triple_bins(n) for n in sizes)
    assert all(triple_bins(n) <= pair_bins(n) for n in sizes)
