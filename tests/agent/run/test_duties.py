"""Duties come due by their times, in their order, and end when they are stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balise_agent.run.duties import Duties, Duty
from balise_agent.system.clock import Clock
from balise_agent.system.reactor import Reactor

if TYPE_CHECKING:
    from collections.abc import Iterator

import pytest


class Hand:
    """A monotonic clock turned by hand."""

    def __init__(self) -> None:
        self.moment = 100.0
        self.done: list[str] = []
        self.reactor = Reactor(Clock(monotonic=lambda: self.moment))

    def turn(self, seconds: float) -> str:
        """Let time go by, and return what was done."""
        self.moment += seconds
        self.done.clear()
        self.reactor.step(0.0)
        return " ".join(self.done)


@pytest.fixture
def hand() -> Iterator[Hand]:
    """Return a fresh one."""
    made = Hand()
    yield made
    made.reactor.close()


def test_each_at_its_time_and_in_order(hand: Hand) -> None:
    """One of each turn is due at once; one with an interval after its first interval, and then at each."""
    listed = [("often", 0.0), ("seldom", 3.0), ("last", 0.0)]
    duties = Duties(
        hand.reactor,
        [Duty(lambda name=name: hand.done.append(name), every) for name, every in listed],  # type: ignore[misc]
        turn_seconds=1.0,
    )
    duties.turn()
    assert hand.done == ["often", "last"]
    assert [hand.turn(seconds) for seconds in (0.5, 0.5, 1.0, 1.0, 1.0)] == [
        "",
        "often last",
        "often last",
        "often seldom last",
        "often last",
    ]
    duties.stop()
    assert hand.turn(10.0) == ""
