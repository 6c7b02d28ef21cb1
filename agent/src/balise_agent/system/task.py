"""A task: a generator that yields waits, driven by the reactor. The one way in which anything of the probe waits.

The steps of experiments are carried out so (net/), brokers are dialled so (delivery/), and enrolment asks so. A task
can be stopped anywhere by closing its generator; ``finally`` gives back its sockets and ports. Lives here: the wait,
the signal that ends one, and the driver. Must not live here: what is waited for.
"""

import math
from collections.abc import Callable, Generator
from typing import Generic, NamedTuple, TypeVar

from balise_agent.system.reactor import HasFileno, Reactor, Timer

T = TypeVar("T")


class Signal:
    """Lets the tap end a wait; firing while nobody waits is nothing."""

    __slots__ = ("waiter",)

    def __init__(self) -> None:
        self.waiter: Callable[[], None] | None = None

    def fire(self) -> None:
        """End the wait."""
        if self.waiter is not None:
            self.waiter()


class Wait(NamedTuple):
    """Until a moment, or earlier when the file is ready or the signal fires."""

    until: float = math.inf
    """Monotonic seconds."""
    file: HasFileno | None = None
    events: int = 0
    signal: Signal | None = None
    within: float = math.inf
    """The same moment, in real seconds from the beginning of the wait; the earlier of both counts."""


Steps = Generator[Wait, bool, T]
"""Sent whether something ended the wait before its time; returns the result."""


def file_ready(file: HasFileno, events: int, seconds: float) -> Wait:
    """Return the wait for a file, for so many real seconds."""
    return Wait(file=file, events=events, within=seconds)


class ReactorTask(Generic[T]):
    """Steps on their way; ``done`` or ``failed`` is called once, from the reactor, unless it is cancelled."""

    def __init__(
        self,
        steps: Steps[T],
        *,
        reactor: Reactor,
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        limit: float = math.inf,
    ) -> None:
        """Prepare.

        Args:
            steps: to drive to their end.
            reactor: drives them.
            done: hears the result.
            failed: hears the exception that ended them.
            limit: real seconds for the whole; each wait has its own, and who says a little now and then must not use
                them all up one after the other. ``failed`` hears a TimeoutError.
        """
        self._steps = steps
        self._reactor = reactor
        self._done = done
        self._failed = failed
        self._limit = limit
        self._over = False
        self._wait: Wait | None = None
        self._timer: Timer | None = None
        self._end: Timer | None = None

    def start(self) -> None:
        """Take the first step in the reactor's next turn."""
        if self._limit < math.inf:
            self._end = self._reactor.after(self._limit, self._give_up)
        self._reactor.soon(lambda: self._advance(None))

    def cancel(self) -> None:
        """Stop without calling anybody; raises what the steps' own cleaning up raises."""
        self._finish()
        self._steps.close()

    def _give_up(self) -> None:
        self.cancel()
        self._failed(TimeoutError(f"no end in {self._limit:.0f} s"))

    def _finish(self) -> None:
        self._over = True
        self._rest()
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _advance(self, early: bool | None) -> None:
        """Run the steps to their next wait."""
        if self._over:
            return
        try:
            wait = next(self._steps) if early is None else self._steps.send(early)
        except StopIteration as stop:
            self._finish()
            self._done(stop.value)
        except Exception as error:  # noqa: BLE001 - what a stranger sends must end this task and nothing else
            self._finish()
            self._failed(error)
        else:
            self._await(wait)

    def _await(self, wait: Wait) -> None:
        """Arrange to be called back when a wait ends."""
        self._wait = wait
        moment = min(wait.until, self._reactor.clock.monotonic() + wait.within)
        self._timer = self._reactor.at(moment, lambda: self._ended(wait, early=False))
        if wait.file is not None:
            self._reactor.watch(wait.file, lambda _events: self._ended(wait, early=True), wait.events)
        if wait.signal is not None:
            wait.signal.waiter = lambda: self._ended(wait, early=True)

    def _ended(self, wait: Wait, *, early: bool) -> None:
        """Take a wait down and go on in this turn, but not from inside the tap or the selector."""
        if self._wait is wait:
            self._rest()
            self._reactor.soon(lambda: self._advance(early))

    def _rest(self) -> None:
        """Withdraw what ``_await`` arranged."""
        wait, self._wait = self._wait, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait is not None and wait.file is not None:
            self._reactor.unwatch(wait.file)
        if wait is not None and wait.signal is not None:
            wait.signal.waiter = None
