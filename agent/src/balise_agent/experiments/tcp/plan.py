"""The plan of ``tcp``: crafted SYNs, each from its own source port.

Must not live here: names, payloads, the kernel's TCP, or what a failure means.
"""

import ipaddress
from collections.abc import Generator, Sequence
from typing import Final

from balise_agent.experiments import through
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    Close,
    Exchange,
    Exchanged,
    Failed,
    Note,
    Plan,
    Reply,
    Step,
    SynProbe,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.system.proxies import Proxy
from balise_wire.evidence import PROHIBITED, Packet
from balise_wire.experiments.tcp import CONTROL_SYNS, SENTINEL_SYNS, SUBJECT_SYNS, TcpObservation, TcpParameters
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment, HopPlace

SENTINEL_SPACING: Final = 1.0
"""Seconds between the two: one short loss of the line must not look like a block."""
PAIRED_SPACING: Final = 0.3

Trial = Generator[Step, Reply, TcpObservation]


class TcpPlan(ExperimentPlan):
    """The address, the port and the way to them."""

    def sentinel(self, task: Task) -> Plan:
        """Return two SYNs to the endpoint, a second apart; done as soon as both are answered."""
        subject = Endpoint(task.address, task.target.port)
        return ((yield from syn_trial(task, Arm.SUBJECT, subject, SENTINEL_SYNS, SENTINEL_SPACING, enough=True)),)

    def paired(self, task: Task) -> Plan:
        """Return other port, sibling and a control endpoint first, then six SYNs to the subject.

        Where these got nothing and the other port had answered, it is asked once more: what answered before the series
        and not after it counts the connections of one home. Then a proxy of the operator's, if there is one, is asked
        to connect to the very address.
        """
        observations: list[Observation] = list(carried(task.cause))
        before = yield from _control_trials(task)
        observations.extend(before)
        subject = Endpoint(task.address, task.target.port)
        series = yield from syn_trial(task, Arm.SUBJECT, subject, SUBJECT_SYNS, PAIRED_SPACING, enough=False)
        observations.append(series)
        if not series.synacks:
            for trial in before:
                if trial.arm is Arm.OTHER_PORT and trial.synacks:
                    other = Endpoint(trial.address, trial.port)
                    observations.append(
                        (yield from syn_trial(task, Arm.OTHER_PORT, other, CONTROL_SYNS, PAIRED_SPACING, enough=True))
                    )
            observations.extend((yield from _through(task)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the endpoint and, in a paired run, those of the arms that stand for it."""
        subject = Endpoint(task.address, task.target.port)
        if task.design is Design.SENTINEL:
            return Load(endpoints=(subject,), connections=SENTINEL_SYNS, through=self._asks(task))
        arms = controls(task)
        closing = CONTROL_SYNS * sum(arm is Arm.OTHER_PORT for arm, _ in arms)
        return Load(
            endpoints=(subject, *(endpoint for arm, endpoint in arms if arm is not Arm.CONTROL)),
            connections=SUBJECT_SYNS + CONTROL_SYNS + closing,
            controls=len(arms),
            through=self._asks(task),
        )

    @staticmethod
    def _asks(task: Task) -> bool:
        return bool(task.proxies_of(Experiment.TCP))


PLAN: Final = TcpPlan()


def controls(task: Task) -> tuple[tuple[Arm, Endpoint], ...]:
    """Return the control arms that this target and assignment have, in the order they are tried."""
    target = task.target
    arms: list[tuple[Arm, Endpoint]] = []
    other_port = task.parameters(TcpParameters).other_port
    if other_port and other_port != target.port:
        arms.append((Arm.OTHER_PORT, Endpoint(task.address, other_port)))
    arms += [(arm, Endpoint(address, target.port)) for arm, address in ladder(task)]
    control = task.endpoint_control()
    if control is not None and control.host != task.address:
        arms.append((Arm.CONTROL, control))
    return tuple(arms)


def ladder(task: Task) -> tuple[tuple[Arm, str], ...]:
    """Return one host in the subject's own prefix and one in another prefix of its AS, as far as they are assigned.

    What dies with the address alone, with its /24 or with the whole AS are three blocks (Turkmenistan blocks prefixes,
    Russia blocked /10s in 2018). Which of several is asked changes with the seed.
    """
    target = task.target
    named = (target.sibling, *task.parameters(TcpParameters).siblings)
    usable = [one for one in named if one and (":" in one) == (task.family == 6) and one not in task.addresses]
    own = prefix_of(task.address)
    near = [one for one in usable if one != task.address and prefix_of(one) == own]
    far = [one for one in usable if prefix_of(one) != own]
    chosen = ((Arm.NEAR_SIBLING, task.pick(near, "near-sibling")), (Arm.SIBLING, task.pick(far, "sibling")))
    return tuple((arm, address) for arm, address in chosen if address)


def prefix_of(address: str) -> str:
    """Return the prefix that networks announce at the longest: a /24, of IPv6 a /48."""
    return str(ipaddress.ip_network((address, 48 if ":" in address else 24), strict=False)) if address else ""


def _through(task: Task) -> Generator[Step, Reply, tuple[TcpObservation, ...]]:
    """Return what a proxy says of a control's endpoint and of the subject's."""
    if (proxy := task.proxy(Experiment.TCP)) is None:
        return ()
    return (yield from through.series(task, proxy, lambda arm, to, _number: through_trial(task, proxy, arm, to)))


@noting
def through_trial(task: Task, proxy: Proxy, arm: Arm, to: Endpoint) -> Trial:
    """Return a trial by way of a proxy: whether it says that it is connected to an address and port."""
    opened = yield from through.open_through(task, proxy, to)
    if opened.failure is None:
        yield Close(handle=opened.handle)
    return TcpObservation(
        arm=arm,
        at=opened.at,
        failure=opened.failure,
        elapsed_ms=opened.elapsed_ms,
        flood_bytes=opened.flood,
        address="" if proxy.kind.is_relay else to.host,
        port=0 if proxy.kind.is_relay else to.port,
        syns=1,
        synacks=int(opened.failure is None),
        through=opened.through,
    )


def _control_trials(task: Task) -> Generator[Step, Reply, list[TcpObservation]]:
    """Return the trials of all control arms, asked in one window: dead ones together cost no more time than one."""
    arms = controls(task)
    if not arms:
        return []
    once = tuple(SynProbe(address=endpoint.host, port=endpoint.port) for _, endpoint in arms)
    reply = yield Exchange(
        packets=once * CONTROL_SYNS, window=task.timeouts.syn, spacing=PAIRED_SPACING / len(arms), enough=True
    )
    trials: list[TcpObservation] = []
    for number, (arm, endpoint) in enumerate(arms):
        answers: tuple[Answer, ...] = ()
        if isinstance(reply, Exchanged):
            answers = tuple(answer for answer in reply.answers if answer.probe % len(arms) == number)
        # The window's capture holds all arms; of this one the answers are known to be its own.
        packets = tuple(answer.packet for answer in answers)
        flood = sum(reply.floods[number :: len(arms)]) if isinstance(reply, Exchanged) else 0
        trials.append(_observed(arm, endpoint, reply, CONTROL_SYNS, answers, packets, flood))
        yield Note(observation=trials[-1])
    return trials


@noting
def syn_trial(task: Task, arm: Arm, endpoint: Endpoint, count: int, spacing: float, *, enough: bool) -> Trial:
    """Return a trial: ``count`` SYNs from as many source ports, and everything that answered."""
    probes = tuple(SynProbe(address=endpoint.host, port=endpoint.port) for _ in range(count))
    reply = yield Exchange(packets=probes, window=task.timeouts.syn, spacing=spacing, enough=enough)
    answers, packets, floods = (
        (reply.answers, reply.packets, reply.floods) if isinstance(reply, Exchanged) else ((), (), ())
    )
    return _observed(arm, endpoint, reply, count, answers, packets, sum(floods))


def _observed(
    arm: Arm,
    endpoint: Endpoint,
    reply: Reply,
    count: int,
    answers: Sequence[Answer],
    packets: tuple[Packet, ...],
    flood: int,
) -> TcpObservation:
    """Return the observation of ``count`` SYNs to one endpoint."""
    address, port, _ = endpoint
    if isinstance(reply, Failed):
        return TcpObservation(
            arm=arm,
            at=reply.at,
            failure=reply.failure,
            elapsed_ms=reply.elapsed_ms,
            packets=reply.packets,
            flood_bytes=reply.flood,
            address=address,
            port=port,
        )
    rtts = [answer.rtt_ms for answer in answers if answer.kind is AnswerKind.SYNACK]
    return TcpObservation(
        arm=arm,
        at=expect(Exchanged, reply).at,
        failure=None if rtts else _failure(answers),
        elapsed_ms=min(rtts, default=reply.elapsed_ms),
        packets=packets,
        flood_bytes=flood,
        address=address,
        port=port,
        syns=count,
        # Probes answered, not answers: a retransmitted SYN-ACK is still one.
        synacks=_answered(answers, AnswerKind.SYNACK),
        resets=_answered(answers, AnswerKind.RST),
        icmp_errors=_answered(answers, AnswerKind.ICMP),
        icmp_place=next((one.packet.place for one in answers if one.kind is AnswerKind.ICMP), HopPlace.UNKNOWN),
        rtt_ms=min(rtts, default=None),
    )


def _answered(answers: Sequence[Answer], kind: AnswerKind) -> int:
    """Count the SYNs that had at least one answer of a kind."""
    return len({answer.probe for answer in answers if answer.kind is kind})


def _failure(answers: Sequence[Answer]) -> Failure:
    """Name the failure of a series without any SYN-ACK, by the first answer that was one of refusal."""
    for answer in answers:
        if answer.kind is AnswerKind.RST:
            return Failure.CONNECTION_REFUSED
        if answer.kind is AnswerKind.ICMP:
            return Failure.ICMP_ADMIN_PROHIBITED if answer.packet.icmp in PROHIBITED else Failure.HOST_UNREACHABLE
    return Failure.GENERIC_TIMEOUT
