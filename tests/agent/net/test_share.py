"""What a flow may bring: expected bytes, a margin, and from where on it is a flood."""

from __future__ import annotations

import pytest

from balise_agent.net.share import LISTENED, Share


@pytest.mark.parametrize(
    ("arrived", "within", "excess", "flood", "full"),
    [
        (0, 0, 0, 0, False),
        (100, 100, 0, 0, False),
        (101, 100, 1, 0, False),
        (150, 100, 50, 0, False),
        (151, 100, 51, 1, False),
        (150 + LISTENED, 100, 50 + LISTENED, LISTENED, False),
        (151 + LISTENED, 100, 51 + LISTENED, LISTENED + 1, True),
    ],
)
def test_shares(arrived: int, within: int, excess: int, flood: int, full: bool) -> None:
    """100 bytes are expected and 50 more forgiven: what exceeds the first is counted apart, the second is evidence."""
    share = Share(100, 50)
    share.arrived = arrived
    assert (share.within, share.excess, share.flood, share.full) == (within, excess, flood, full)
