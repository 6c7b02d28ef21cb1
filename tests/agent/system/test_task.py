"""A task: driven to its end by waits, signals and files; told once, never after it was cancelled."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from balise_agent.system.clock import Clock
from balise_agent.system.reactor import READ, Reactor
from balise_agent.system.task import ReactorTask, Signal, Steps, Wait, file_ready


class Told:
    """Who is told, on a clock turned by hand."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.reactor = Reactor(Clock(monotonic=lambda: self.moment))
        self.results: list[object] = []
        self.errors: list[Exception] = []

    def start(self, steps: Steps[object], limit: float = float("inf")) -> ReactorTask[object]:
        """Start a task."""
        made = ReactorTask(
            steps, reactor=self.reactor, done=self.results.append, failed=self.errors.append, limit=limit
        )
        made.start()
        self.turn()
        return made

    def turn(self, seconds: float = 0.0) -> None:
        """Let time go by."""
        self.moment += seconds
        for _ in range(5):
            self.reactor.step(0.0)


@pytest.fixture
def told() -> Iterator[Told]:
    """Return a fresh one."""
    made = Told()
    yield made
    made.reactor.close()


def test_the_earlier_of_two_moments_ends_a_wait(told: Told) -> None:
    """``until`` is a moment of the clock, ``within`` counts from the wait's beginning; neither ended it early."""

    def steps() -> Steps[object]:
        first = yield Wait(until=5.0, within=100.0)
        second = yield Wait(until=100.0, within=3.0)
        return (first, second)

    told.start(steps())
    told.turn(5.0)
    told.turn(2.9)
    assert told.results == []
    told.turn(0.2)
    assert told.results == [(False, False)]


def test_a_file_or_a_signal_ends_it_early(told: Told) -> None:
    """And neither is watched any more afterwards."""
    signal = Signal()
    here, there = socket.socketpair()

    def steps() -> Steps[object]:
        return ((yield file_ready(here, READ, 9.0)), (yield Wait(signal=signal)))

    with here, there:
        told.start(steps())
        there.send(b"x")
        told.turn()
        signal.fire()
        signal.fire()
        told.turn()
    assert told.results == [(True, True)]
    assert signal.waiter is None


def test_what_it_raises_is_told_and_goes_no_further(told: Told) -> None:
    """A stranger's bytes end the task that reads them, and nothing else."""

    def steps() -> Steps[object]:
        yield Wait(within=1.0)
        raise IndexError("too short")

    told.start(steps())
    told.turn(1.0)
    assert [str(error) for error in told.errors] == ["too short"]
    assert told.results == []


def test_a_limit_holds_over_all_waits(told: Told) -> None:
    """Who always says a little does not keep a task for ever; its clean-up has run by then."""
    cleaned: list[bool] = []

    def steps() -> Steps[object]:
        try:
            while True:
                yield Wait(within=1.0)
        finally:
            cleaned.append(True)

    told.start(steps(), limit=10.0)
    for _ in range(12):
        told.turn(1.0)
    assert [type(error) for error in told.errors] == [TimeoutError]
    assert cleaned == [True]


def test_nobody_hears_of_a_cancelled_one(told: Told) -> None:
    """Its generator is closed at once, and no timer of it is left."""
    cleaned: list[bool] = []

    def steps() -> Steps[object]:
        try:
            yield Wait(within=1.0)
        finally:
            cleaned.append(True)
        return "never"

    task = told.start(steps(), limit=2.0)
    task.cancel()
    told.turn(5.0)
    assert (cleaned, told.results, told.errors) == ([True], [], [])
