"""The plan of ``http``: trials of one GET, in clear or over TLS.

Must not live here: bytes (codec.py), what a response says (response.py), redirects being followed.
"""

from collections.abc import Generator
from typing import Final

import msgspec

from balise_agent.codec.http_response import Malformed
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.http.codec import BARE, ENDED, end_of_stream, ended, is_cut, request, wanted
from balise_agent.experiments.http.response import Read, described
from balise_agent.experiments.scramble import scrambled
from balise_agent.experiments.secure import shake_hands
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Plan,
    Receive,
    Received,
    Reply,
    Secured,
    Send,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_wire.experiments.http import TLS_PORT, HttpObservation, HttpParameters
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design

LINGER: Final = 0.3
"""As in tls.py: an answer that lost the race is evidence."""
MAX_READS: Final = 16
PATIENCE: Final = 5
"""Times the time-out for which a body is read while its bytes keep coming: 64 KB take 9 s at 60 kb/s."""

Trial = Generator[Step, Reply, HttpObservation]


class HttpPlan(ExperimentPlan):
    """The name in the Host header, and real bytes."""

    def sentinel(self, task: Task) -> Plan:
        """Return one GET with the subject's Host."""
        return ((yield from get_trial(task, Arm.SUBJECT, task.target.host)),)

    def paired(self, task: Task) -> Plan:
        """Return neighbour (or control) first, scrambled, then the subject twice; once where nothing connects."""
        target = task.target
        arm, name = task.other_name()
        observations: list[Observation] = list(carried(task.cause))
        if name:
            control = yield from get_trial(task, arm, name)
            observations.append(control)
            if control.connect_ms is None:
                return (*observations, (yield from get_trial(task, Arm.SUBJECT, target.host)))
        observations.append((yield from get_trial(task, Arm.SCRAMBLED, scrambled(target.host, task.seed))))
        observations.append((yield from get_trial(task, Arm.SUBJECT, target.host)))
        observations.append((yield from get_trial(task, Arm.SUBJECT, target.host)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the one endpoint; every arm goes to it."""
        return Load(
            endpoints=(Endpoint(task.address, task.parameters(HttpParameters).port),),
            connections=1 if task.design is Design.SENTINEL else 4,
        )


PLAN: Final = HttpPlan()


@noting
def get_trial(task: Task, arm: Arm, host: str) -> Trial:
    """Return a trial of this experiment: ``get``, noted."""
    return (yield from get(task, arm, host))


def get(task: Task, arm: Arm, host: str) -> Trial:
    """Return a trial: ``fetch`` without the response itself, which never leaves."""
    return (yield from fetch(task, arm, host))[0]


def fetch(task: Task, arm: Arm, host: str) -> Generator[Step, Reply, tuple[HttpObservation, bytes]]:
    """Connect (and shake hands), ask, read at most ``fetch_bytes`` of the body; return what was seen and the response.

    The response is everything that was read, its head among it; empty where there was none.
    """
    asked = task.parameters(HttpParameters)
    tls = asked.port == TLS_PORT
    result = HttpObservation(
        arm=arm,
        at=0.0,
        address=task.address,
        port=asked.port,
        host=host,
        path=asked.path,
        tls=tls,
        asked_bytes=asked.fetch_bytes,
    )
    connected, secured = yield from _opened(task, host)
    if isinstance(connected, Failed):
        return _failed(result, connected, connected.at, 0.0), b""
    handle, spent = connected.handle, connected.elapsed_ms
    result = msgspec.structs.replace(result, at=connected.at, connect_ms=spent)
    if isinstance(secured, Failed):
        return _failed(result, secured, connected.at, spent), b""
    if secured is not None:
        spent += secured.elapsed_ms
        result = msgspec.structs.replace(
            result,
            tls_verified=secured.verify_failure is None,
            tls_failure=secured.verify_failure,
            certificate=None if secured.verify_failure is None else next(iter(secured.chain), None),
        )
    sent = yield Send(handle=handle, data=request(asked, host))
    if isinstance(sent, Failed):
        return _failed(result, sent, connected.at, spent), b""
    read = yield from _read(handle, task, asked.fetch_bytes)
    if read.open:
        closed = yield Close(handle=handle, linger=LINGER)
        last = closed if isinstance(closed, Failed) else expect(Closed, closed)
        read = msgspec.structs.replace(
            read, packets=last.packets, flood=last.flood, arrived=last.arrived, idle_ms=last.idle_ms
        )
    result = msgspec.structs.replace(
        result,
        elapsed_ms=spent + sent.elapsed_ms + read.elapsed_ms,
        packets=read.packets,
        flood_bytes=read.flood,
        failure=read.failure,
        wire_bytes=read.arrived,
        idle_ms=read.idle_ms,
    )
    return described(result, read, asked.fetch_bytes), read.data


def _opened(task: Task, host: str) -> Generator[Step, Reply, tuple[Connected | Failed, Secured | Failed | None]]:
    """Open the connection, with TLS where the port is TLS's."""
    port = task.parameters(HttpParameters).port
    if port == TLS_PORT:
        return (yield from shake_hands(task, port, host))
    connected = yield Connect(address=task.address, port=port, timeout=task.timeouts.connect)
    return connected if isinstance(connected, Failed) else expect(Connected, connected), None


def _failed(result: HttpObservation, reply: Failed, at: float, spent: float) -> HttpObservation:
    """Return the observation of a trial that did not come to its request's end."""
    return msgspec.structs.replace(
        result,
        at=at,
        failure=reply.failure,
        elapsed_ms=spent + reply.elapsed_ms,
        packets=reply.packets,
        flood_bytes=reply.flood,
        wire_bytes=reply.arrived,
        idle_ms=reply.idle_ms,
    )


def _read(handle: int, task: Task, fetch_bytes: int) -> Generator[Step, Reply, Read]:
    """Read one response: the head first, then as much of the body as is framed and allowed."""
    read = Read()
    for _ in range(MAX_READS):
        try:
            most, until = wanted(read.data, fetch_bytes)
        except Malformed:
            return msgspec.structs.replace(read, failure=Failure.HTTP_MALFORMED)
        if most <= 0:
            return msgspec.structs.replace(read, failure=Failure.TOO_LARGE if is_cut(read.data, fetch_bytes) else None)
        reply = yield Receive(
            handle=handle,
            most=most,
            timeout=task.timeouts.answer,
            patience=PATIENCE * task.timeouts.answer,
            until=until,
            or_until=BARE if until == ENDED else b"",
        )
        read = msgspec.structs.replace(read, elapsed_ms=read.elapsed_ms + reply.elapsed_ms)
        if isinstance(reply, Failed):
            return msgspec.structs.replace(
                read,
                data=read.data + reply.data,
                failure=reply.failure,
                open=False,
                packets=reply.packets,
                flood=reply.flood,
                arrived=reply.arrived,
                idle_ms=reply.idle_ms,
            )
        received = expect(Received, reply)
        lasted = received.body_ms or 0.0
        if read.data:
            lasted += received.first_byte_ms or 0.0
        read = msgspec.structs.replace(read, data=read.data + received.data, transfer_ms=read.transfer_ms + lasted)
        if received.eof:
            return msgspec.structs.replace(read, failure=end_of_stream(read.data, fetch_bytes), eof=True)
        if len(received.data) < most and not ended(received.data, until):
            return msgspec.structs.replace(read, failure=Failure.GENERIC_TIMEOUT)
    return msgspec.structs.replace(read, failure=Failure.TOO_LARGE)
