"""The conductor over a scripted network: interleaving, exclusiveness, whose fault a failure is, cleaning up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from balise_agent.experiments.steps import (
    AskGateway,
    Close,
    Connect,
    GatewayAsked,
    Note,
    Noted,
    Plan,
    Rest,
    Rested,
    Step,
)
from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.net.operation import Operation
from balise_agent.system.clock import Clock, Laboratory
from balise_agent.system.errors import LinkUnusable
from balise_agent.system.reactor import Reactor
from balise_agent.system.task import Signal, Wait
from balise_wire.experiments.line import LineObservation
from balise_wire.words import Arm

DONE = LineObservation(arm=Arm.SUBJECT, at=1.0)


@dataclass
class Script:
    """A network in which every step takes ``timeout`` seconds of a hand-turned clock."""

    hand: Hand
    log: list[str] = field(default_factory=list)
    sessions: int = 0
    closed: int = 0
    broken: Exception | None = None
    signal: Signal = field(default_factory=Signal)

    def session(self) -> ScriptSession:
        """Count and return a session."""
        if self.broken is not None:
            raise self.broken
        self.sessions += 1
        return ScriptSession(self)


@dataclass
class ScriptSession:
    """One plan's part of the script."""

    script: Script

    def begin(self, step: Step) -> Operation:
        """Carry out a step as the script says."""
        if isinstance(step, Connect):
            raise LinkUnusable("no right")
        return self.carry(step)

    def carry(self, step: Step) -> Operation:
        """Wait and reply; the log tells the order, also of a wait that was ended from outside."""
        script = self.script
        timeout = step.timeout if isinstance(step, AskGateway) else 0.0
        script.log.append(f"begin {timeout:g}")
        try:
            early = yield Wait(script.hand.moment + timeout, signal=script.signal)
            script.log.append(f"{'early' if early else 'end'} {timeout:g}")
            return GatewayAsked(at=0.0, elapsed_ms=timeout * 1000.0, ok=True)
        finally:
            script.log.append(f"over {timeout:g}")

    def close(self) -> None:
        """Count."""
        self.script.closed += 1


class Hand:
    """A clock turned by hand; the laboratory's scale is 60."""

    def __init__(self) -> None:
        self.moment = 0.0

    def clock(self) -> Clock:
        """Return a laboratory clock on this hand."""
        return Clock(laboratory=Laboratory(1_000.0, 0.0, 60.0), monotonic=lambda: self.moment)


@dataclass
class Stage:
    """A conductor on a scripted network."""

    hand: Hand
    script: Script
    conductor: Conductor
    ended: list[Outcome] = field(default_factory=list)

    def turn(self, moment: float | None = None) -> None:
        """Turn the clock and let everything that is due happen."""
        if moment is not None:
            self.hand.moment = moment
        for _ in range(12):
            self.conductor.step(0.0)

    def start(self, plan: Plan, *, exclusive: bool = False) -> object:
        """Start a plan whose outcome is noted."""
        return self.conductor.start(plan, exclusive=exclusive, on_done=self.ended.append)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Return a fresh stage."""
    hand = Hand()
    script, reactor = Script(hand), Reactor(hand.clock())
    yield Stage(hand, script, Conductor(script, reactor, most_at_once=3))
    reactor.close()


def waits(*seconds: float) -> Plan:
    """Return a plan that waits so long in each step."""
    for one in seconds:
        yield AskGateway(timeout=one)
    return (DONE,)


def test_plans_advance_together(stage: Stage) -> None:
    """Two plans that wait overlap; the battery takes as long as its slowest."""
    stage.start(waits(5.0))
    stage.start(waits(3.0))
    stage.turn()
    assert stage.script.log == ["begin 5", "begin 3"]
    stage.turn(5.0)
    assert [outcome.observations for outcome in stage.ended] == [(DONE,), (DONE,)]
    assert (stage.conductor.finished, stage.conductor.replies, stage.conductor.busy) == (2, 2, 0)


def test_an_exclusive_plan_runs_alone(stage: Stage) -> None:
    """It waits until the others are done, keeps later ones waiting, and is not overtaken."""
    stage.start(waits(1.0))
    stage.start(waits(2.0), exclusive=True)
    stage.start(waits(3.0))
    stage.turn()
    assert stage.script.log == ["begin 1"]
    stage.turn(1.0)
    assert stage.script.log[-1] == "begin 2"
    stage.turn(3.0)
    assert stage.script.log[-1] == "begin 3"
    stage.turn(6.0)
    assert len(stage.ended) == 3


def test_more_plans_than_fit_wait_their_turn(stage: Stage) -> None:
    """At most so many are in flight; the rest begin as others end."""
    for _ in range(5):
        stage.start(waits(1.0))
    stage.turn()
    assert (stage.script.sessions, stage.conductor.busy) == (3, 5)
    stage.turn(1.0)
    stage.turn(2.0)
    assert len(stage.ended) == 5


def test_a_plan_that_raises_stops_alone(stage: Stage) -> None:
    """A mistake in one plan is our failure, counted; the other plan never notices."""

    def broken() -> Plan:
        yield AskGateway(timeout=0.0)
        raise ZeroDivisionError

    stage.start(broken())
    stage.start(waits(1.0))
    stage.turn()
    stage.turn(1.0)
    assert [type(outcome.error) for outcome in stage.ended] == [ZeroDivisionError, type(None)]
    assert (stage.conductor.failures, stage.conductor.finished, stage.script.closed) == (1, 1, 2)


def test_what_a_failed_plan_had_noted_is_kept(stage: Stage) -> None:
    """Observations before our own failure are facts: the outcome has them beside the error."""
    more = LineObservation(arm=Arm.SUBJECT, at=1.0, gateway_ok=True)
    other = LineObservation(arm=Arm.SUBJECT, at=2.0)

    def broken() -> Plan:
        assert isinstance((yield Note(observation=DONE)), Noted)
        yield Note(observation=more, instead=True)
        yield AskGateway(timeout=0.0)
        yield Note(observation=other)
        raise ZeroDivisionError

    stage.start(broken())
    stage.turn()
    (outcome,) = stage.ended
    assert outcome.observations == (more, other)
    assert isinstance(outcome.error, ZeroDivisionError)
    assert stage.conductor.replies == 1


def test_our_failure_never_reaches_the_plan(stage: Stage) -> None:
    """LinkUnusable ends the plan from outside: an experiment cannot take it for data."""
    seen: list[str] = []

    def plan() -> Plan:
        try:
            yield Connect(address="192.0.2.1", port=1, timeout=1.0)
        except LinkUnusable:
            seen.append("reached")
        finally:
            seen.append("closed")
        return ()

    stage.start(plan())
    stage.turn()
    assert seen == ["closed"]
    assert isinstance(stage.ended[0].error, LinkUnusable)


def test_a_network_that_cannot_open_is_our_failure(stage: Stage) -> None:
    """Where not even a session can be had, the plan ends with the error and nothing hangs."""
    stage.script.broken = LinkUnusable("no interface")
    stage.start(waits(1.0))
    stage.turn()
    assert (str(stage.ended[0].error), stage.conductor.busy) == ("no interface", 0)


def test_cancelling_cleans_up_in_the_middle(stage: Stage) -> None:
    """The operation in flight ends, its session is closed, the plan's own ``finally`` runs, and its owner hears it."""
    seen: list[str] = []

    def plan() -> Plan:
        try:
            yield AskGateway(timeout=9.0)
        finally:
            seen.append("closed")
        return ()

    running = stage.conductor.start(plan(), on_done=stage.ended.append)
    stage.turn()
    stage.conductor.cancel(running)
    stage.conductor.cancel(running)
    stage.turn(10.0)
    assert stage.script.log == ["begin 9", "over 9"]
    assert (seen, stage.script.closed, stage.ended) == (["closed"], 1, [Outcome(cancelled=True)])


def test_a_plan_that_resists_its_end_ends(stage: Stage) -> None:
    """A plan that goes on yielding after it was closed loses its session all the same, and its owner hears the end."""

    def plan() -> Plan:
        try:
            yield AskGateway(timeout=9.0)
        except GeneratorExit:
            stage.script.log.append("resisted")
            yield AskGateway(timeout=9.0)
        return ()

    running = stage.conductor.start(plan(), on_done=stage.ended.append)
    stage.turn()
    stage.conductor.cancel(running)
    assert stage.script.log[-1] == "resisted"
    assert (stage.script.closed, stage.ended, stage.conductor.busy) == (1, [Outcome(cancelled=True)], 0)


def test_everything_can_be_cancelled(stage: Stage) -> None:
    """Waiting plans are cancelled like running ones, and each owner hears it once."""
    for _ in range(5):
        stage.start(waits(9.0))
    stage.turn()
    stage.conductor.cancel_all()
    assert (stage.conductor.busy, len(stage.ended)) == (0, 5)
    stage.turn(20.0)
    assert len(stage.ended) == 5


def test_rest_follows_the_probes_clock(stage: Stage) -> None:
    """180 seconds of rest are three real seconds where the clock runs 60 times as fast."""
    replies: list[object] = []

    def plan() -> Plan:
        replies.append((yield Rest(seconds=180.0)))
        return ()

    stage.start(plan())
    stage.turn(1.0)
    stage.turn(3.99)
    assert replies == []
    stage.turn(4.01)
    (reply,) = replies
    assert isinstance(reply, Rested)
    assert reply.at == 1_060.0
    assert reply.elapsed_ms == pytest.approx(3010.0)


def test_a_signal_ends_a_wait_early(stage: Stage) -> None:
    """The tap can end a wait before its time; a second signal is nothing."""
    stage.start(waits(5.0))
    stage.turn()
    stage.script.signal.fire()
    stage.script.signal.fire()
    stage.turn()
    assert stage.script.log == ["begin 5", "early 5", "over 5"]
    assert len(stage.ended) == 1


def test_an_owner_may_start_another_plan_at_once(stage: Stage) -> None:
    """``on_done`` may start plans: that is how a paired series follows a sentinel."""
    begun: list[Outcome] = []

    def again(outcome: Outcome) -> None:
        begun.append(outcome)
        if len(begun) < 3:
            stage.conductor.start(waits(0.0), on_done=again)

    stage.conductor.start(waits(0.0), on_done=again)
    assert stage.conductor.run_until(lambda: not stage.conductor.busy, 5.0)
    assert len(begun) == 3


@pytest.mark.parametrize("wrong", [lambda: Close(handle=1), lambda: None])
def test_what_is_no_step_is_the_plans_mistake(stage: Stage, wrong: Callable[[], Step]) -> None:
    """A step on a handle that does not exist, or something that is no step, ends the plan and nothing else."""

    def plan() -> Plan:
        yield wrong()
        raise KeyError("no such handle")

    stage.start(plan())
    stage.start(waits(1.0))
    stage.turn()
    stage.turn(1.0)
    assert stage.conductor.failures == 1
    assert stage.conductor.finished == 1
