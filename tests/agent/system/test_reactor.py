"""The waiting place: timers in order, descriptors, the next turn, and the wake-up."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from balise_agent.system.clock import Clock
from balise_agent.system.reactor import READ, Reactor


class Hand:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.moment = 0.0

    def clock(self) -> Clock:
        """Return a clock on this hand."""
        return Clock(system=lambda: self.moment, monotonic=lambda: self.moment, synced=lambda: True)


def test_timers_fire_once_in_order_of_their_moments() -> None:
    """The earliest first, equals in the order they were set, none before its time, the cancelled never."""
    hand, fired = Hand(), list[str]()
    reactor = Reactor(hand.clock())
    reactor.after(2.0, lambda: fired.append("later"))
    reactor.after(1.0, lambda: fired.append("first"))
    reactor.after(1.0, lambda: fired.append("second"))
    reactor.after(1.0, lambda: fired.append("never")).cancel()
    reactor.step(0.0)
    assert fired == []
    hand.moment = 1.0
    reactor.step(0.0)
    assert fired == ["first", "second"]
    hand.moment = 9.0
    reactor.step(0.0)
    reactor.step(0.0)
    assert fired == ["first", "second", "later"]
    reactor.close()


def test_a_cancelled_timer_keeps_nobody_waiting() -> None:
    """The wait is bounded by live timers only; a step with nothing to do returns at its own time-out."""
    reactor = Reactor(Clock())
    reactor.after(60.0, lambda: None).cancel()
    assert not reactor.run_until(lambda: False, 0.01)
    reactor.close()


def test_soon_is_never_inside_the_caller() -> None:
    """What a callback adds for soon runs after it, in a turn that still serves descriptors."""
    reactor, order = Reactor(Clock()), list[str]()

    def first() -> None:
        reactor.soon(lambda: order.append("second"))
        order.append("first")

    reactor.soon(first)
    reactor.step(0.0)
    assert order == ["first"]
    reactor.step(5.0)
    assert order == ["first", "second"]
    reactor.close()


def test_descriptors_are_served_until_unwatched() -> None:
    """A watched file calls back while it is ready; watching again replaces; unwatching twice is no error."""
    reactor, heard = Reactor(Clock()), list[object]()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reactor.watch(ours, heard.append)
        theirs.send(b"x")
        reactor.step(1.0)
        assert heard == [READ]
        reactor.watch(ours, lambda _events: heard.append("replaced"))
        reactor.step(1.0)
        assert heard == [READ, "replaced"]
        reactor.unwatch(ours)
        reactor.unwatch(ours)
        reactor.step(0.0)
        assert len(heard) == 2
    reactor.close()


def test_a_wake_up_ends_the_wait() -> None:
    """A signal handler's wake ends a wait without any timer, and any number of wakes are one."""
    reactor = Reactor(Clock())
    for _ in range(100_000):
        reactor.wake()
    reactor.step(None)
    assert reactor.turns == 1
    reactor.close()


def test_errors_go_through_to_the_caller() -> None:
    """A callback's exception is its owner's business: it is not swallowed here."""
    reactor = Reactor(Clock())

    def broken() -> None:
        raise ZeroDivisionError

    reactor.soon(broken)
    with pytest.raises(ZeroDivisionError):
        reactor.step(0.0)
    reactor.close()


def test_closing_gives_every_descriptor_back() -> None:
    """Opening and closing leaves the process as it was."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    Reactor(Clock()).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
