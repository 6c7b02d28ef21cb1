"""The conductor: many plans advance together over one selector, each step carried out by the net layer.

Lives here: starting plans, handing their steps to the network and the replies back, ``Rest`` on the probe's clock,
exclusive plans, cancellation, and the account of our own failures. A plan that raises stops alone, and what it had
noted is kept. Must not live here: how a step is carried out (net/), what a plan measures (experiments/), when one is
due (agenda.py).
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from balise_agent.experiments.steps import Note, Noted, Plan, Reply, Rest, Rested, Step
from balise_agent.net.operation import Operation
from balise_agent.system.reactor import Reactor
from balise_agent.system.task import ReactorTask, Wait
from balise_wire.observations import Observation

_LOG: Final = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 128
"""Plans in flight; more wait their turn (each may hold a few sockets of the 1,024 that a process gets)."""


class Session(Protocol):
    """What one plan holds open in the network."""

    def begin(self, step: Step) -> Operation:
        """Return the operation that carries out a step (Rest is not among them)."""

    def close(self) -> None:
        """Close every connection that the plan left open."""


class NetworkAccess(Protocol):
    """Where steps are carried out: ``net.link.Link``, or a test's."""

    def session(self) -> Session:
        """Return what a new plan works with."""


@dataclass(frozen=True)
class Outcome:
    """How a plan ended: with observations, or by our failure, or cancelled."""

    observations: tuple[Observation, ...] = ()
    """What it returned; with ``error``, what it had noted before."""
    error: Exception | None = None
    """Our failure (LinkUnusable, Refused, a mistake in a plan): said in the measurement, and never the network's."""
    cancelled: bool = False


OnDone = Callable[[Outcome], None]


class Running:
    """One plan on its way."""

    def __init__(self, plan: Plan, on_done: OnDone, *, exclusive: bool) -> None:
        self.plan = plan
        self.on_done = on_done
        self.exclusive = exclusive
        self.session: Session | None = None
        self.task: ReactorTask[Reply] | None = None
        """The step in flight."""
        self.ended = False
        self.noted: list[Observation] = []


class Conductor:
    """Carries plans. ``reactor.step`` (or ``step`` here) makes them advance."""

    def __init__(self, network: NetworkAccess, reactor: Reactor, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self.reactor = reactor
        self.replies = 0
        """Steps carried out."""
        self.finished = 0
        """Plans that returned observations."""
        self.failures = 0
        """Plans that ended by our own failure."""
        self._network = network
        self._clock = reactor.clock
        self._most_at_once = most_at_once
        self._queue: deque[Running] = deque()
        self._running: set[Running] = set()

    @property
    def busy(self) -> int:
        """Plans in flight and waiting."""
        return len(self._running) + len(self._queue)

    def start(self, plan: Plan, *, exclusive: bool = False, on_done: OnDone) -> Running:
        """Begin a plan at the next turn; ``on_done`` is called once, from the reactor.

        An exclusive plan waits until nothing runs, and runs alone: rates are measured by it. Plans begin in the order
        they were started, so that it is not overtaken for ever.
        """
        running = Running(plan, on_done, exclusive=exclusive)
        self._queue.append(running)
        self.reactor.soon(self._admit)
        return running

    def cancel(self, running: Running) -> None:
        """End a plan now; its connections are closed and ``on_done`` hears ``cancelled``."""
        if not running.ended:
            self._end(running, Outcome(cancelled=True))

    def cancel_all(self) -> None:
        """End every plan, waiting ones too."""
        for running in [*self._queue, *self._running]:
            self.cancel(running)

    def step(self, timeout: float | None = None) -> None:
        """Let the reactor take one step."""
        self.reactor.step(timeout)

    def run_until(self, done: Callable[[], bool], timeout: float | None = None) -> bool:
        """Step until ``done()`` or ``timeout`` real seconds; return the last ``done()``."""
        return self.reactor.run_until(done, timeout)

    def _admit(self) -> None:
        """Begin what may begin."""
        while self._queue and len(self._running) < self._most_at_once:
            if self._running and (self._queue[0].exclusive or any(one.exclusive for one in self._running)):
                return
            running = self._queue.popleft()
            self._running.add(running)
            try:
                running.session = self._network.session()
            except Exception as error:  # noqa: BLE001 - our failure must end this plan, not the others
                self._fail(running, error)
                continue
            self._advance_plan(running, None)

    def _advance_plan(self, running: Running, reply: Reply | None) -> None:
        """Send a reply into the plan and begin its next step, until one has to wait."""
        try:
            # A plan is a generator without a base case: the first send must be None.
            step = next(running.plan) if reply is None else running.plan.send(reply)
            while isinstance(step, Note):
                step = running.plan.send(self._note(running, step))
            self._begin(running, step)
        except StopIteration as stop:
            self.finished += 1
            self._end(running, Outcome(observations=tuple(stop.value or ())))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(running, error)

    def _note(self, running: Running, step: Note) -> Noted:
        """Keep an observation for the case that our own failure ends the plan."""
        if step.instead and running.noted:
            running.noted.pop()
        running.noted.append(step.observation)
        return Noted(at=self._clock.now(), elapsed_ms=0.0)

    def _begin(self, running: Running, step: Step) -> None:
        """Begin one step; raises what the operation's start raises."""
        if running.session is None:
            return
        running.task = ReactorTask(
            self._rest(step) if isinstance(step, Rest) else running.session.begin(step),
            reactor=self.reactor,
            done=lambda reply: self._replied(running, reply),
            failed=lambda error: self._fail(running, error),
        )
        running.task.start()

    def _rest(self, step: Rest) -> Operation:
        """Wait on the probe's clock. A virtual clock is a scale on the real one, so the end is known beforehand."""
        at, began = self._clock.now(), self._clock.monotonic()
        yield Wait(began + self._clock.real_seconds(max(0.0, step.seconds)))
        return Rested(at=at, elapsed_ms=(self._clock.monotonic() - began) * 1000.0)

    def _replied(self, running: Running, reply: Reply) -> None:
        """Hand the reply of the step in flight to its plan."""
        running.task = None
        self.replies += 1
        self._advance_plan(running, reply)

    def _fail(self, running: Running, error: Exception) -> None:
        """Count our own failure and end the plan."""
        self.failures += 1
        _LOG.warning("a plan ended by our own failure: %s: %s", type(error).__name__, error)
        self._end(running, Outcome(observations=tuple(running.noted), error=error))

    def _end(self, running: Running, outcome: Outcome) -> None:
        """Clean up after a plan, tell its owner, and let others begin."""
        running.ended = True
        task, running.task = running.task, None
        try:
            if task is not None:
                task.cancel()
            running.plan.close()
        except Exception:  # noqa: BLE001 - a plan that resists its end must not keep the session open
            _LOG.exception("a plan did not end cleanly")
        finally:
            if running.session is not None:
                running.session.close()
        self._running.discard(running)
        if running in self._queue:
            self._queue.remove(running)
        self.reactor.soon(self._admit)
        running.on_done(outcome)
