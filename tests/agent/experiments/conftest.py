"""A small world of data that answers steps, so that plans are tested without any network.

Lives here: what a name, an address or a resolver does in a test, and the driver that plays a plan against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from balise_agent.experiments import Task
from balise_agent.experiments.steps import (
    Answer,
    AnswerKind,
    AskGateway,
    Close,
    Closed,
    Connect,
    Connected,
    Exchange,
    Exchanged,
    Failed,
    GatewayAsked,
    Handshake,
    Note,
    Noted,
    Plan,
    Queried,
    Query,
    Receive,
    Received,
    Reply,
    Secured,
    Send,
    Sent,
    Step,
)
from balise_wire.assignment import Control, Target
from balise_wire.evidence import Direction, Packet
from balise_wire.failures import Failure
from balise_wire.observations import DnsAnswer, Observation
from balise_wire.words import Scope, TargetRole

SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00"


def sni_of(hello: bytes) -> str | None:
    """Return the name in a ClientHello; an independent, minimal reader of RFC 8446 4.1.2."""
    body = hello[5 + 4 + 2 + 32 :]
    body = body[1 + body[0] :]
    body = body[2 + int.from_bytes(body[:2], "big") :]
    body = body[1 + body[0] :][2:]
    while body:
        kind, size = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        if kind == 0:
            return body[9 : 4 + size].decode()
        body = body[4 + size :]
    return None


@dataclass
class World:
    """What the network does, as data; everything not named here works."""

    refused: dict[tuple[str, int], Failure] = field(default_factory=dict)
    """Endpoints that do not connect or answer a SYN."""
    cut: dict[str, Failure] = field(default_factory=dict)
    """Names (SNI or Host) after which a connection fails."""
    mitm: set[str] = field(default_factory=set)
    """Names whose chain does not verify."""
    old: set[str] = field(default_factory=set)
    """Names whose server speaks an old dialect of TLS alone."""
    never: set[str] = field(default_factory=set)
    """Names whose server speaks a dialect that nobody does."""
    dns: dict[tuple[str, str], tuple[DnsAnswer, ...]] = field(default_factory=dict)
    """Answers by (name, server); the server is empty for the provider's resolver."""
    aside: dict[str, tuple[DnsAnswer, ...]] = field(default_factory=dict)
    """Names of which resolvers say nothing in their answers."""
    unchecked: tuple[DnsAnswer, ...] = ()
    """What the provider's resolver answers with checking disabled."""
    unasked: bool = False
    """There is no resolver to ask."""
    pages: dict[str, bytes] = field(default_factory=dict)
    """Responses by Host."""
    gateway: bool | None = True
    steps: list[Step] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    now: float = 1000.0
    _open: dict[int, dict[str, Any]] = field(default_factory=dict)

    def play(self, plan: Plan) -> tuple[Observation, ...]:
        """Answer a plan's steps until it returns; every connection must have been closed or have failed."""
        reply: Reply | None = None
        try:
            while True:
                step = next(plan) if reply is None else plan.send(reply)
                if isinstance(step, Note):
                    self.notes.append(step)
                    reply = Noted(at=self.now, elapsed_ms=0.0)
                    continue
                self.steps.append(step)
                self.now += 1.0
                reply = self._answer(step)
        except StopIteration as stop:
            assert not self._open, f"left open: {self._open}"
            observations: tuple[Observation, ...] = stop.value
            return observations

    def noted(self) -> tuple[Observation, ...]:
        """Return what a failure of ours at the plan's end would leave of it."""
        kept: list[Observation] = []
        for note in self.notes:
            kept = [*(kept[:-1] if note.instead else kept), note.observation]
        return tuple(kept)

    def names(self) -> list[str | None]:
        """Return the names of the hellos that were sent, in order."""
        return [sni_of(s.data) for s in self.steps if isinstance(s, Send) and s.data.startswith(b"\x16")]

    def _answer(self, step: Step) -> Reply:
        handler: Callable[[Any], Reply] = getattr(self, f"_{type(step).__name__.lower()}")
        return handler(step)

    def _fail(self, failure: Failure, handle: int | None = None) -> Failed:
        if handle is not None:
            del self._open[handle]
        return Failed(at=self.now, elapsed_ms=8.0, failure=failure, packets=(self._packet(),))

    @staticmethod
    def _packet() -> Packet:
        return Packet(t_us=1, direction=Direction.IN, ttl=55, flags="R")

    def _connect(self, step: Connect) -> Reply:
        if failure := self.refused.get((step.address, step.port)):
            return self._fail(failure)
        handle = len(self.steps)
        self._open[handle] = {"data": b""}
        return Connected(at=self.now, elapsed_ms=40.0, handle=handle)

    def _send(self, step: Send) -> Reply:
        connection = self._open[step.handle]
        if step.data.startswith(b"\x16"):
            name = sni_of(step.data) or ""
            connection["data"] = SERVER_HELLO
        else:
            name = step.data.split(b"Host: ", 1)[1].split(b"\r\n", 1)[0].decode()
            connection["data"] = self.pages.get(name, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection["cut"] = self.cut.get(name)
        return Sent(at=self.now, elapsed_ms=0.1)

    def _receive(self, step: Receive) -> Reply:
        connection = self._open[step.handle]
        if connection["cut"] is Failure.EOF:
            return Received(at=self.now, elapsed_ms=30.0, data=b"", eof=True)
        if connection["cut"]:
            return self._fail(connection["cut"], step.handle)
        data: bytes = connection["data"]
        end = len(data)
        if step.until and step.until in data:
            end = data.index(step.until) + len(step.until)
        end = min(end, step.most)
        connection["data"] = data[end:]
        eof = end < step.most and not (step.until and step.until in data[:end])
        timing = {"first_byte_ms": 20.0, "body_ms": 10.0} if end else {}
        return Received(at=self.now, elapsed_ms=30.0, data=data[:end], eof=eof, **timing)

    def _handshake(self, step: Handshake) -> Reply:
        name = step.sni or ""
        if failure := self.cut.get(name):
            return self._fail(failure, step.handle)
        if name in self.never or (name in self.old and not step.old):
            refused = self._fail(Failure.TLS_ALERT, step.handle)
            return msgspec.structs.replace(refused, data=b"\x15\x03\x03\x00\x02\x02\x46", detail="alert 70")
        verify = Failure.SSL_UNKNOWN_AUTHORITY if name in self.mitm else None
        version = "TLSv1" if step.old else "TLSv1.3"
        return Secured(at=self.now, elapsed_ms=60.0, version=version, verify_failure=verify, bytes_received=3000)

    def _close(self, step: Close) -> Reply:
        del self._open[step.handle]
        return Closed(at=self.now, elapsed_ms=0.0, packets=(self._packet(),))

    def _exchange(self, step: Exchange) -> Reply:
        answers = []
        for number, probe in enumerate(step.packets):
            endpoint = (probe.address, getattr(probe, "port", 0))
            failure = self.refused.get(endpoint)
            kind = {
                None: AnswerKind.SYNACK,
                Failure.CONNECTION_REFUSED: AnswerKind.RST,
                Failure.ICMP_ADMIN_PROHIBITED: AnswerKind.ICMP,
            }.get(failure)
            if kind is not None:
                packet = Packet(t_us=1, direction=Direction.IN, icmp="3/13" if kind is AnswerKind.ICMP else "")
                answers.append(Answer(probe=number, kind=kind, rtt_ms=20.0 + number, packet=packet))
        return Exchanged(at=self.now, elapsed_ms=25.0, answers=tuple(answers))

    def _query(self, step: Query) -> Reply:
        if self.unasked:
            return Queried(at=self.now, elapsed_ms=0.1, questions=0, failure=Failure.NETWORK_UNREACHABLE)
        if step.unchecked:
            return Queried(at=self.now, elapsed_ms=20.0, answers=self.unchecked)
        if step.name in self.aside:
            return Queried(at=self.now, elapsed_ms=20.0, set_aside=self.aside[step.name])
        key = (step.name, step.server)
        fine = (DnsAnswer(rtt_ms=12.0, ttl=60, addresses=("198.18.1.1",)),) if step.resolver != "silent" else ()
        answers = self.dns.get(key, fine)
        return Queried(at=self.now, elapsed_ms=2000.0, answers=answers)

    def _askgateway(self, step: AskGateway) -> Reply:
        del step
        return GatewayAsked(at=self.now, elapsed_ms=1.0, ok=self.gateway, rtt_ms=0.5 if self.gateway else None)


@pytest.fixture
def world() -> World:
    """Return a world in which everything works."""
    return World()


@pytest.fixture
def fresh_world() -> Callable[[], World]:
    """Return a function that makes another world in which everything works."""
    return World


TARGET = Target(
    id="twitter/web/twitter.example/4",
    service="twitter",
    role=TargetRole.WEB,
    host="twitter.example",
    addresses=("198.18.1.1",),
    neighbour="neighbour.example",
    sibling="198.18.1.9",
    other_port=80,
)


@pytest.fixture
def task() -> Task:
    """Return a task for a target with every kind of control."""
    return Task(
        target=TARGET,
        address="198.18.1.1",
        addresses=("198.18.1.1",),
        controls=(
            Control(name="far.example", addresses=("198.18.9.1",)),
            Control(name="near.example", addresses=("198.18.9.2",), scope=Scope.DOMESTIC),
        ),
        control_name="control.example",
        public_resolvers=("198.18.8.8",),
        silent_addresses=("198.18.7.7",),
        laboratory=("198.18.0.0/15",),
        seed=7,
    )


@pytest.fixture
def changed() -> Callable[..., Task]:
    """Return a function that changes a task's target."""

    def change(task: Task, **target: Any) -> Task:
        return msgspec.structs.replace(task, target=msgspec.structs.replace(task.target, **target))

    return change
