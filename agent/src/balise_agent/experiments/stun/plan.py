"""The plan of ``stun``: binding requests, as many bytes without STUN's mark, and what shows that the line carries UDP.

Must not live here: the datagrams' bytes (codec/stun.py), or what a failure means.
"""

from collections.abc import Generator
from typing import Final, NamedTuple

from balise_agent.codec import stun
from balise_agent.codec.stun import OTHER, StunAnswer
from balise_agent.experiments.dns.outcome import accepted
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.steps import (
    AnswerKind,
    Datagram,
    DatagramsExchanged,
    Exchange,
    Exchanged,
    Failed,
    Outgoing,
    Plan,
    Queried,
    Query,
    Reply,
    Step,
    SynProbe,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.policy.limits import refuse_address
from balise_wire.assignment import StunServer
from balise_wire.experiments.stun import ELSEWHERE, SYNS, TRAITS, StunObservation, StunPacket
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment, Resolver

COPIES: Final = (0.0, 0.5, 1.5)
"""Seconds at which a request leaves that nothing answers (RFC 8489 6.2.1: 500 ms, doubled)."""
AGAIN: Final = (0.0, 0.7)
"""The same of the classic request that follows."""
SAME_PORT: Final = 2
"""Of the other operators' servers, as many are on the target's port; the others tell that port from all of UDP."""
LINGER: Final = 0.05

Trial = Generator[Step, Reply, StunObservation]


class Place(NamedTuple):
    """One server of another operator."""

    server: StunServer
    address: str


class StunPlan(ExperimentPlan):
    """UDP to a call server, in the form in which calls begin."""

    def sentinel(self, task: Task) -> Plan:
        """Return one binding request; where nothing comes, a classic one behind it."""
        return ((yield from binding_trial(task, Arm.SUBJECT, endpoint(task), 0)),)

    def paired(self, task: Task) -> Plan:
        """Return TCP to the address, a classic request, then the binding request twice.

        Where it failed, servers of other operators are asked by the same request: whether this line carries UDP at all,
        and to which ports. What is sent without STUN's mark comes before all that has it.
        """
        observations: list[Observation] = list(carried(task.cause))
        if Experiment.TCP in task.target.experiments:
            observations.append((yield from syn_trial(task)))
        observations.append((yield from classic_trial(task, 1)))
        observations.append((yield from binding_trial(task, Arm.SUBJECT, endpoint(task), 2)))
        again = yield from binding_trial(task, Arm.SUBJECT, endpoint(task), 3)
        observations.append(again)
        if again.failure is not None:
            for number, server in enumerate(elsewhere(task)):
                place = yield from _placed(task, server)
                if place is not None:
                    observations.append((yield from elsewhere_trial(task, place, 4 + number)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the one endpoint of UDP; no packet shows a name."""
        single = task.design is Design.SENTINEL
        return Load(
            endpoints=(endpoint(task),),
            connections=1 if single else 3 + SYNS,
            controls=0 if single else len(elsewhere(task)),
        )


PLAN: Final = StunPlan()


def endpoint(task: Task) -> Endpoint:
    """Return where the subject's trials go."""
    return Endpoint(task.address, task.target.port_of(Experiment.STUN), TRAITS.transport)


def candidates(task: Task) -> tuple[StunServer, ...]:
    """Return the servers of other operators, each with its addresses of the task's family; none that is the target."""
    found = []
    for server in task.stun_servers:
        mine = tuple(a for a in server.addresses if (":" in a) == (task.family == 6) and a != task.address)
        if server.name != task.target.host and (mine or not server.addresses):
            found.append(StunServer(name=server.name, addresses=mine, port=server.port))
    return tuple(found)


def elsewhere(task: Task) -> tuple[StunServer, ...]:
    """Return which of them this run asks, by the seed: a few on the target's port, the others on other ports."""
    port = task.target.port_of(Experiment.STUN)
    by_name = {f"{one.name} {one.port}": one for one in candidates(task)}
    left = [
        sorted(key for key, one in by_name.items() if one.port == port),
        sorted(key for key, one in by_name.items() if one.port != port),
    ]
    chosen: list[StunServer] = []
    for group, most in ((0, SAME_PORT), (1, ELSEWHERE), (0, ELSEWHERE)):
        taken = 0
        while left[group] and taken < most and len(chosen) < ELSEWHERE:
            key = task.pick(left[group], f"elsewhere {len(chosen)}")
            left[group].remove(key)
            chosen.append(by_name[key])
            taken += 1
    return tuple(chosen)


def _placed(task: Task, server: StunServer) -> Generator[Step, Reply, Place | None]:
    """Return a server with one of its addresses; one that the assignment does not say is asked for."""
    addresses = server.addresses
    if not addresses:
        reply = yield Query(
            name=server.name,
            qtype="AAAA" if task.family == 6 else "A",
            resolver=Resolver.PROVIDER,
            timeout=task.timeouts.dns,
            linger=LINGER,
        )
        answer = accepted(reply.answers) if isinstance(reply, Queried) else None
        told = () if answer is None else answer.addresses
        addresses = tuple(
            one
            for one in told
            if (":" in one) == (task.family == 6) and refuse_address(one, task.laboratory, task.lan) is None
        )
    address = task.pick(sorted(one for one in addresses if one != task.address), f"address of {server.name}")
    return Place(server, address) if address else None


@noting
def binding_trial(task: Task, arm: Arm, place: Endpoint, number: int, name: str | None = None) -> Trial:
    """Return a trial: a binding request, sent again while nothing comes, and then a classic one on the same socket."""
    request, behind = stun.binding(task.seed + number), stun.classic(task.seed + number)
    syn = task.timeouts.syn
    copies = [_unless(request, at) for at in COPIES if not at or at < syn]
    later = [_unless(behind, syn + at) for at in AGAIN]
    step = Datagram(
        address=place.host,
        port=place.port,
        datagrams=(*copies, *later),
        window=syn + AGAIN[-1] + syn,
        enough=True,
    )
    reply = expect(DatagramsExchanged, (yield step))
    return _observed(arm, StunPacket.BINDING, step, reply, request, behind, name)


def elsewhere_trial(task: Task, place: Place, number: int) -> Trial:
    """Return the same trial at another operator's server."""
    where = Endpoint(place.address, place.server.port, TRAITS.transport)
    return binding_trial(task, Arm.ELSEWHERE, where, number, place.server.name)


@noting
def classic_trial(task: Task, number: int) -> Trial:
    """Return a trial: a classic request from a socket that never sent anything else."""
    place, request = endpoint(task), stun.classic(task.seed + number)
    step = Datagram(
        address=place.host,
        port=place.port,
        datagrams=tuple(_unless(request, at) for at in COPIES if not at or at < task.timeouts.syn),
        window=min(COPIES[-1], task.timeouts.syn) + task.timeouts.syn,
        enough=True,
    )
    reply = expect(DatagramsExchanged, (yield step))
    return _observed(Arm.SHAPE, StunPacket.CLASSIC, step, reply, request)


@noting
def syn_trial(task: Task) -> Trial:
    """Return a trial of the same address over TCP, on the port that its TCP is measured at."""
    address, port = task.address, task.target.port_of(Experiment.TCP)
    probes = (SynProbe(address=address, port=port),) * SYNS
    reply = yield Exchange(packets=probes, window=task.timeouts.syn, spacing=0.3, enough=True)
    answers = reply.answers if isinstance(reply, Exchanged) else ()
    alive = [one for one in answers if one.kind in {AnswerKind.SYNACK, AnswerKind.RST}]
    stands = any(one.kind is AnswerKind.SYNACK for one in alive)
    failure = reply.failure if isinstance(reply, Failed) else Failure.GENERIC_TIMEOUT
    return StunObservation(
        arm=Arm.OTHER_TRANSPORT,
        at=reply.at,
        failure=None if alive else failure,
        elapsed_ms=min((one.rtt_ms for one in alive), default=reply.elapsed_ms),
        packets=reply.packets if isinstance(reply, Exchanged | Failed) else (),
        flood_bytes=sum(reply.floods) if isinstance(reply, Exchanged) else 0,
        address=address,
        port=port,
        sent=StunPacket.SYN,
        copies=0 if isinstance(reply, Failed) else SYNS,
        answers=len({one.probe for one in alive}),
        answer="synack" if stands else "rst" if alive else "",
        rtt_ms=min((one.rtt_ms for one in alive), default=None),
    )


def _unless(data: bytes, after: float) -> Outgoing:
    """Return a datagram that leaves while nothing was heard; the first leaves anyhow."""
    return Outgoing(data=data, after=after, unless_heard=0.0 if after else None)


def _observed(
    arm: Arm,
    sent: StunPacket,
    step: Datagram,
    reply: DatagramsExchanged,
    request: bytes,
    behind: bytes = b"",
    name: str | None = None,
) -> StunObservation:
    """Return the observation of an exchange."""
    left = [one.data for one, at in zip(step.datagrams, reply.sent_ms, strict=True) if at is not None]
    read = [(one.at_ms, stun.read_answer(one.data, request)) for one in reply.answers]
    later = any(behind and stun.read_answer(one.data, behind) != OTHER for one in reply.answers)
    sound = [(at, said) for at, said in read if said != OTHER]
    strange = [
        at
        for one, (at, said) in zip(reply.answers, read, strict=True)
        if said == OTHER and not (behind and stun.read_answer(one.data, behind) != OTHER)
    ]
    mine = sound or [(at, OTHER) for at in strange]
    at, first = mine[0] if mine else (None, StunAnswer(""))
    return StunObservation(
        arm=arm,
        at=reply.at,
        failure=_failure(reply, answered=bool(sound), strange=bool(strange)),
        elapsed_ms=reply.elapsed_ms if at is None else at,
        packets=reply.packets,
        flood_bytes=reply.flood,
        address=step.address,
        port=step.port,
        sent=sent,
        name=name,
        copies=left.count(request),
        answers=len(mine),
        answer=first.word,
        mapped=first.mapped,
        rtt_ms=at,
        followed=later if behind and behind in left else None,
        icmp=reply.icmp,
    )


def _failure(reply: DatagramsExchanged, *, answered: bool, strange: bool) -> Failure | None:
    """Return why a trial brought no answer of STUN."""
    if answered:
        return None
    return reply.failure or (Failure.STUN_MALFORMED if strange else Failure.GENERIC_TIMEOUT)
