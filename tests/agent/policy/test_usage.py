"""The one account of the day, and its line of text over restarts."""

from __future__ import annotations

import pytest

from balise_agent.policy.usage import Usage
from balise_agent.system.clock import Clock

DAY = 86_400.0


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.5 * DAY

    def clock(self) -> Clock:
        """Return the clock."""
        return Clock(system=lambda: self.now, monotonic=lambda: self.now, synced=lambda: True)


@pytest.mark.parametrize(("account", "sent"), [("100 40 2", 40), ("99 40 2", 0), ("", 0), ("100 x 2", 0), ("100 1", 0)])
def test_the_account_goes_on_within_its_day_only(account: str, sent: int) -> None:
    """Yesterday's bytes and nonsense are zero."""
    assert Usage(Hands().clock(), account).sent == sent


def test_the_line_of_text_holds_everything_that_is_counted() -> None:
    """What was written is read back to the last figure; at midnight all of it begins anew."""
    hands = Hands()
    usage = Usage(hands.clock())
    usage.sent, usage.received, usage.connections, usage.beyond, usage.delivered = 1, 2, 3, 4, 5
    assert usage.account() == "100 1 2 3 4 5"
    again = Usage(hands.clock(), usage.account())
    assert again.account() == usage.account()
    assert again.spent == 3
    hands.now += DAY
    assert again.account() == "101 0 0 0 0 0"
