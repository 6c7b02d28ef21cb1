"""The sum over probes: what one of them can say is bounded, and silence says nothing."""

from __future__ import annotations

import math

import pytest

from balise_collector.detect.cusum import MOST
from balise_collector.detect.mixture import PHI, mixture, share


def test_one_liar_says_no_more_than_a_probe_may() -> None:
    """7.8 nats at most (attribution.md 2.3), below every threshold of two probes and more."""
    assert share(MOST) == pytest.approx(math.log(1 - PHI + PHI * math.exp(MOST)))
    assert share(MOST) == pytest.approx(7.8, abs=0.05)
    assert share(0.0) == 0.0


def test_probes_without_anything_to_say_count_nothing() -> None:
    """G of a cell is the same with any number of quiet probes."""
    assert mixture([5.0, 3.0]) == mixture([0.0, 5.0, 0.0, 3.0, 0.0]) == pytest.approx(share(5.0) + share(3.0))
