"""Experiment ``http``: who answers a GET for this Host, with what, and how fast? See docs/experiments/http.md.

Lives here: the request, the plan of trials in clear or over TLS, and what counts as an anomaly. Must not live here: the
reading of responses (codec/http_response.py), fingerprints of block pages (the collector's), redirects being followed.
"""

import hashlib
from collections.abc import Generator, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from balise_agent.codec.http_response import (
    MAX_HEAD_BYTES,
    Body,
    Head,
    Malformed,
    read_body,
    read_head,
    text_of,
    title_of,
)
from balise_agent.experiments.scramble import registrable, scrambled
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
from balise_agent.policy.redaction import anonymous, names_somebody, without_controls
from balise_agent.policy.scrub import ALLOWED_HEADERS, without_digests
from balise_wire.evidence import Packet
from balise_wire.failures import Failure
from balise_wire.observations import HttpObservation, Observation
from balise_wire.words import Arm, Design, Experiment

LINGER: Final = 0.3
"""As in tls.py: an answer that lost the race is evidence."""
TLS_PORT: Final = 443
LEAST_FOR_GOODPUT: Final = 4_096
MAX_READS: Final = 16
HEAD_COST: Final = 1_500
"""TCP, request and response head."""
TLS_COST: Final = 6_000
_ENDED: Final = b"\r\n\r\n"
_BARE: Final = b"\n\n"
"""How a head ends where lines end with a bare LF: waiting for the other ending would wait for the time-out."""
_BINARY_WITHIN: Final = 1_024
"""Bytes among which a NUL says that a body is no text."""
_AGENT: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36"
)

Trial = Generator[Step, Reply, HttpObservation]


class Http:
    """The name in the Host header, and real bytes."""

    name = Experiment.HTTP
    exclusive = False

    def sentinel(self, task: Task) -> Plan:
        """Return one GET with the subject's Host."""
        return ((yield from get_trial(task, Arm.SUBJECT, task.target.host)),)

    def paired(self, task: Task, cause: Observation | None) -> Plan:
        """Return neighbour (or control) first, scrambled, then the subject twice; once where nothing connects."""
        target = task.target
        arm, name = (Arm.NEIGHBOUR, target.neighbour) if target.neighbour else (Arm.CONTROL, task.name_control())
        observations: list[Observation] = list(carried(cause))
        if name:
            control = yield from get_trial(task, arm, name)
            observations.append(control)
            if control.connect_ms is None:
                return (*observations, (yield from get_trial(task, Arm.SUBJECT, target.host)))
        observations.append((yield from get_trial(task, Arm.SCRAMBLED, scrambled(target.host, task.seed))))
        observations.append((yield from get_trial(task, Arm.SUBJECT, target.host)))
        observations.append((yield from get_trial(task, Arm.SUBJECT, target.host)))
        return tuple(observations)

    def anomaly(self, observations: Sequence[Observation], usual: Observation | None = None) -> Observation | None:
        """Return the first subject trial that failed, was refused, was sent elsewhere, or looks unlike the usual."""
        known = usual if isinstance(usual, HttpObservation) else None
        return next(
            (
                trial
                for trial in observations
                if isinstance(trial, HttpObservation)
                and trial.arm is Arm.SUBJECT
                and not trial.carried
                and _is_odd(trial, known)
            ),
            None,
        )

    def endpoints(self, task: Task, design: Design) -> tuple[Endpoint, ...]:
        """Return the one endpoint; every arm goes to it."""
        del design
        return ((task.address, task.target.http_port),)

    def cost(self, task: Task, design: Design) -> int:
        """Return the expected bytes of one GET with its body, or of four."""
        once = HEAD_COST + task.fetch_bytes * 21 // 20 + TLS_COST * (task.target.http_port == TLS_PORT)
        return once if design is Design.SENTINEL else 4 * once

    def connections(self, task: Task, design: Design) -> int:
        """Return the most connections to the address."""
        del task
        return 1 if design is Design.SENTINEL else 4


Face = tuple[int | None, str, str]
"""Status, title and the host a redirect names: by what a person would recognise the page."""


def face(trial: HttpObservation) -> Face:
    """Return what a person would recognise the response by."""
    return trial.status, trial.title, redirect_host(trial)


def _is_odd(trial: HttpObservation, usual: HttpObservation | None) -> bool:
    """Tell whether a trial deserves the whole series."""
    if trial.failure is not None or trial.tls_verified is False:
        return True
    if usual is not None and usual.failure is None:
        return face(trial) != face(usual)
    elsewhere = redirect_host(trial)
    return (trial.status or 0) >= 400 or bool(elsewhere and _site(elsewhere) != _site(trial.host))


def redirect_host(trial: HttpObservation) -> str:
    """Return the host a redirect leads to; empty where it stays or there is none."""
    location = next((value for key, value in trial.headers if key == "location"), "")
    try:
        return (urlsplit(location).hostname or "") if (trial.status or 0) // 100 == 3 else ""
    except ValueError:  # a port or a bracket that is none
        return "?"


def _site(name: str) -> str:
    """Return the registered part of a name."""
    labels = name.lower().split(".")
    return ".".join(labels[registrable(labels) :])


def request(task: Task, host: str) -> bytes:
    """Return the GET as bytes: what a browser would ask, without compression, for the first bytes only."""
    port = task.target.http_port
    lines = [
        f"GET {task.target.path} HTTP/1.1",
        f"Host: {host}" if port in {80, TLS_PORT} else f"Host: {host}:{port}",
        "Connection: close",
        f"User-Agent: {_AGENT}",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "Accept-Encoding: identity",
        "Accept-Language: en-US,en;q=0.9",
    ]
    if task.fetch_bytes > 0:
        lines.append(f"Range: bytes=0-{task.fetch_bytes - 1}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading one response."""

    data: bytes = b""
    failure: Failure | None = None
    elapsed_ms: float = 0.0
    transfer_ms: float = 0.0
    """From the first to the last byte."""
    open: bool = True
    """Whether the connection is still ours to close."""
    packets: tuple[Packet, ...] = ()
    flood: int = 0


@noting
def get_trial(task: Task, arm: Arm, host: str) -> Trial:
    """Return a trial of this experiment: ``get``, noted."""
    return (yield from get(task, arm, host))


def get(task: Task, arm: Arm, host: str) -> Trial:
    """Return a trial: connect (and shake hands), ask, read at most ``fetch_bytes`` of the body."""
    address, port = task.address, task.target.http_port
    result = HttpObservation(
        arm=arm, at=0.0, address=address, port=port, host=host, path=task.target.path, tls=port == TLS_PORT
    )
    connected, secured = yield from _opened(task, host)
    if isinstance(connected, Failed):
        return _failed(result, connected, connected.at, 0.0)
    handle, spent = connected.handle, connected.elapsed_ms
    result = msgspec.structs.replace(result, at=connected.at, connect_ms=spent)
    if isinstance(secured, Failed):
        return _failed(result, secured, connected.at, spent)
    if secured is not None:
        spent += secured.elapsed_ms
        result = msgspec.structs.replace(result, tls_verified=secured.verify_failure is None)
    sent = yield Send(handle=handle, data=request(task, host))
    if isinstance(sent, Failed):
        return _failed(result, sent, connected.at, spent)
    read = yield from _read(handle, task)
    packets, flood = read.packets, read.flood
    if read.open:
        closed = yield Close(handle=handle, linger=LINGER)
        ended = closed if isinstance(closed, Failed) else expect(Closed, closed)
        packets, flood = ended.packets, ended.flood
    elapsed_ms = spent + sent.elapsed_ms + read.elapsed_ms
    result = msgspec.structs.replace(
        result, elapsed_ms=elapsed_ms, packets=packets, flood_bytes=flood, failure=read.failure
    )
    return described(result, read, task.fetch_bytes)


def _opened(task: Task, host: str) -> Generator[Step, Reply, tuple[Connected | Failed, Secured | Failed | None]]:
    """Open the connection, with TLS where the port is TLS's."""
    port = task.target.http_port
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
    )


def _read(handle: int, task: Task) -> Generator[Step, Reply, Read]:
    """Read one response: the head first, then as much of the body as is framed and allowed."""
    read = Read()
    for _ in range(MAX_READS):
        try:
            most, until = wanted(read.data, task.fetch_bytes)
        except Malformed:
            return msgspec.structs.replace(read, failure=Failure.HTTP_MALFORMED)
        if most <= 0:
            return msgspec.structs.replace(read, failure=Failure.TOO_LARGE if _is_cut(read.data) else None)
        reply = yield Receive(
            handle=handle,
            most=most,
            timeout=task.timeouts.answer,
            until=until,
            or_until=_BARE if until == _ENDED else b"",
        )
        read = msgspec.structs.replace(read, elapsed_ms=read.elapsed_ms + reply.elapsed_ms)
        if isinstance(reply, Failed):
            data, packets = read.data + reply.data, reply.packets
            return msgspec.structs.replace(
                read, data=data, failure=reply.failure, open=False, packets=packets, flood=reply.flood
            )
        received = expect(Received, reply)
        lasted = received.body_ms or 0.0
        if read.data:
            lasted += received.first_byte_ms or 0.0
        read = msgspec.structs.replace(read, data=read.data + received.data, transfer_ms=read.transfer_ms + lasted)
        if received.eof:
            return msgspec.structs.replace(read, failure=_end_of_stream(read.data, task.fetch_bytes))
        if len(received.data) < most and not _ended(received.data, until):
            return msgspec.structs.replace(read, failure=Failure.GENERIC_TIMEOUT)
    return msgspec.structs.replace(read, failure=Failure.TOO_LARGE)


def wanted(data: bytes, most: int) -> tuple[int, bytes]:
    """Return how many bytes to read next and what ends them early; 0 where nothing more is wanted.

    Raises:
        Malformed: the bytes so far are no response, or a body that contradicts itself.
    """
    head = read_head(data)
    if head is None:
        return MAX_HEAD_BYTES + 4 - len(data), _ENDED
    if head.cut:
        return 0, b""
    body = read_body(head, data, most)
    if body.malformed:
        raise Malformed("contradictory lengths, or broken chunks")
    if body.complete or len(body.data) >= most:
        return 0, b""
    if body.missing is not None:
        return min(body.missing, most - len(body.data)), b""
    # Chunked: framing costs a few bytes more than the body. Without framing: one byte more tells a longer body.
    return most - len(body.data) + 1_024, b"0\r\n\r\n" if head.get("transfer-encoding") else b""


def _is_cut(data: bytes) -> bool:
    """Tell whether a response's head is larger than what is read of it."""
    head = read_head(data)
    return head is not None and head.cut


def _ended(data: bytes, until: bytes) -> bool:
    """Tell whether a read ended because it saw what it was to end with."""
    return bool(until) and (until in data or (until == _ENDED and _BARE in data))


def _end_of_stream(data: bytes, most: int) -> Failure | None:
    """Name the failure of a stream that ended here: none where that ends the body, too."""
    try:
        head = read_head(data)
        if head is None:
            return Failure.EOF if not data else Failure.HTTP_MALFORMED
        if head.cut:
            return Failure.TOO_LARGE
        body = read_body(head, data, most)
    except Malformed:
        return Failure.HTTP_MALFORMED
    if body.malformed:
        return Failure.HTTP_MALFORMED
    framed = head.get("content-length") is not None or head.get("transfer-encoding") is not None
    return Failure.EOF if framed and not body.complete and not body.longer else None


def described(result: HttpObservation, read: Read, most: int) -> HttpObservation:
    """Return the observation with what the response says of itself: status, length, hash, title, headers, goodput."""
    return _with_packets(_described(result, read, most), read.data)


def _described(result: HttpObservation, read: Read, most: int) -> HttpObservation:
    """Add what is read, without a look at whom it names."""
    try:
        head = read_head(read.data)
        if head is None:
            return result
    except Malformed:
        # No head at all: what stands there may still be a page, which browsers show (HTTP/0.9).
        failure = result.failure or Failure.HTTP_MALFORMED
        return msgspec.structs.replace(result, failure=failure, title=title_of(read.data), malformed=True)
    body = read_body(head, b"" if head.cut else read.data, most)
    return msgspec.structs.replace(
        result,
        status=head.status,
        body_bytes=len(body.data),
        **_digests(head, body),
        truncated=body.longer,
        malformed=head.malformed or body.malformed,
        title=title_of(body.data, head.get("content-type") or "") if _is_plain(head) else "",
        headers=tuple((name, value) for name, value in head.headers if name in ALLOWED_HEADERS),
        goodput_kbps=_goodput(body, read.transfer_ms),
    )


def _digests(head: Head, body: Body) -> dict[str, str]:
    """Return the body's digest, or that of what may be told of it.

    Many block pages print who asked. The digest of a page that is known but for an address is that address: four
    thousand million are tried in minutes. What cannot be looked at (compressed) has none.
    """
    if not body.data or not _is_plain(head):
        return {}
    raw = hashlib.sha256(body.data).hexdigest()
    if b"\0" in body.data[:_BINARY_WITHIN] and not names_somebody(body.data.decode("latin-1")):
        return {"body_sha256": raw}
    page = text_of(body.data, head.get("content-type") or "")
    told = anonymous(page)
    if told == without_controls(page):
        return {"body_sha256": raw}
    return {"body_redacted_sha256": hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()}


def _with_packets(result: HttpObservation, data: bytes) -> HttpObservation:
    """Return the observation without the digests of its packets where a response in clear names its reader."""
    if result.tls or not names_somebody(text_of(data)):
        return result
    return msgspec.structs.replace(result, packets=without_digests(result.packets))


def _is_plain(head: Head) -> bool:
    """Tell whether the body is text as it stands: nothing is ever decompressed here."""
    return (head.get("content-encoding") or "identity").lower() == "identity"


def _goodput(body: Body, transfer_ms: float) -> float | None:
    """Return kilobits a second; ``None`` where the body is too short to say."""
    if len(body.data) < LEAST_FOR_GOODPUT or transfer_ms <= 0.0:
        return None
    return len(body.data) * 8 / transfer_ms
