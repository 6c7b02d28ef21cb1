"""One selector and a heap of timers: everything the probe waits for, waited for in one place.

Lives here: descriptors with their callbacks, real-time timers, callbacks for the next turn, and the wake-up that a
signal handler may use. The conductor, the publisher and the schedule all hang on one Reactor. Must not live here: what
any of them does; no clock but the one given.
"""

import contextlib
import heapq
import itertools
import os
import selectors
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Timekeeper(Protocol):
    """What is needed of the probe's clock (clock.Clock satisfies it)."""

    def now(self) -> float:
        """UNIX seconds, perhaps virtual."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """Real seconds since an arbitrary point."""

    def real_seconds(self, virtual: float, /) -> float:
        """Real seconds that some seconds of ``now`` take."""


class HasFileno(Protocol):
    """A socket, or anything else that can be selected on."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Timer:
    """One callback at one moment; ``cancel`` is safe at any time."""

    __slots__ = ("_callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], None]) -> None:
        self.deadline = deadline
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Never fire."""
        self._callback = None

    @property
    def live(self) -> bool:
        """Whether it will still fire."""
        return self._callback is not None

    def fire(self) -> None:
        """Call back, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Reactor:
    """The one waiting place. An exception of a callback goes through ``step`` to its caller."""

    def __init__(self, clock: Timekeeper) -> None:
        self.clock = clock
        self.turns = 0
        """Steps taken: a watchdog sees here that the loop is alive."""
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._soon: deque[Callable[[], None]] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watch(self._wake_read, self._woken)

    def watch(self, file: int | HasFileno, callback: Callable[[int], None], events: int = READ) -> None:
        """Call back with the ready events whenever ``file`` is ready; a second call for one file replaces the first."""
        try:
            self._selector.register(file, events, callback)
        except KeyError:
            self._selector.modify(file, events, callback)

    def unwatch(self, file: int | HasFileno) -> None:
        """Forget a file; one that is not watched is no error."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, ``seconds`` real seconds from now."""
        return self.at(self.clock.monotonic() + seconds, callback)

    def at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Call back once at a moment of the monotonic clock."""
        timer = Timer(deadline, callback)
        heapq.heappush(self._timers, (deadline, next(self._order), timer))
        return timer

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in this turn or the next, never from inside the caller."""
        self._soon.append(callback)

    def wake(self) -> None:
        """End a wait from a signal handler."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"w")

    def step(self, timeout: float | None = None) -> None:
        """Wait for something to happen, at most ``timeout`` seconds (None: for ever), and call back what is due."""
        self.turns += 1
        for key, events in self._selector.select(self._longest_wait(timeout)):
            key.data(events)
        now = self.clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].fire()
        for _ in range(len(self._soon)):  # what they add waits for the next turn, so that descriptors get theirs
            self._soon.popleft()()

    def run_until(self, done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Step until ``done()`` or until ``timeout`` real seconds passed; return the last ``done()``."""
        deadline = None if timeout is None else self.clock.monotonic() + timeout
        while not done():
            left = None if deadline is None else deadline - self.clock.monotonic()
            if left is not None and left <= 0.0:
                return False
            self.step(left)
        return True

    def close(self) -> None:
        """Give the descriptors back."""
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _longest_wait(self, timeout: float | None) -> float | None:
        """How long the selector may wait."""
        if self._soon:
            return 0.0
        while self._timers and not self._timers[0][2].live:
            heapq.heappop(self._timers)
        if self._timers:
            left = max(0.0, self._timers[0][0] - self.clock.monotonic())
            return left if timeout is None else min(left, timeout)
        return timeout

    def _woken(self, _events: int) -> None:
        """Empty the wake-up pipe."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
