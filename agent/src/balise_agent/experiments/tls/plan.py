"""The plan of ``tls``: hello-only trials over kernel TCP, and the full handshake that shows the certificate chain.

Must not live here: the bytes of the hello (codec/clienthello.py), or what a failure means.
"""

from collections.abc import Generator
from typing import Final

from balise_agent.codec.clienthello import client_hello
from balise_agent.experiments import through
from balise_agent.experiments.experiment import ExperimentPlan, Load
from balise_agent.experiments.greeting import FIRST_BYTES, first_record, greet, outcome, segments
from balise_agent.experiments.scramble import scrambled
from balise_agent.experiments.secure import shake_hands
from balise_agent.experiments.steps import (
    Close,
    Closed,
    Failed,
    Plan,
    Receive,
    Received,
    Reply,
    Send,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_agent.system.proxies import Proxy
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design, Experiment

_LONG: Final = frozenset({Arm.LONG_HELLO, Arm.LONG_CONTROL})
_HANDSHAKE, _CERTIFICATE = 22, 11
_RECORD, _MESSAGE = 5, 4
"""Bytes before a record's and a message's content."""
Trial = Generator[Step, Reply, TlsObservation]


class TlsPlan(ExperimentPlan):
    """The name in the TLS handshake."""

    def sentinel(self, task: Task) -> Plan:
        """Return one hello with the subject's name; with ``task.full``, a whole handshake in its place.

        With ``task.long`` the name is said once more in a hello of two segments. Where only that one dies, the
        control's follows in the same form: a fact of its own, and no anomaly.
        """
        host = task.target.host
        whole = full_trial(task, Arm.SUBJECT, host) if task.full else hello_trial(task, Arm.SUBJECT, host, 0)
        observations = [(yield from whole)]
        if task.long and observations[0].failure is None:
            long = yield from hello_trial(task, Arm.LONG_HELLO, host, 6)
            observations.append(long)
            _, name = task.other_name()
            if long.failure is not None and name:
                observations.append((yield from hello_trial(task, Arm.LONG_CONTROL, name, 7)))
        return tuple(observations)

    def paired(self, task: Task) -> Plan:
        """Return neighbour (or control) first, scrambled, subject twice from new ports, then the chain.

        Where the subject failed, the control's name follows once more: what answers it remembers nothing, and the
        endpoint is free for the next name at once. Then both names go to a helper of the operator's, if there is one
        that is cool: it answers every name, so that what dies there dies on the way (detectors.md 2.3). At the end the
        very hello goes to the very address by way of a proxy of the operator's, if there is one.

        A chain that does not verify is followed by the control's: the one that shows whether *all* names are
        intercepted, by a program on the line's own side. Where not even the control connects no name can be told from
        another: one try with the subject's is enough.
        """
        target = task.target
        arm, other = task.other_name()
        name = other or None
        observations: list[Observation] = list(carried(task.cause))
        control = yield from hello_trial(task, arm, name, 1)
        observations.append(control)
        if control.connect_ms is None:
            observations.append((yield from hello_trial(task, Arm.SUBJECT, target.host, 3)))
            return (*observations, *(yield from _through(task, failed=observations[-1].failure is not None)))
        observations.append((yield from hello_trial(task, Arm.SCRAMBLED, scrambled(target.host, task.seed), 2)))
        observations.append((yield from hello_trial(task, Arm.SUBJECT, target.host, 3)))
        again = yield from hello_trial(task, Arm.SUBJECT, target.host, 4)
        observations.append(again)
        if again.failure is not None and again.connect_ms is not None:
            observations.append((yield from hello_trial(task, Arm.AFTER, name, 5)))
            if (helper := task.helper_endpoint()) is not None and name is not None:
                observations.extend((yield from _neutral(task, helper, name)))
        observations.extend((yield from _through(task, failed=again.failure is not None)))
        if again.failure is None:
            full = yield from full_trial(task, Arm.SUBJECT, target.host)
            observations.append(full)
            if full.failure is not None and name is not None:
                observations.append((yield from full_trial(task, arm, name)))
        return tuple(observations)

    def load(self, task: Task) -> Load:
        """Return the one endpoint, to which every arm goes but a helper's, and the helper's."""
        return Load(
            endpoints=tuple(filter(None, (Endpoint(task.address, task.target.port), task.helper_endpoint()))),
            connections=1 + 2 * task.long if task.design is Design.SENTINEL else 7,
            controls=1 if task.helper else 0,
            through=bool(task.proxies_of(Experiment.TLS)),
        )


PLAN: Final = TlsPlan()


def _neutral(task: Task, helper: Endpoint, name: str) -> Generator[Step, Reply, tuple[TlsObservation, ...]]:
    """Return the control's name at a helper and, where it is answered, the subject's, once more where that dies.

    A helper that is down says nothing, and is shown no name that somebody may mind.
    """
    trials = [(yield from hello_trial(task, Arm.NEUTRAL_CONTROL, name, 8, helper))]
    for number in (9, 10):
        if trials[-1].failure is None or trials[-1].arm is Arm.NEUTRAL:
            trials.append((yield from hello_trial(task, Arm.NEUTRAL, task.target.host, number, helper)))
        if trials[-1].failure is None:
            break
    return tuple(trials)


def _through(task: Task, *, failed: bool) -> Generator[Step, Reply, tuple[TlsObservation, ...]]:
    """Return the control's hello and the subject's by way of a proxy, where the subject failed directly."""
    proxy, name = task.proxy(Experiment.TLS), task.name_control()
    if not failed or proxy is None:
        return ()

    def trial(arm: Arm, to: Endpoint, number: int) -> Trial:
        control = arm is Arm.THROUGH_CONTROL
        return through_trial(task, proxy, arm, to, name if control else task.target.host, 11 if control else 3 + number)

    return (yield from through.series(task, proxy, trial))


@noting
def through_trial(task: Task, proxy: Proxy, arm: Arm, to: Endpoint, sni: str, number: int) -> Trial:
    """Return a trial by way of a proxy: the hello of the same number, which is the same bytes, and any byte back.

    None of its packets is kept: they would say where the proxy is.
    """
    opened = yield from through.open_through(task, proxy, to)
    hello = client_hello(sni, task.seed + number, shape=task.seed)
    data, failure, elapsed_ms, flood = b"", opened.failure, opened.elapsed_ms, opened.flood
    if failure is None:
        answer = yield Send(handle=opened.handle, data=hello)
        if not isinstance(answer, Failed):
            answer = yield Receive(handle=opened.handle, most=FIRST_BYTES, timeout=task.timeouts.answer)
        elapsed_ms += answer.elapsed_ms
        if isinstance(answer, Failed):
            data, failure, flood = answer.data, answer.failure, answer.flood
        else:
            received = expect(Received, answer)
            data, failure = received.data, Failure.EOF if received.eof else Failure.GENERIC_TIMEOUT
            closed = yield Close(handle=opened.handle)
            flood = closed.flood if isinstance(closed, Closed | Failed) else 0
    record = first_record(data)
    return TlsObservation(
        arm=arm,
        at=opened.at,
        failure=outcome(data, record, failure) if opened.failure is None else opened.failure,
        elapsed_ms=elapsed_ms,
        flood_bytes=flood,
        address="" if proxy.kind.is_relay else to.host,
        port=0 if proxy.kind.is_relay else to.port,
        sni=sni,
        connect_ms=opened.elapsed_ms if opened.failure is None else None,
        bytes_received=len(data),
        record=record,
        hello_bytes=len(hello),
        through=through.led(opened.through, proxy, answered=record == "server_hello" and len(data) >= FIRST_BYTES),
    )


@noting
def hello_trial(task: Task, arm: Arm, sni: str | None, number: int, at: Endpoint | None = None) -> Trial:
    """Return a trial: connect, send a browser's hello, wait for any byte, listen a little longer."""
    address, port = (task.address, task.target.port) if at is None else (at.host, at.port)
    hello = client_hello(sni, task.seed + number, shape=task.seed, post_quantum=arm in _LONG)
    seen = yield from greet(task, Endpoint(address, port), (hello,))
    if isinstance(seen, Failed):
        return _not_connected(seen, arm, address, port, sni)
    return TlsObservation(
        arm=arm,
        at=seen.at,
        failure=seen.failure,
        elapsed_ms=seen.elapsed_ms,
        packets=seen.packets,
        flood_bytes=seen.flood,
        address=address,
        port=port,
        sni=sni,
        connect_ms=seen.connect_ms,
        bytes_received=len(seen.data),
        record=seen.record,
        hello_bytes=len(hello),
        segments=segments(seen.packets),
        wire_bytes=seen.arrived,
        certificate_shown=shows_certificate(seen.data + seen.late) or None,
    )


def shows_certificate(data: bytes) -> bool:
    """Tell whether a server's first flight holds a certificate in clear (TLS 1.2: RFC 5246 7.4.2).

    Messages of one record follow each other; the first one that does not fit ends the look.
    """
    while len(data) >= _RECORD and data[0] == _HANDSHAKE:
        record = data[_RECORD : _RECORD + int.from_bytes(data[3:5], "big")]
        data = data[_RECORD + int.from_bytes(data[3:5], "big") :]
        while len(record) >= _MESSAGE:
            if record[0] == _CERTIFICATE:
                return True
            record = record[_MESSAGE + int.from_bytes(record[1:4], "big") :]
    return False


@noting
def full_trial(task: Task, arm: Arm, sni: str) -> Trial:
    """Return a trial: connect and shake hands in full, to see the chain and whether it verifies for the name."""
    address, port = task.address, task.target.port
    connected, secured = yield from shake_hands(task, port, sni)
    if isinstance(connected, Failed):
        return _not_connected(connected, arm, address, port, sni, full=True)
    handle = connected.handle
    elapsed_ms = connected.elapsed_ms + secured.elapsed_ms
    if isinstance(secured, Failed):
        return TlsObservation(
            arm=arm,
            at=connected.at,
            failure=secured.failure,
            elapsed_ms=elapsed_ms,
            packets=secured.packets,
            flood_bytes=secured.flood,
            address=address,
            port=port,
            sni=sni,
            full=True,
            connect_ms=connected.elapsed_ms,
            bytes_received=len(secured.data),
            record=first_record(secured.data),
            wire_bytes=secured.arrived,
            certificate_shown=shows_certificate(secured.data) or None,
        )
    result = secured
    closed = yield Close(handle=handle, linger=0.0)
    ended = closed if isinstance(closed, Failed) else expect(Closed, closed)
    return TlsObservation(
        arm=arm,
        at=connected.at,
        failure=result.verify_failure,
        elapsed_ms=elapsed_ms,
        packets=ended.packets,
        flood_bytes=ended.flood,
        address=address,
        port=port,
        sni=sni,
        full=True,
        connect_ms=connected.elapsed_ms,
        bytes_received=result.bytes_received,
        record="server_hello",
        version=result.version,
        alpn=result.alpn,
        verified=result.verify_failure is None,
        chain=result.chain,
        wire_bytes=ended.arrived,
        certificate_shown=True,
    )


def _not_connected(
    reply: Failed, arm: Arm, address: str, port: int, sni: str | None, *, full: bool = False
) -> TlsObservation:
    """Return the observation of a trial whose TCP handshake did not complete: TCP's failure, said so."""
    return TlsObservation(
        arm=arm,
        at=reply.at,
        failure=reply.failure,
        elapsed_ms=reply.elapsed_ms,
        packets=reply.packets,
        flood_bytes=reply.flood,
        address=address,
        port=port,
        sni=sni,
        full=full,
        connect_ms=None,
    )
