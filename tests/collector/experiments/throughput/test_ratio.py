"""The ratio of two rates with its interval."""

from __future__ import annotations

import random

from balise_collector.experiments.throughput.ratio import ratio_of


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Nine times in ten at least, of pairs that scatter as home lines do: the floor makes it wider, never narrower."""
    draw = random.Random(7)
    held = 0
    for _ in range(2_000):
        found = ratio_of([0.3 * draw.lognormvariate(0.0, 0.25) for _ in range(4)])
        assert found is not None
        held += found.low <= 0.3 <= found.high
    assert held >= 1_800


def test_equal_lines_are_hardly_ever_below_half() -> None:
    """Of 20,000 series of lines that swing by a third from one transfer to the next."""
    draw = random.Random(11)
    wrong = 0
    for _ in range(20_000):
        found = ratio_of([draw.lognormvariate(0.0, 0.35) / draw.lognormvariate(0.0, 0.35) for _ in range(4)])
        wrong += found is not None and found.high < 0.5
    assert wrong <= 20


def test_pairs_that_agree_have_no_interval_of_nothing() -> None:
    """Rates are known to five per cent."""
    found = ratio_of([0.1] * 4)
    assert found is not None
    assert found.high / found.low > 1.1


def test_one_fade_does_not_decide() -> None:
    """It is drawn in, and widens the interval."""
    found = ratio_of([0.02, 0.02, 0.9, 0.02])
    assert found is not None
    assert found.ratio < 0.1


def test_one_pair_has_no_interval() -> None:
    """It is all there is."""
    found = ratio_of([0.3])
    assert found is not None
    assert found.low == 0.0
    assert ratio_of([]) is None
