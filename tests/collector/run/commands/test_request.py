"""``balise-collector request`` and ``requests``: as an operator types them, and over a real broker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from balise_collector.fleet.orders import Able
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.requests import Answered
from balise_collector.system.clock import machine_time
from balise_collector.system.identity import load_or_create
from balise_wire.envelope import Kind
from balise_wire.request import Answer, Outcome, Reason, Request
from balise_wire.skills import FIRST, REQUESTS
from balise_wire.status import Event, EventKind
from balise_wire.topics import Leaf
from balise_wire.words import Design, Experiment
from tests.collector.field_probe import EPOCH, FieldProbe
from tests.collector.fieldline import FieldLine

if TYPE_CHECKING:
    from tests.collector.conftest import Mosquitto, RunningCollector

Run = Callable[..., tuple[int, str, str]]
KNOWN = "twitter/web/twitter.com/4"
NEW = "news/web/n.example/4"


@pytest.fixture
def member(run: Run, probe: FieldProbe, tmp_path: Path) -> FieldProbe:
    """Return a probe that is approved, and said what it can do."""
    assert run("fleet", "approve", probe.id, "--key", probe.public_hex, "--country", "PK", "--asn", "64501")[0] == 0
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.note_able(probe.member, Able(skills=frozenset({*FIRST, REQUESTS})))
    return probe


def kept(tmp_path: Path) -> list[Request]:
    """Return what was asked for."""
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        return [one.request for one in registry.requests()]


def test_a_target_of_the_catalogue_is_asked_for_by_its_id(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """The probe has the rest of it; without an answer the status says so."""
    status, said, _ = run("request", member.id, KNOWN, "tls", "--wait", "0", "--within", "60")
    assert status == 3
    assert "the running collector tells the probe" in said
    assert "no last word yet" in said
    (request,) = kept(tmp_path)
    assert (request.target, request.whole, request.design) == (KNOWN, None, Design.ON_DEMAND)
    assert request.expires - request.made == 60.0
    assert "waits for its answer" in run("requests")[1]
    assert json.loads(run("requests", member.id, "--json")[1])[0]["request"]["id"] == request.id
    assert "nothing was asked for" in run("requests", "another1")[1]


def test_a_target_of_no_catalogue_is_sent_whole(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """With what the operator says of it, and its results are taken."""
    typed = ("--address", "198.18.0.9", "--port", "8443", "--path", "/x?y", "--design", "sentinel", "--bytes", "30000")
    assert run("request", member.id, NEW, "http", *typed, "--wait", "0")[0] == 3
    (request,) = kept(tmp_path)
    assert request.whole is not None
    assert (request.whole.id, request.whole.path, request.whole.port) == (NEW, "/x?y", 8443)
    assert (request.experiment, request.design, request.bytes) == (Experiment.HTTP, Design.SENTINEL, 30_000)
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        tasks = registry.fleet().tasks_of(member.id)
        assert tasks is not None
        assert NEW in tasks.asked


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("nobody000", KNOWN, "tls"), "no probe that may speak"),
        (("k7m2q9xd", "n.example", "tls"), "in no catalogue"),
        (("k7m2q9xd", KNOWN, "tls", "--address", "198.18.0.9"), "leave --address and --path out"),
        (("k7m2q9xd", NEW, "http", "--path", "x"), "http: Expected"),
        (("k7m2q9xd", KNOWN, "tls", "--bytes", "0"), "--bytes 0"),
        (("k7m2q9xd", KNOWN, "tls", "--within", "7200"), "--within 7200"),
    ],
)
def test_what_cannot_be_asked_is_said_at_once(
    run: Run, member: FieldProbe, tmp_path: Path, typed: tuple[str, ...], told: str
) -> None:
    """With the mend, and nothing is written down."""
    status, _, error = run("request", *typed, "--wait", "0")
    assert status != 0
    assert told in error
    assert member.id == "k7m2q9xd"
    assert kept(tmp_path) == []


def test_the_answer_is_told(run: Run, member: FieldProbe, tmp_path: Path) -> None:
    """In the words of the probe, with what came of it."""
    run("request", member.id, KNOWN, "tls", "--wait", "0")
    answer = Answer(request=kept(tmp_path)[0].id, outcome=Outcome.REFUSED, reason=Reason.BUDGET)
    with closing(SqliteRegistry(tmp_path / "state" / "fleet.sqlite")) as registry:
        registry.note_answer(Answered(member.id, answer, "request ab, tls: refused, budget; too dear", EPOCH))
    assert "refused, budget; too dear" in run("requests")[1]


@pytest.mark.slow
def test_a_request_over_a_real_broker(
    collector: RunningCollector, mosquitto: Mosquitto, probe: FieldProbe, eventually: Callable[..., None]
) -> None:
    """The running collector signs and sends it, the probe's answer ends the command, and the topic is cleared."""
    collector.approve(probe)
    collector.start()
    line = FieldLine(probe, mosquitto.port, load_or_create(collector.state).public_key())
    try:
        eventually(lambda: b'"online":true' in line.retained.get("collector", b""), "the collector is online")
        line.announce(*FIRST, REQUESTS)
        with closing(SqliteRegistry(collector.state / "fleet.sqlite")) as registry:
            eventually(lambda: registry.fleet().order_of(probe.id).able is not None, "it is heard")
        asking = subprocess.Popen(
            collector.command("request", probe.id, KNOWN, "tcp", "--wait", "60"), stdout=subprocess.PIPE, text=True
        )
        eventually(lambda: bool(line.requests), "the request arrives")
        assert line.requests is not None
        (request,) = line.requests
        assert (request.target, request.experiment) == (KNOWN, Experiment.TCP)
        for answer in (
            Answer(request=request.id, outcome=Outcome.ACCEPTED),
            Answer(request=request.id, outcome=Outcome.DONE, measurement="ab" * 16),
        ):
            event = Event(kind=EventKind.REQUEST_ANSWERED, at=machine_time(), detail="request; done", answer=answer)
            envelope = probe.envelope(msgspec.json.encode([event]), kind=Kind.EVENT, sent_at=machine_time())
            line.send(Leaf.EVENT, probe.seal(envelope))
        said, _ = asking.communicate(timeout=60)
        assert asking.returncode == 0
        assert said.splitlines()[-1] == f"done; done; measurement {'ab' * 16}"
        eventually(lambda: line.requests == [], "the topic is cleared")
    finally:
        line.stop()
