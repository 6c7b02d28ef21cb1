"""Arbitrary choices from a secret: the same for the same words, without a pattern for who has it not."""

from __future__ import annotations

from balise_agent.system.derived_random import fraction, number

SECRET = bytes(range(32))


def test_a_choice_can_be_explained_afterwards() -> None:
    """The same secret and words give the same bits; another secret, or a word more, gives others."""
    assert number(SECRET, "seed", 7, "twitter/web") == number(SECRET, "seed", 7, "twitter/web")
    assert number(SECRET, "seed", 7) != number(bytes(32), "seed", 7)
    assert number(SECRET, "seed", 7) != number(SECRET, "seed", 8)


def test_fractions_fill_the_interval_evenly() -> None:
    """Slots of many targets lie anywhere in an interval: ten thousand of them, a tenth in each tenth (5 sigma)."""
    drawn = [fraction(SECRET, "slot", turn) for turn in range(10_000)]
    assert all(0.0 <= one < 1.0 for one in drawn)
    tenths = [sum(int(one * 10) == tenth for one in drawn) for tenth in range(10)]
    assert all(abs(count - 1000) < 5 * (10_000 * 0.09) ** 0.5 for count in tenths)
