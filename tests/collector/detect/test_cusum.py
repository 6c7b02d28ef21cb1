"""The per-probe sum stays in its bounds, and its steps can be taken back by as many of the other sign."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from balise_collector.detect.cusum import MOST, step


@given(st.lists(st.floats(-20, 20)))
def test_it_saturates_at_both_ends(weights: list[float]) -> None:
    """However long a block or a quiet month: neither recovery nor the next onset is slow (attribution.md 2.2)."""
    total = 0.0
    for weight in weights:
        before, total = total, step(total, weight)
        assert 0.0 <= total <= MOST
        assert (total > before) <= (weight > 0.0)
