"""The plan of ``tls``: hello-only trials over kernel TCP, and the full handshake that shows the certificate chain.

Must not live here: the bytes of the hello (codec/clienthello.py), or what a failure means.
"""

from collections.abc import Generator, Iterable
from typing import Final

from balise_agent.codec.clienthello import client_hello
from balise_agent.experiments.experiment import ExperimentPlan, Load
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
    Send,
    Step,
)
from balise_agent.experiments.task import Endpoint, Task, carried, expect, noting
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.observations import Observation
from balise_wire.words import Arm, Design

LINGER: Final = 0.3
"""Seconds of listening after the outcome: a forged RST can lose the race and still be evidence."""
WINDOW: Final = 1_460
"""Bytes that the server may send before it is read: one segment of its flight, which as a whole is 3 to 6 KB. The same
for every arm."""
_LONG: Final = frozenset({Arm.LONG_HELLO, Arm.LONG_CONTROL})
_HANDSHAKE, _CERTIFICATE = 22, 11
_RECORD, _MESSAGE = 5, 4
"""Bytes before a record's and a message's content."""
FIRST_BYTES: Final = 7
"""Enough for a record header and the handshake type or the alert, and never more than a whole alert record."""

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
        that is cool: it answers every name, so that what dies there dies on the way (detectors.md 2.3).

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
            return (*observations, (yield from hello_trial(task, Arm.SUBJECT, target.host, 3)))
        observations.append((yield from hello_trial(task, Arm.SCRAMBLED, scrambled(target.host, task.seed), 2)))
        observations.append((yield from hello_trial(task, Arm.SUBJECT, target.host, 3)))
        again = yield from hello_trial(task, Arm.SUBJECT, target.host, 4)
        observations.append(again)
        if again.failure is not None and again.connect_ms is not None:
            observations.append((yield from hello_trial(task, Arm.AFTER, name, 5)))
            if (helper := task.helper_endpoint()) is not None and name is not None:
                observations.extend((yield from _neutral(task, helper, name)))
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


@noting
def hello_trial(task: Task, arm: Arm, sni: str | None, number: int, at: Endpoint | None = None) -> Trial:
    """Return a trial: connect, send a browser's hello, wait for any byte, listen a little longer.

    The wait is the task's answer time-out in full: it must hold two retransmissions of the hello, or ordinary loss
    reads like a drop.
    """
    address, port = (task.address, task.target.port) if at is None else (at.host, at.port)
    hello = client_hello(sni, task.seed + number, shape=task.seed, post_quantum=arm in _LONG)
    connected = yield Connect(address=address, port=port, timeout=task.timeouts.connect, window=WINDOW)
    if isinstance(connected, Failed):
        return _not_connected(connected, arm, address, port, sni)
    handle = expect(Connected, connected).handle
    connect_ms = connected.elapsed_ms
    sent = yield Send(handle=handle, data=hello)
    answer = sent
    if not isinstance(sent, Failed):
        answer = yield Receive(handle=handle, most=FIRST_BYTES, timeout=task.timeouts.answer)
    elapsed_ms = connect_ms + sent.elapsed_ms + (answer.elapsed_ms if answer is not sent else 0.0)
    ended: Closed | Failed
    if isinstance(answer, Failed):
        data, failure, ended = answer.data, answer.failure, answer
    else:
        received = expect(Received, answer)
        data, failure = received.data, Failure.EOF if received.eof else Failure.GENERIC_TIMEOUT
        closed = yield Close(handle=handle, linger=LINGER)
        ended = closed if isinstance(closed, Failed) else expect(Closed, closed)
    record = first_record(data)
    return TlsObservation(
        arm=arm,
        at=connected.at,
        failure=_outcome(data, record, failure),
        elapsed_ms=elapsed_ms,
        packets=ended.packets,
        flood_bytes=ended.flood,
        address=address,
        port=port,
        sni=sni,
        connect_ms=connect_ms,
        bytes_received=len(data),
        record=record,
        hello_bytes=len(hello),
        segments=segments(ended.packets),
        wire_bytes=ended.arrived,
        certificate_shown=shows_certificate(data + (b"" if isinstance(ended, Failed) else ended.data)) or None,
    )


def segments(packets: Iterable[Packet]) -> int:
    """Return in how many segments of ours the first data left, sent again or not: by their sequence numbers."""
    return len({one.seq for one in packets if one.direction is Direction.OUT and one.length})


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


def _outcome(data: bytes, record: str, failure: Failure) -> Failure | None:
    """Return the trial's failure: none as soon as TLS bytes came back, whatever followed them."""
    if not data:
        return failure
    return Failure.TLS_MALFORMED if record == "other" else None


def first_record(data: bytes) -> str:
    """Name the first TLS record: ``server_hello``, ``alert:<n>`` (RFC 8446 B.1, B.2), ``other``, or empty."""
    if not data:
        return ""
    is_tls = len(data) < 2 or data[1] == 3
    if is_tls and data[0] == 0x16 and (len(data) < 6 or data[5] == 2):
        return "server_hello"
    if is_tls and data[0] == 0x15:
        return f"alert:{data[6]}" if len(data) >= FIRST_BYTES else "alert:"
    return "other"


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
