"""The plan of ``call``: trains of packets to the operator's helper, in the shape of a voice call and of nothing.

Must not live here: the datagrams' bytes (codec/call.py), or what a loss means.
"""

import statistics
from collections.abc import Generator
from itertools import pairwise
from typing import Final, NamedTuple

from balise_agent.codec import call
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.helper_talk import ask, helper_of
from balise_agent.experiments.steps import Datagram, DatagramsExchanged, Outgoing, Plan, Reply, Step
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_wire.experiments.call import (
    CUT,
    HEADERS,
    PACKET,
    PACKETS,
    PORTS,
    SPACING,
    TAIL,
    TAIL_PACKETS,
    TRAITS,
    WINDOW,
    WINDOWS,
    CallObservation,
    CallParameters,
    CallShape,
)
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design

_VOICE, _NOISE = CallShape.VOICE, CallShape.NOISE

Trial = Generator[Step, Reply, CallObservation]


class Shapes(NamedTuple):
    """What a train looks like each way."""

    up: CallShape
    down: CallShape


CALL: Final = Shapes(_VOICE, _VOICE)


class CallPlan(ExperimentPlan):
    """Voice to a server that has no part in any service."""

    def sentinel(self, task: Task) -> Plan:
        """Return one train that looks like a call both ways."""
        return ((yield from train_trial(task, Arm.SUBJECT, CALL, 0)),)

    def paired(self, task: Task) -> Plan:
        """Return a train that looks like nothing, voice in one direction at a time, then the whole call twice.

        Where the helper gave no token, its other ports are asked instead.
        """
        observations: list[Observation] = list(carried(task.cause))
        control = yield from train_trial(task, Arm.NOISE, Shapes(_NOISE, _NOISE), 1)
        observations.append(control)
        if control.token is False:
            observations.append((yield from ports_trial(task, 9)))
        else:
            observations.append((yield from train_trial(task, Arm.SHAPE, Shapes(_VOICE, _NOISE), 2)))
            observations.append((yield from train_trial(task, Arm.SHAPE, Shapes(_NOISE, _VOICE), 3)))
        observations.append((yield from train_trial(task, Arm.SUBJECT, CALL, 4)))
        if control.token is not False:
            observations.append((yield from train_trial(task, Arm.SUBJECT, CALL, 5)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the helper's endpoint; without a helper, nothing."""
        helper = helper_of(task)
        return Load(
            endpoints=(endpoint(task),) if helper else (),
            connections=0 if not helper else 3 if task.design is Design.SENTINEL else 3 * 5 + len(PORTS),
            controls=1 if helper else 0,
        )


PLAN: Final = CallPlan()


def endpoint(task: Task) -> Endpoint:
    """Return where trains go."""
    return Endpoint(helper_of(task), task.parameters(CallParameters).port, TRAITS.transport)


@noting
def train_trial(task: Task, arm: Arm, shapes: Shapes, number: int) -> Trial:
    """Return a trial: a token, a train, and how much of it arrived; nothing leaves where there is no helper."""
    place, seed = endpoint(task), task.seed + number
    bare = CallObservation(arm=arm, at=0.0, address=place.host, port=place.port, up=shapes.up, down=shapes.down)
    if not place.host:
        return bare
    asked = yield from ask(task, place.port, call.hello(seed))
    token = next((found for one in asked.answers if (found := call.read_token(one.data, seed)) is not None), None)
    if token is None:
        return _told(bare, asked, token=False, icmp=asked.icmp, failure=asked.failure or Failure.GENERIC_TIMEOUT)
    sent = tuple(
        Outgoing(data=call.packet(token, seed, each, shapes.up, shapes.down), after=each * SPACING)
        for each in range(PACKETS)
    )
    step = Datagram(
        address=place.host,
        port=place.port,
        datagrams=sent,
        window=PACKETS * SPACING + task.timeouts.syn,
        most=PACKETS,
        expects=PACKETS * (PACKET + HEADERS),
    )
    train = expect(DatagramsExchanged, (yield step))
    report = yield from ask(task, place.port, call.report(token, seed))
    counts = next((told for one in report.answers if (told := call.read_counts(one.data, seed)) is not None), None)
    return _of_train(bare, train, counts, seed)


@noting
def ports_trial(task: Task, number: int) -> Trial:
    """Return a trial: on which of its ports the helper gives a token."""
    place, seed = endpoint(task), task.seed + number
    open_ports: list[int] = []
    first: DatagramsExchanged | None = None
    for port in PORTS:
        asked = yield from ask(task, port, call.hello(seed), copies=2)
        first = first or asked
        if any(call.read_token(one.data, seed) is not None for one in asked.answers):
            open_ports.append(port)
    return CallObservation(
        arm=Arm.OTHER_PORT,
        at=first.at if first is not None else 0.0,
        failure=None if open_ports else Failure.GENERIC_TIMEOUT,
        address=place.host,
        port=0,
        up=_NOISE,
        down=_NOISE,
        ports=tuple(open_ports),
    )


def tail_of(counts: tuple[int, ...]) -> int:
    """Return how many packets of a train's end are among those that were counted."""
    return sum(counts[-TAIL:])


def _of_train(
    bare: CallObservation, train: DatagramsExchanged, arrived: tuple[int, ...] | None, seed: int
) -> CallObservation:
    """Return the observation of a train."""
    trips: dict[int, float] = {}
    for one in train.answers:
        number = call.read_back(one.data, seed)
        left = None if number is None else train.sent_ms[number]
        if number is not None and left is not None:
            trips.setdefault(number, one.at_ms - left)
    returned = [0] * WINDOWS
    for number in trips:
        returned[number // WINDOW] += 1
    sent = sum(at is not None for at in train.sent_ms)
    cut = tail_of(tuple(returned)) <= CUT * TAIL_PACKETS
    steps = [abs(after - before) for before, after in pairwise(trips[number] for number in sorted(trips))]
    return _told(
        bare,
        train,
        token=True,
        sent=sent,
        arrived=arrived,
        returned=tuple(returned),
        rtt_ms=statistics.median(trips.values()) if trips else None,
        jitter_ms=statistics.fmean(steps) if steps else None,
        icmp=train.icmp,
        failure=(train.failure or Failure.GENERIC_TIMEOUT) if cut else None,
    )


def _told(bare: CallObservation, reply: DatagramsExchanged, **found: object) -> CallObservation:
    """Return a trial with what a step of it saw."""
    return CallObservation(
        arm=bare.arm,
        at=reply.at,
        elapsed_ms=reply.elapsed_ms,
        packets=reply.packets,
        flood_bytes=reply.flood,
        address=bare.address,
        port=bare.port,
        up=bare.up,
        down=bare.down,
        **found,  # type: ignore[arg-type]
    )
