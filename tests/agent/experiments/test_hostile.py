"""Whatever a network answers, step by step: a plan comes to its end, and what it observed can leave the probe."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balise_agent.codec import dns
from balise_agent.experiments import REGISTRY
from balise_agent.experiments.steps import Close, Closed, Handshake, Query, Receive, Received, Reply, Secured
from balise_agent.experiments.task import Task
from balise_agent.measure.report import Circumstances, measurement
from balise_agent.measure.run import Run
from balise_agent.testing import FakeNetwork, FakeSession
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tls import Certificate
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement, Network
from balise_wire.words import Design, Experiment

HOST = "twitter.example"
TEXT = st.text(max_size=200) | st.sampled_from(
    ["203.0.113.5", "\u06f2\u06f0\u06f3.0.113.5", "a" * 5000, "\x1b[2J", "\ufffe"]
)
PIECES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        *(b"\r\n\r\n", b"\n\n", b"\r\n", b" folded\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Content-Length: 5\r\n", b"Content-Length: 99999999999\r\n", b"Content-Range: bytes 0-1/2\r\n"),
        *(b"Location: http://[::1\r\n", b"Location: http://a.example:99999/\r\n"),
        *(b"Content-Type: text/html; charset=gbk\r\n", b"5\r\nhello\r\n", b"ffffffff\r\n", b"0\r\n\r\n"),
        *(b"<title>", b"</title>", b"<title>\xff\xfe\0</title>", b"&#99999999;&#xD800;", b"\0" * 40),
        *(b"\x16\x03\x03", b"\x15\x03\x03\x00\x02\x02\x28"),
    ]
)
PAGE = st.lists(PIECES | st.binary(max_size=60), max_size=14).map(b"".join)
CERTIFICATE = st.builds(
    Certificate,
    sha256=st.just("a" * 64),
    spki_sha256=st.just("") | st.just("b" * 64),
    subject=TEXT,
    issuer=TEXT,
    not_before=st.floats(-1e11, 1e12),
    not_after=st.floats(-1e11, 1e12),
)
HEADS = st.sampled_from(
    [
        b"\x81\x80\0\1\0\1\0\0\0\0",
        b"\x81\x80\0\0\0\x40\0\0\0\0",
        b"\x81\x83\0\1\0\0\0\0\0\0",
        b"\x80\x00",
    ]
)
RECORDS = st.sampled_from(
    [
        b"\x07twitter\x07example\0\0\1\0\1",
        b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\5",
        b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c",
        b"\xc0\x0c\0\1\0\1\xff\xff\xff\xff\0\4\x7f\0\0\1",
        b"\xff\xff",
        b"\x3f" + b"a" * 63,
    ]
)
MESSAGE = st.builds(
    lambda head, body: b"\0\7" + head + b"".join(body), HEADS, st.lists(RECORDS | st.binary(max_size=40), max_size=8)
)
PACKET = st.builds(
    Packet,
    t_us=st.integers(-(10**6), 10**9),
    direction=st.sampled_from([Direction.IN, Direction.OUT]),
    protocol=st.sampled_from(["tcp", "udp", "icmp", "132"]),
    ttl=st.integers(0, 255),
    options=st.text(max_size=100),
    icmp=st.sampled_from(["", "3/13", "255/255"]),
    hop=st.sampled_from(["", "192.168.7.1", "203.0.113.5", "fe80::1"]),
    sha256=st.sampled_from(["", "f" * 16]),
)


@pytest.mark.slow
@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED])
@pytest.mark.parametrize("word", sorted(REGISTRY))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_comes_back_becomes_a_measurement(
    task: Task, word: Experiment, design: Design, data: st.DataObject
) -> None:
    """Bytes of any kind in every reply: a measurement that can be written down, read again, and names no household."""
    network = FakeNetwork()
    packets = tuple(data.draw(st.lists(PACKET, max_size=4)))
    failures = st.none() | st.sampled_from([Failure.CONNECTION_RESET, Failure.GENERIC_TIMEOUT, Failure.TLS_ALERT])

    def receive(step: Receive, session: FakeSession) -> Reply:
        failure = data.draw(failures)
        if failure is not None:
            return session.failed(failure, step.handle)
        answer = data.draw(PAGE)[: step.most]
        return Received(at=network.now, elapsed_ms=1.0, data=answer, eof=data.draw(st.booleans()), body_ms=1.0)

    def handshake(step: Handshake, session: FakeSession) -> Reply:
        failure = data.draw(failures)
        if failure is not None:
            return session.failed(failure, step.handle)
        chain = tuple(data.draw(st.lists(CERTIFICATE, max_size=3)))
        verdict = data.draw(st.none() | st.just(Failure.SSL_INVALID_CERTIFICATE))
        alpn = data.draw(st.sampled_from(["", "http/1.1", "203.0.113.5"]))
        return Secured(
            at=network.now, elapsed_ms=1.0, version="TLSv1.3", alpn=alpn, chain=chain, verify_failure=verdict
        )

    def query(step: Query, session: FakeSession) -> Reply:
        reply = network.resolve(step, session)
        answers = tuple(
            dns.read_answer(message, step.name, step.qtype, rtt_ms=1.0, ttl=64, ip_id=7)
            for message in data.draw(st.lists(MESSAGE, max_size=3))
        )
        return msgspec.structs.replace(reply, answers=answers, packets=packets)

    def close(step: Close, session: FakeSession) -> Reply:
        session.connections.pop(step.handle)
        return Closed(at=network.now, elapsed_ms=0.0, packets=packets, flood=data.draw(st.integers(0, 10**9)))

    network.on(Receive, receive)
    network.on(Handshake, handshake)
    network.on(Query, query)
    network.on(Close, close)
    task = msgspec.structs.replace(task, full=True, design=design)
    experiment = REGISTRY[word]
    plan = experiment.plan.sentinel(task) if design is Design.SENTINEL else experiment.plan.paired(task)
    observations = network.play(plan)
    experiment.reader.anomaly(observations)
    run = Run(target=task.target, family=4, experiment=word, slot=1, due=1.0, task=task)
    made = measurement(
        run,
        observations,
        Circumstances(
            id="0" * 32,
            started=1.0,
            ended=2.0,
            network=Network(country="PK", asn=64501),
            catalogue="c",
            software="0",
            line=None,
            own=("203.0.113.5/32",),
        ),
    )
    encoded = msgspec.json.encode(made)
    assert msgspec.json.decode(encoded, type=Measurement) == made
    assert b"203.0.113.5" not in encoded
    assert len(encoded) < 256_000
