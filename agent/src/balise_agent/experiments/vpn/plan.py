"""The plan of ``vpn``: a handshake with the operator's helper, and beside it as many packets that are no protocol's.

Here is what goes over UDP; over_tcp.py has the rounds on a connection. Must not live here: the packets' bytes
(codec/vpn), or what it means that one fails.
"""

import itertools
from collections.abc import Generator, Sequence
from typing import Final, NamedTuple

import msgspec

from balise_agent.codec import call
from balise_agent.codec.vpn.handshake import Handshake
from balise_agent.codec.vpn.registry import HANDSHAKES
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.helper_talk import ask, helper_of
from balise_agent.experiments.steps import Datagram, DatagramsExchanged, Outgoing, Plan, Reply, Rest, Step
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.experiments.vpn.over_tcp import rounds_on_a_connection
from balise_wire.experiments.vpn import (
    APART,
    CONTROLS,
    COPIES,
    HEADERS,
    LOOKS,
    OVER_TCP,
    TURNS,
    VpnObservation,
    VpnParameters,
    VpnShape,
    transport_of,
)
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design

AGAIN: Final = (0.0, 1.0, 2.5, 4.5)[:COPIES]
"""Seconds of a round at which what was sent last leaves, while nothing has come."""
STALE: Final = 4
"""Times that a round is tried in which nothing came but what answers an earlier one."""
_LOOK: Final = 1 << 32
"""Between the seed of a trial and those of its later looks."""
_KEPT: Final = 20
"""Packets of evidence."""

Trial = Generator[Step, Reply, VpnObservation]


class VpnPlan(ExperimentPlan):
    """Handshakes with a server that has no part in any service."""

    def sentinel(self, task: Task) -> Plan:
        """Return one handshake."""
        return ((yield from handshake_trial(task, Arm.SUBJECT, VpnShape.PROTOCOL, 0)),)

    def paired(self, task: Task) -> Plan:
        """Return a handshake with its control before it, twice, ten minutes apart.

        There is no second turn where the first one excludes a verdict: the control failed, or the handshake did not.
        """
        observations: list[Observation] = list(carried(task.cause))
        # Where the protocol is not known, nothing is sent in either arm.
        shapes = CONTROLS.get(task.parameters(VpnParameters).protocol) or (VpnShape.RANDOM,)
        numbers = itertools.count(1)
        for turn in range(TURNS):
            if turn:
                yield Rest(seconds=APART)
            controls: list[VpnObservation] = []
            for shape in shapes:
                controls += ((yield from handshake_trial(task, Arm.NOISE, shape, next(numbers))),)
            subject = yield from handshake_trial(task, Arm.SUBJECT, VpnShape.PROTOCOL, next(numbers))
            observations += [*controls, subject]
            if all(one.failure is not None for one in controls) or subject.failure is None:
                break
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the helper's endpoint; without a helper, nothing."""
        helper, handshake = helper_of(task), _handshake(task, VpnShape.PROTOCOL)
        if not helper or handshake is None:
            return Load(endpoints=(), connections=0)
        each = 1 if handshake.protocol in OVER_TCP else 1 + len(handshake.rounds) + LOOKS
        arms = 1 + len(CONTROLS[handshake.protocol])
        return Load(
            endpoints=(endpoint(task),),
            connections=each if task.design is Design.SENTINEL else arms * TURNS * each,
            controls=1,
        )


PLAN: Final = VpnPlan()


def endpoint(task: Task) -> Endpoint:
    """Return where handshakes go."""
    asked = task.parameters(VpnParameters)
    return Endpoint(helper_of(task), asked.port, transport_of(asked.protocol))


def _handshake(task: Task, shape: VpnShape) -> Handshake | None:
    return HANDSHAKES.get((task.parameters(VpnParameters).protocol, shape))


class _Round(NamedTuple):
    """What came of one round."""

    reply: DatagramsExchanged
    answer: bytes | None
    at_ms: float
    repeated: int


@noting
def handshake_trial(task: Task, arm: Arm, shape: VpnShape, number: int) -> Trial:
    """Return a trial: the rounds of a handshake on one flow, up to the first without an answer; over UDP a token first.

    Nothing leaves where there is no helper, or where this program does not know the protocol.
    """
    place, handshake, seed = endpoint(task), _handshake(task, shape), task.seed + number
    protocol = task.parameters(VpnParameters).protocol
    bare = VpnObservation(
        arm=arm, at=0.0, address=place.host, port=place.port, protocol=protocol, shape=shape,
        rounds=0 if handshake is None else len(handshake.rounds),
    )  # fmt: skip
    if not place.host or handshake is None:
        return msgspec.structs.replace(bare, address="", rounds=0)
    if protocol in OVER_TCP:
        return (yield from rounds_on_a_connection(task, bare, handshake, seed))
    asked = yield from ask(task, place.port, call.hello(seed))
    token = next((found for one in asked.answers if (found := call.read_token(one.data, seed)) is not None), None)
    if token is None:
        return _told(bare, [asked], token=False, failure=asked.failure or Failure.GENERIC_TIMEOUT)
    mark, heard, replies, repeated, rtt = handshake.mark(token, seed), list[bytes](), [asked], 0, None
    for each in range(len(handshake.rounds)):
        seen = yield from _round(task, handshake, mark, heard, 0 if not each else replies[-1].source)
        replies.append(seen.reply)
        repeated += seen.repeated
        if seen.answer is None:
            break
        rtt = seen.at_ms if not each and not seen.repeated else rtt
        heard.append(seen.answer)
    whole, moved = len(heard) == len(handshake.rounds), None
    if not heard and replies[-1].failure is None:
        moved = yield from _moved(task, token, seed)
    return _told(
        bare,
        replies,
        token=True,
        moved=moved,
        answered=len(heard),
        repeated=repeated,
        rtt_ms=rtt,
        failure=None if whole else replies[-1].failure or Failure.GENERIC_TIMEOUT,
    )


def _moved(task: Task, token: bytes, seed: int) -> Generator[Step, Reply, bool | None]:
    """Tell whether the helper sees us under another address than that of a token; ``None`` where it does not say.

    Some providers give each flow another address of a pool. A token follows from the address, and for five minutes.
    """
    found: bool | None = None
    for number in range(LOOKS):
        asked = yield from ask(task, endpoint(task).port, call.hello(seed + _LOOK + number))
        tokens = [call.read_token(one.data, seed + _LOOK + number) for one in asked.answers]
        given = next((one for one in tokens if one is not None), None)
        if given is None:
            return found
        if given != token:
            return True
        found = False
    return found


def _round(
    task: Task, handshake: Handshake, mark: bytes, heard: Sequence[bytes], source: int
) -> Generator[Step, Reply, _Round]:
    """Send what a round sends, the last of it again while nothing comes, and read what answers it."""
    number, repeated = len(heard), 0
    asked = handshake.ask(mark, number, heard)
    later = tuple(
        Outgoing(data=asked[-1], after=at, unless_heard=0.0) for at in AGAIN[1:] if at < 2 * task.timeouts.syn
    )
    answered = handshake.rounds[number][1] + HEADERS
    for tried in range(1, STALE + 1):
        step = Datagram(
            address=endpoint(task).host,
            port=endpoint(task).port,
            datagrams=(*(Outgoing(data=one) for one in asked), *later),
            window=(later[-1].after if later else 0.0) + task.timeouts.syn,
            enough=True,
            expects=2 * (1 + len(AGAIN)) * answered,
            source=source,
        )
        reply = expect(DatagramsExchanged, (yield step))
        source = reply.source
        repeated += max(0, sum(at is not None for at in reply.sent_ms) - len(asked))
        found = next((one for one in reply.answers if handshake.accepts(mark, number, one.data)), None)
        if found is not None:
            return _Round(reply, found.data, found.at_ms, repeated)
        # Else what came may answer an earlier round that left twice: this one is still to be answered.
        if tried == STALE or not reply.answers or reply.failure is not None:
            return _Round(reply, None, 0.0, repeated)
    raise AssertionError("the last try returns")


def _told(bare: VpnObservation, replies: Sequence[DatagramsExchanged], **found: object) -> VpnObservation:
    """Return a trial with what its steps saw; of the packets those of the last two rounds, timed from the first."""
    began = replies[-2:][0].at
    packets = (
        msgspec.structs.replace(packet, t_us=packet.t_us + int((reply.at - began) * 1e6))
        for reply in replies[-2:]
        for packet in reply.packets
    )
    return msgspec.structs.replace(
        bare,
        at=replies[0].at,
        elapsed_ms=sum(reply.elapsed_ms for reply in replies),
        packets=tuple(packets)[:_KEPT],
        flood_bytes=sum(reply.flood for reply in replies),
        icmp=next((reply.icmp for reply in replies if reply.icmp), ""),
        **found,
    )
