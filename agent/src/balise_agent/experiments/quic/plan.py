"""The plan of ``quic``: Initial packets with a name, as many random bytes, and what shows that the way is open.

Must not live here: the packets' bytes (codec/quic.py), or what a failure means.
"""

from collections.abc import Generator
from typing import Final

from balise_agent.codec import quic
from balise_agent.codec.quic import OTHER, QuicAnswer
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.steps import (
    AnswerKind,
    Datagram,
    DatagramAnswer,
    DatagramsExchanged,
    Exchange,
    Exchanged,
    Failed,
    Outgoing,
    Plan,
    Reply,
    Step,
    SynProbe,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_wire.assignment import Control
from balise_wire.experiments.quic import ELSEWHERE, SYNS, TRAITS, QuicObservation, QuicPacket
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment

COPIES: Final = (0.0, 1.0, 3.0)
"""Seconds at which a first datagram leaves that nothing answers: as a client's timer has it (RFC 9002 6.2.1)."""
AGAIN: Final = (0.0, 0.7, 1.4)
"""The same of the packet that follows, whose round trip is known by then."""
_FOLLOWS: Final = 1 << 32
"""Added to a trial's seed for the packet that follows it."""

Trial = Generator[Step, Reply, QuicObservation]


class QuicPlan(ExperimentPlan):
    """The name in QUIC's first packet, and UDP to its port."""

    def sentinel(self, task: Task) -> Plan:
        """Return one Initial with the subject's name, and a packet on the same socket seconds later."""
        return ((yield from name_trial(task, Arm.SUBJECT, task.target.host, 0)),)

    def paired(self, task: Task) -> Plan:
        """Return TCP to the same port, random bytes, the control's name, then the subject's twice.

        Nothing that carries the subject's name comes before a control. Where it failed, the control's name follows
        once more, and servers of other operators are asked whether this line carries UDP to the port at all: by a
        packet that names nothing.
        """
        observations: list[Observation] = list(carried(task.cause))
        observations.append((yield from syn_trial(task)))
        observations.append((yield from noise_trial(task)))
        arm, other = task.other_name()
        observations.append((yield from name_trial(task, arm, other or None, 1)))
        observations.append((yield from name_trial(task, Arm.SUBJECT, task.target.host, 2)))
        again = yield from name_trial(task, Arm.SUBJECT, task.target.host, 3)
        observations.append(again)
        if again.failure is not None:
            observations.append((yield from name_trial(task, Arm.AFTER, other or None, 4)))
            for number, place in enumerate(elsewhere(task)):
                observations.append((yield from elsewhere_trial(task, place, 5 + number)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the one endpoint of UDP; what follows another way shows no name."""
        single = task.design is Design.SENTINEL
        return Load(
            endpoints=(endpoint(task),),
            connections=1 if single else 8,
            controls=0 if single else len(elsewhere(task)),
        )


PLAN: Final = QuicPlan()


def endpoint(task: Task) -> Endpoint:
    """Return where every trial with a name goes."""
    return Endpoint(task.address, task.target.port_of(Experiment.QUIC), TRAITS.transport)


def quic_controls(task: Task) -> tuple[tuple[Control, Endpoint], ...]:
    """Return the servers of other operators that speak QUIC on the target's port, of the task's family."""
    port = task.target.port_of(Experiment.QUIC)
    return tuple(
        (control, Endpoint(address, port, TRAITS.transport))
        for control in task.controls
        if control.quic and control.port == port
        for address in control.addresses
        if (":" in address) == (task.family == 6) and address != task.address
    )


def elsewhere(task: Task) -> tuple[Endpoint, ...]:
    """Return which of them this run asks: one address each of a few, by the seed."""
    by_name: dict[str, list[str]] = {}
    for control, place in quic_controls(task):
        by_name.setdefault(control.name, []).append(place.host)
    chosen: list[Endpoint] = []
    left = sorted(by_name)
    while left and len(chosen) < ELSEWHERE:
        name = task.pick(left, f"elsewhere {len(chosen)}")
        left.remove(name)
        address = task.pick(sorted(by_name[name]), "elsewhere-address")
        chosen.append(Endpoint(address, task.target.port_of(Experiment.QUIC), TRAITS.transport))
    return tuple(chosen)


@noting
def name_trial(task: Task, arm: Arm, name: str | None, number: int) -> Trial:
    """Return a trial: an Initial with a name, sent again while nothing comes, and a packet that follows it."""
    seed = task.seed + number
    first = [quic.initial(name, seed, shape=task.seed, number=copy) for copy in range(len(COPIES))]
    step = _exchange(task, endpoint(task), first, seed + _FOLLOWS)
    reply = expect(DatagramsExchanged, (yield step))
    return _observed(arm, QuicPacket.INITIAL, step, reply, name=name, seed=seed)


@noting
def noise_trial(task: Task) -> Trial:
    """Return a trial: as many random bytes, once, and the packet that follows: it tells whether the flow lives."""
    seed = task.seed + _FOLLOWS // 2
    step = _exchange(task, endpoint(task), [quic.noise(seed)], seed + _FOLLOWS)
    reply = expect(DatagramsExchanged, (yield step))
    return _observed(Arm.NOISE, QuicPacket.NOISE, step, reply, seed=seed)


@noting
def elsewhere_trial(task: Task, place: Endpoint, number: int) -> Trial:
    """Return a trial: what asks another operator's server for its versions, sent again while nothing comes."""
    seed = task.seed + number
    datagrams = tuple(
        Outgoing(data=data, after=at, unless_heard=0.0 if at else None)
        for data, at in zip(_nameless(seed), AGAIN, strict=True)
    )
    step = Datagram(
        address=place.host, port=place.port, datagrams=datagrams, window=AGAIN[-1] + task.timeouts.syn, enough=True
    )
    reply = expect(DatagramsExchanged, (yield step))
    return _observed(Arm.ELSEWHERE, QuicPacket.VERSION, step, reply, seed=seed)


@noting
def syn_trial(task: Task) -> Trial:
    """Return a trial of the same address and port over TCP."""
    place = endpoint(task)
    probes = (SynProbe(address=place.host, port=place.port),) * SYNS
    reply = yield Exchange(packets=probes, window=task.timeouts.syn, spacing=0.3, enough=True)
    answers = reply.answers if isinstance(reply, Exchanged) else ()
    standing = [one for one in answers if one.kind is AnswerKind.SYNACK]
    reset = any(one.kind is AnswerKind.RST for one in answers)
    failure = Failure.CONNECTION_REFUSED if reset else Failure.GENERIC_TIMEOUT
    if isinstance(reply, Failed):
        failure = reply.failure
    return QuicObservation(
        arm=Arm.OTHER_TRANSPORT,
        at=reply.at,
        failure=None if standing else failure,
        elapsed_ms=min((one.rtt_ms for one in standing), default=reply.elapsed_ms),
        packets=reply.packets if isinstance(reply, Exchanged | Failed) else (),
        flood_bytes=sum(reply.floods) if isinstance(reply, Exchanged) else 0,
        address=place.host,
        port=place.port,
        sent=QuicPacket.SYN,
        copies=0 if isinstance(reply, Failed) else SYNS,
        answers=len({one.probe for one in standing}),
        answer="synack" if standing else "",
        rtt_ms=min((one.rtt_ms for one in standing), default=None),
    )


def _nameless(seed: int) -> tuple[bytes, bytes, bytes]:
    """Return what asks a server for a sign of life, in the order of trial.

    What asks for versions goes twice; some servers pass it over where a connection stands, or always: the last one is
    an Initial without a name, to which they must say something.
    """
    probe = quic.version_probe(seed)
    return probe, probe, quic.initial(None, seed, shape=seed)


def _exchange(task: Task, place: Endpoint, first: list[bytes], follows: int) -> Datagram:
    """Return the step of a trial with a packet that follows; the listening goes on for seconds (late onset)."""
    onset = task.timeouts.onset
    copies = [
        Outgoing(data=d, after=at, unless_heard=0.0 if at else None) for d, at in zip(first, COPIES, strict=False)
    ]
    later = [
        Outgoing(data=data, after=onset + at, unless_heard=onset if at else None)
        for data, at in zip(_nameless(follows), AGAIN, strict=True)
    ]
    datagrams = (*(one for one in copies if one.after < onset), *later)
    window = onset + AGAIN[-1] + task.timeouts.syn
    return Datagram(address=place.host, port=place.port, datagrams=datagrams, window=window, enough=True)


def _observed(
    arm: Arm, sent: QuicPacket, step: Datagram, reply: DatagramsExchanged, *, seed: int, name: str | None = None
) -> QuicObservation:
    """Return the observation of an exchange."""
    following = _nameless(seed + _FOLLOWS)
    left = [one.data in following for one, at in zip(step.datagrams, reply.sent_ms, strict=True) if at is not None]
    read = [(answer, quic.read_answer(answer.data, seed)) for answer in reply.answers]
    later = [one for one, said in read if said == OTHER and _follows(one, seed)]
    mine = [(one, said) for one, said in read if one not in later]
    sound = [said for _, said in mine if said != OTHER]
    first = sound[0] if sound else mine[0][1] if mine else QuicAnswer("")
    followed = bool(later) if any(left) else None
    return QuicObservation(
        arm=arm,
        at=reply.at,
        failure=_failure(sent, sound, reply, followed=followed, anything=bool(mine)),
        elapsed_ms=mine[0][0].at_ms if mine and followed is not False else reply.elapsed_ms,
        packets=reply.packets,
        flood_bytes=reply.flood,
        address=step.address,
        port=step.port,
        sent=sent,
        name=name,
        copies=left.count(False),
        answers=len(mine),
        answer=first.word,
        rtt_ms=mine[0][0].at_ms if mine else None,
        versions=next((said.versions for said in sound if said.versions), ()),
        followed=followed,
        last_ms=max((one.at_ms for one in reply.answers), default=None),
        icmp=reply.icmp,
    )


def _follows(answer: DatagramAnswer, seed: int) -> bool:
    """Tell whether a datagram answers the packet that follows."""
    return quic.read_answer(answer.data, seed + _FOLLOWS) != OTHER


def _failure(
    sent: QuicPacket, sound: list[QuicAnswer], reply: DatagramsExchanged, *, followed: bool | None, anything: bool
) -> Failure | None:
    """Return how a trial failed: nothing came that is QUIC, or nothing any more when it was asked once more.

    Random bytes are answered by nobody: there the packet that follows says all.
    """
    if sent is QuicPacket.NOISE:
        return None if followed else reply.failure or Failure.GENERIC_TIMEOUT
    if not sound:
        return reply.failure or (Failure.QUIC_MALFORMED if anything else Failure.GENERIC_TIMEOUT)
    return None if followed is not False else reply.failure or Failure.GENERIC_TIMEOUT
