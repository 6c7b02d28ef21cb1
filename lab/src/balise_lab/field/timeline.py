"""Virtual time: one heap of timers for every probe and the centre, and the reactor that each probe believes it has.

Lives here: what moves time on. Nothing waits: the next moment at which anything happens is the next moment. Must not
live here: what happens.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable

from balise_agent.system.reactor import HasFileno, Reactor, Timekeeper, Timer


class Timeline:
    """The one time of a situation (UNIX seconds), and everything that is to happen in it."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._soon: deque[Callable[[], None]] = deque()

    def at(self, moment: float, callback: Callable[[], None]) -> Timer:
        """Call back at a moment; in its past: as soon as everything before it is done."""
        timer = Timer(moment, callback)
        heapq.heappush(self._timers, (moment, next(self._order), timer))
        return timer

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back at this moment, never from inside the caller."""
        self._soon.append(callback)

    def run(self, until: float) -> None:
        """Let everything happen up to and at a moment."""
        soon, timers = self._soon, self._timers
        while True:
            while soon:
                soon.popleft()()
            if not timers or timers[0][0] > until:
                break
            moment, _, timer = heapq.heappop(timers)
            if timer.live:
                self.now = max(self.now, moment)
                timer.fire()
        self.now = until


class VirtualReactor(Reactor):
    """The waiting place of one probe: its timers are on the common timeline. There are no descriptors."""

    def __init__(self, timeline: Timeline, clock: Timekeeper) -> None:
        self.clock = clock
        self.turns = 0
        self._timeline = timeline

    def watch(self, file: int | HasFileno, callback: Callable[[int], None], events: int = 0) -> None:
        """There is nothing to watch.

        Raises:
            AssertionError: always; whoever comes here would open a socket.
        """
        raise AssertionError(f"a descriptor in the virtual field: {file}, {callback}, {events}")

    def unwatch(self, file: int | HasFileno) -> None:
        """See ``watch``: nothing was watched."""

    def at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Call back once at a moment; a probe's monotonic seconds are the timeline's."""
        return self._timeline.at(deadline, callback)

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back at this moment, never from inside the caller."""
        self._timeline.soon(callback)

    def wake(self) -> None:
        """Nothing waits."""

    def step(self, timeout: float | None = None) -> None:
        """Only the timeline moves time.

        Raises:
            AssertionError: always.
        """
        raise AssertionError(f"the timeline moves time, not a probe ({timeout})")

    def close(self) -> None:
        """There is nothing to give back."""
