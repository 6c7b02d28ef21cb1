"""The plan of ``path``: sweeps of copies with a rising TTL, first the control's name, then the subject's on its flow.

A sweep is one kernel connection, made with the usual TTL, in which raw copies of one segment leave with TTL 1, 2, 3 and
so on (``Inject``); each is followed by a copy with the next TTL once somebody answered it, or after silence. As no copy
dies before the box but those with a TTL that is too small, the box sees the name for the first time with the copy that
reaches it: nothing that it remembers has a part in that. Must not live here: where the box stands (collector).
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from balise_agent.codec.clienthello import client_hello
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.http.codec import request
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Inject,
    Injected,
    Plan,
    Reply,
    Rest,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, expect, noting
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.http import TLS_PORT, HttpParameters
from balise_wire.experiments.path import (
    HOPS,
    MOST_COPIES,
    SWEEPS,
    Hop,
    HopReply,
    PathObservation,
    answered,
    distance,
    forged,
    is_cut,
    passed,
    stopped,
)
from balise_wire.failures import Failure
from balise_wire.words import Arm, Design, Experiment

RESIDUE: Final = 180.0
"""Clock seconds after which a censor has forgotten a flow (GFW: 90 to 180 s; detectors.md 2.3)."""
USUAL_TTL: Final = 64
"""With which Linux sends."""
TRIES: Final = 3
"""Copies of one TTL that are tried while nobody answers: routers bound their errors (RFC 1812 4.3.2.8)."""
GAP: Final = 6
"""Silent hops in a row after which the control's sweep ends."""
BEYOND: Final = 2
"""TTLs that are tried behind the first one that brought a forged answer."""
AGAIN: Final = 3
"""Hops at which the control is tried once more."""
REPLIES: Final = 4
"""Different answers of one hop that are kept."""
_HTTP_PORT: Final = 80
_WINDOW: Final = 1_460
_LEAST, _MOST = 1.0, 3.0
"""Bounds of the seconds for which an answer is waited for, and ..."""
_LATER: Final = 0.3
"""... seconds, beside a round trip, for a forged answer that is slower than the router's error."""

Trial = Generator[Step, Reply, PathObservation]


@dataclass
class _Round:
    """What the sweeps of one round have in common."""

    source_port: int = 0
    copies: int = MOST_COPIES
    """That may still leave."""


class PathPlan(ExperimentPlan):
    """Where a name is cut."""

    def sentinel(self, task: Task) -> Plan:
        """Return one round: the control's sweep, then the subject's on the same flow.

        Where the control met nobody, or there is no name for it, the subject's name is not shown.
        """
        control, subject = yield from _round(task, _Round())
        return tuple(one for one in (control, subject) if one is not None)

    def paired(self, task: Task) -> Plan:
        """Return a round and, where the subject was cut, a rest and two looks more.

        The control's name once more, where the subject was silent, on the same flow: a router that bounds its errors
        was silent by itself. Then the subject's name in one copy with the usual TTL: a box that copies the TTL of what
        it answers shows itself by an answer with another one.
        """
        here = _Round()
        control, subject = yield from _round(task, here)
        if control is None or subject is None or not is_cut(control, subject):
            return tuple(one for one in (control, subject) if one is not None)
        yield Rest(seconds=RESIDUE)
        observations = [control, subject]
        if ttls := _lost(control, subject):
            observations.append((yield from _sweep(task, Arm.AFTER, here, _Fixed(ttls, TRIES))))
        observations.append((yield from _sweep(task, Arm.SUBJECT, _Round(), _Fixed((USUAL_TTL,), tries=1))))
        return tuple(observations)

    def on_demand(self, task: Task) -> Plan:
        """Return the whole plan and, where the subject was cut, another round after a rest, on a flow of its own."""
        whole = yield from self.paired(task)
        if len(whole) <= SWEEPS:
            return whole
        yield Rest(seconds=RESIDUE)
        return (*whole, *(yield from self.sentinel(task)))

    def load(self, task: Task) -> Load:
        """Return the one endpoint, to which all copies go."""
        return Load(
            endpoints=(Endpoint(task.address, port_of(task)),),
            connections=SWEEPS if task.design is Design.SENTINEL else 2 * SWEEPS,
        )


PLAN: Final = PathPlan()


def asks_over_http(task: Task) -> bool:
    """Tell whether the name is shown over HTTP: where the target is measured over that and not over TLS."""
    words = task.target.experiments
    if Experiment.TLS in words:
        return False
    if Experiment.HTTP in words:
        return task.parameters(HttpParameters).port != TLS_PORT
    return task.target.port == _HTTP_PORT


def port_of(task: Task) -> int:
    """Return the port to which copies go."""
    over_http = asks_over_http(task) and Experiment.HTTP in task.target.experiments
    return task.parameters(HttpParameters).port if over_http else task.target.port


def _shown(task: Task, name: str) -> bytes:
    """Return the segment that shows a name: but for the name the same for control and subject."""
    if asks_over_http(task):
        return request(HttpParameters(path="/", port=port_of(task), fetch_bytes=0), name)
    return client_hello(name, task.seed, shape=task.seed)


def _round(task: Task, here: _Round) -> Generator[Step, Reply, tuple[PathObservation | None, PathObservation | None]]:
    """Return the control's sweep and the subject's; ``None`` for a name that is not shown."""
    if not task.other_name()[1]:
        return None, None
    control = yield from _sweep(task, Arm.CONTROL, here, _Outward())
    if control.connect_ms is None or not any(answered(hop) for hop in control.hops):
        return control, None
    subject = yield from _sweep(task, Arm.SUBJECT, here, _Towards(control))
    return control, subject


# --- which TTL is next -----------------------------------------------------------------------------------------------


class _Fixed:
    """Some TTLs, whatever comes."""

    def __init__(self, ttls: Iterable[int], tries: int) -> None:
        self.ttls, self.tries = tuple(ttls), tries

    def next(self, hops: list[Hop]) -> tuple[int, int] | None:
        """Return the next TTL and how many copies may be tried; ``None`` at the end."""
        return (self.ttls[len(hops)], self.tries) if len(hops) < len(self.ttls) else None


class _Outward:
    """The control's way: until the server answers, or nobody does for a while."""

    def next(self, hops: list[Hop]) -> tuple[int, int] | None:
        """See ``_Fixed``."""
        silent = 0
        for hop in reversed(hops):
            if answered(hop):
                break
            silent += 1
        if len(hops) >= HOPS or silent >= GAP or (hops and hops[-1].replies):
            return None
        return len(hops) + 1, TRIES


class _Towards:
    """The subject's way: to twice the server's distance, from where even what copies the TTL can be heard.

    It ends behind the first forged answer. Silent hops are tried once where the control had no answer either, or where
    two before it were silent that the control heard.
    """

    def __init__(self, control: PathObservation) -> None:
        self.control = control
        self.heard = {hop.ttl for hop in control.hops if answered(hop)}
        at = distance(control)
        self.last = 2 * at - 1 if at is not None else max(hop.ttl for hop in control.hops)

    def next(self, hops: list[Hop]) -> tuple[int, int] | None:
        """See ``_Fixed``."""
        cut = [hop.ttl for hop in hops if forged(hop, self.control)]
        last = min(self.last, cut[0] + BEYOND) if cut else self.last
        if len(hops) >= last:
            return None
        ttl = len(hops) + 1
        silent = sum(hop.ttl in self.heard and not answered(hop) for hop in hops)
        return ttl, TRIES if ttl in self.heard and silent < 2 and not cut else 1


_Way = _Fixed | _Outward | _Towards


def _lost(control: PathObservation, subject: PathObservation) -> list[int]:
    """Return the first TTLs at which the control's copies arrived and nothing says that the subject's did."""
    lost = {hop.ttl for hop in subject.hops if stopped(hop, control)}
    return [hop.ttl for hop in control.hops if passed(hop, control) and hop.ttl in lost][:AGAIN]


# --- a sweep ---------------------------------------------------------------------------------------------------------


@noting
def _sweep(task: Task, arm: Arm, here: _Round, way: _Way) -> Trial:
    """Return one sweep on one connection; it leaves from the round's port where that is free and connects."""
    address, port = task.address, port_of(task)
    name = task.target.host if arm is Arm.SUBJECT else task.other_name()[1]
    wanted = here.source_port
    connected = yield Connect(
        address=address, port=port, timeout=task.timeouts.connect, window=_WINDOW, source_port=wanted
    )
    result = PathObservation(
        arm=arm,
        at=connected.at,
        address=address,
        port=port,
        payload="request" if asks_over_http(task) else "hello",
        usual=isinstance(way, _Fixed) and way.ttls == (USUAL_TTL,),
    )
    if isinstance(connected, Failed):
        return msgspec.structs.replace(
            result, failure=connected.failure, elapsed_ms=connected.elapsed_ms, flood_bytes=connected.flood
        )
    opened = expect(Connected, connected)
    here.source_port = here.source_port or opened.source_port
    hops: list[Hop] = []
    elapsed_ms = opened.elapsed_ms
    broken: Failure | None = None
    # A connection that fails keeps no other from being looked at: its handle is gone, so it is asked nothing more.
    while broken is None and here.copies > 0 and (following := way.next(hops)) is not None:
        ttl, tries = following
        hop, took, broken = yield from _hop(task, opened, _shown(task, name), ttl, min(tries, here.copies))
        here.copies -= hop.copies
        elapsed_ms += took
        hops.append(hop)
    flood = 0
    if broken is None:
        closed = yield Close(handle=opened.handle, abort=True)
        flood = closed.flood if isinstance(closed, Failed | Closed) else 0
    return msgspec.structs.replace(
        result,
        failure=broken,
        elapsed_ms=elapsed_ms,
        flood_bytes=flood,
        hops=tuple(hops),
        connect_ms=opened.elapsed_ms,
        same_flow=bool(opened.source_port) and opened.source_port == here.source_port,
    )


def _hop(
    task: Task, opened: Connected, data: bytes, ttl: int, tries: int
) -> Generator[Step, Reply, tuple[Hop, float, Failure | None]]:
    """Return one hop, what it took, and why the connection can be asked nothing more; ``None`` where it can."""
    trip = opened.elapsed_ms / 1000.0
    window = min(_MOST, max(_LEAST, 3.0 * trip + _LATER))
    hop, took = Hop(ttl=ttl, copies=0), 0.0
    while hop.copies < tries and not answered(hop):
        injected = yield Inject(
            handle=opened.handle, payload=data, ttl=ttl, window=window, settle=min(window, trip + _LATER)
        )
        took += injected.elapsed_ms
        if isinstance(injected, Failed):
            return hop, took, injected.failure
        hop = _read(ttl, hop.copies + 1, expect(Injected, injected).packets, v6=":" in task.address)
    return hop, took, None


def _read(ttl: int, copies: int, packets: tuple[Packet, ...], *, v6: bool) -> Hop:
    """Return what one copy brought: the first router's error, and every kind of answer in the server's name."""
    sent = next((one.t_us for one in packets if one.direction is Direction.OUT and one.length), None)
    hop = Hop(ttl=ttl, copies=copies)
    for one in packets:
        if one.direction is not Direction.IN:
            continue
        rtt_ms = None if sent is None else max(0.0, (one.t_us - sent) / 1000.0)
        if one.icmp:
            if one.hop and not hop.answer:
                exceeded = one.icmp == ("3/0" if v6 else "11/0")
                word = "exceeded" if exceeded else f"unreachable:{one.icmp}"
                hop = msgspec.structs.replace(hop, address=one.hop, rtt_ms=rtt_ms, answer=word)
            continue
        reply = HopReply(kind=_kind(one), ttl=one.ttl, rtt_ms=rtt_ms)
        known = {(each.kind, each.ttl) for each in hop.replies}
        if (reply.kind, reply.ttl) not in known and len(hop.replies) < REPLIES:
            hop = msgspec.structs.replace(hop, replies=(*hop.replies, reply))
    return hop


def _kind(packet: Packet) -> str:
    """Name what came in the server's name."""
    if "R" in packet.flags:
        return "rst"
    if packet.length:
        return "data"
    return "fin" if "F" in packet.flags else "ack"
