"""Which endpoints the controls have, and what becomes of those that have no way out."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.line.controls import MOST_6, MOST_OTHERS, places
from balise_agent.experiments.steps import AnswerKind, Exchange, Exchanged, Reply
from balise_agent.experiments.task import Task
from balise_agent.testing import ANY_PORT, FakeNetwork, FakeSession
from balise_wire.assignment import Control
from balise_wire.experiments.line import LineObservation
from balise_wire.failures import Failure
from balise_wire.words import Experiment, Scope
from tests.agent.experiments.line.test_plan import LINE

FAR = Control(name="far.example", addresses=("2a00::1", "198.18.9.1"))
NEAR = Control(name="near.example", addresses=("198.18.9.2", "2a00::2"), scope=Scope.DOMESTIC)


def test_ipv4_comes_first_and_a_few_follow_over_ipv6(task: Task) -> None:
    """One control of each side of the border tells whether IPv6 carries; all of them would cost every line."""
    more = [msgspec.structs.replace(FAR, name=f"far{number}.example") for number in range(5)]
    found = places(msgspec.structs.replace(task, controls=(FAR, NEAR, *more)))
    assert [one.family for one in found] == [4] * 7 + [6] * MOST_6
    assert {one.control.scope for one in found if one.family == 6} == {Scope.DOMESTIC, Scope.INTERNATIONAL}


def test_a_home_without_ipv6_is_not_asked_over_it(network: FakeNetwork, task: Task) -> None:
    """No way to an IPv6 address is no dead control; no way to an IPv4 address is a line that is down."""
    dual = msgspec.structs.replace(task, controls=(FAR, NEAR))
    network.on(Exchange, lambda step, session: _without(network, step, session, family=":"))
    (only,) = network.play(LINE.plan.sentinel(dual), LineObservation)
    assert [(one.name, one.family, one.failure) for one in only.controls] == [
        ("far.example", 4, None), ("near.example", 4, None),
    ]  # fmt: skip
    assert only.loss == 0.0
    network.on(Exchange, lambda _step, session: session.failed(Failure.NETWORK_UNREACHABLE))
    (down,) = network.play(LINE.plan.sentinel(dual), LineObservation)
    assert [(one.family, one.failure) for one in down.controls] == [(4, Failure.NETWORK_UNREACHABLE)] * 2
    assert (down.loss, down.others) == (1.0, None)


def _without(network: FakeNetwork, step: Exchange, session: FakeSession, family: str) -> Reply:
    """Return what an exchange brings where addresses of one family have no way out."""
    unsent = tuple((n, Failure.NETWORK_UNREACHABLE) for n, one in enumerate(step.packets) if family in one.address)
    reply = network._exchange(step, session)
    answers = tuple(one for one in reply.answers if one.probe not in dict(unsent))
    return Exchanged(at=reply.at, elapsed_ms=reply.elapsed_ms, answers=answers, unsent=unsent)


def test_few_are_asked_in_other_ways(network: FakeNetwork, task: Task) -> None:
    """A dead line costs a few packets more, once a look."""
    many = [Control(name=f"c{n}.example", addresses=(f"198.18.9.{n + 10}",)) for n in range(8)]
    for one in many:
        network.refuse(one.addresses[0], ANY_PORT, Failure.GENERIC_TIMEOUT)
    (only,) = network.play(LINE.plan.sentinel(msgspec.structs.replace(task, controls=tuple(many))), LineObservation)
    assert [one.port for one in only.others or ()] == [443] * MOST_OTHERS + [80] * MOST_OTHERS + [0] * MOST_OTHERS
    assert {one.failure for one in only.others or ()} == {Failure.GENERIC_TIMEOUT}
    assert {AnswerKind.ECHO, AnswerKind.SYNACK}.isdisjoint({one.failure for one in only.controls})
    assert Experiment.LINE.value == "line"
