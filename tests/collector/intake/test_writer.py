"""Ingest against a real broker: exactly once through every kill, and nothing acknowledged that is not committed."""

from __future__ import annotations

import functools
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.broker import Connection, Delivery
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system.config import Broker
from balise_collector.system.identity import load_or_create
from balise_wire.assignment import Assignment, Watch
from balise_wire.envelope import Kind
from balise_wire.status import CollectorState, Event, EventKind, Health, State
from balise_wire.topics import Leaf
from balise_wire.words import Lifecycle, ProbeRole
from tests.collector.conftest import Mosquitto, RunningCollector
from tests.collector.field_probe import FieldProbe
from tests.collector.fieldline import FieldLine

NOW = 1_589_733_000.0
LAB_CLOCK = "2020-05-17T16:30:00Z"


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector under test lives on 17 May 2020, as the probes' measurements do."""
    monkeypatch.setenv("BALISE_CLOCK", f"{LAB_CLOCK}@{time.monotonic():.3f}x1")


@pytest.fixture
def line_of(
    collector: RunningCollector, mosquitto: Mosquitto, field_line: type[FieldLine], eventually: Callable[..., None]
) -> Iterator[Callable[[FieldProbe], FieldLine]]:
    """Return a maker of a probe's connection, which trusts this collector's key and waits until it is online."""
    lines: list[FieldLine] = []

    def make(probe: FieldProbe) -> FieldLine:
        line = field_line(probe, mosquitto.port, load_or_create(collector.state).public_key())
        lines.append(line)
        eventually(lambda: b'"online":true' in line.retained.get("collector", b""), "the collector is online")
        return line

    yield make
    for line in lines:
        line.stop()


def ids_in(collector: RunningCollector) -> list[str]:
    """Return the ids of every measurement in the journal, in order, repeats included."""
    journal = SqliteJournal(collector.state / "journal.sqlite")
    rows = journal.read(0, 1_000_000)
    journal.close()
    return [row.measurement.id for row in rows]


@pytest.mark.slow
def test_what_is_committed_is_receipted_and_forgotten(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """Batches enter once, the receipt covers them, the spool empties; SIGTERM ends the collector within 3 s."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)
    for n in range(40):
        line.record(*(probe.measurement(NOW + n) for _ in range(5)), sent_at=NOW + n)
    eventually(lambda: not line.spool, "every batch receipted")
    assert sorted(ids_in(collector)) == sorted(line.recorded)
    assert line.receipts[-1].through == 40
    assert collector.end(signal.SIGTERM, within=3.0) == 0
    eventually(lambda: line.retained.get("collector") == msgspec.json.encode(_offline(line)), "collector says offline")


def _offline(line: Any) -> CollectorState:
    said = msgspec.json.decode(line.retained["collector"], type=CollectorState)
    return msgspec.structs.replace(said, online=False)


@pytest.mark.slow
def test_a_probe_is_approved_while_the_collector_runs(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """A stranger gets no receipt and is listed; approved by id, it gets its assignment and loses nothing."""
    collector.start()
    eventually((collector.state / "fleet.sqlite").exists, "the registry")
    line = line_of(probe)
    line.announce()
    line.record(probe.measurement())
    registry = SqliteRegistry(collector.state / "fleet.sqlite")
    eventually(lambda: [p.public_key for p in registry.pending()] == [probe.public_hex], "the stranger is listed")
    registry.close()
    assert not line.receipts
    done = collector.call("fleet", "approve", probe.id)
    assert done.returncode == 0, done.stderr
    eventually(lambda: "assignment" in line.retained, "the assignment")
    assert msgspec.json.decode(line.retained["assignment"], type=Assignment).version == 1
    line.resend()
    eventually(lambda: not line.spool, "the receipt")
    assert ids_in(collector) == line.recorded


@pytest.mark.slow
@pytest.mark.chaos
def test_every_measurement_is_there_once_after_kills(
    collector: RunningCollector,
    mosquitto: Mosquitto,
    make_probe: Callable[..., FieldProbe],
    line_of: Callable[..., FieldLine],
    eventually: Callable[..., None],
) -> None:
    """kill -9 of broker and collector in turn while three probes send: at the end, exactly once."""
    probes = [make_probe(id=f"probe{n:04}") for n in range(3)]
    collector.approve(*probes)
    collector.start()
    lines = [line_of(probe) for probe in probes]
    for strike in range(6):
        for line in lines:
            for n in range(30):
                line.record(*(line.probe.measurement(NOW + n) for _ in range(3)))
        if strike % 2:
            mosquitto.kill()
            mosquitto.start()
        else:
            collector.end(signal.SIGKILL)
            collector.start()
    for line in lines:
        eventually(functools.partial(_drained, line), "the spool is empty", within=40.0)
    found = ids_in(collector)
    sent = [measurement for line in lines for measurement in line.recorded]
    print(f"recorded {len(sent)}, in the journal {len(found)}, distinct {len(set(found))}")  # noqa: T201 - the counts
    assert sorted(found) == sorted(sent)


def _drained(line: Any) -> bool:
    line.resend()
    return not line.spool


@pytest.mark.slow
def test_a_full_disk_loses_nothing(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """While the journal cannot grow there is no receipt and the collector says offline; afterwards all is there."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)
    line.record(probe.measurement())
    eventually(lambda: not line.spool, "the first receipt")
    resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for _ in range(10):
        line.record(*(probe.measurement() for _ in range(20)))
    eventually(lambda: b'"online":false' in line.retained["collector"], "the collector says offline")
    assert len(line.spool) == 10
    resource.prlimit(collector.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: not line.spool, "everything is receipted")
    assert sorted(ids_in(collector)) == sorted(line.recorded)
    assert "not committed" in (collector.folder / "collector.log").read_text()


@pytest.mark.slow
def test_hostile_neighbours_cost_no_good_message(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """Noise of every kind between good batches of the same delivery: quarantined with reasons, the good ones enter."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)
    hostile = [b"", b"BLS1", os.urandom(500), probe.seal(probe.envelope(b"[1,2")), probe.seal(probe.envelope(b"{}"))]
    for n in range(25):
        line.send((Leaf.MEASUREMENT, Leaf.EVENT, Leaf.STATE, Leaf.META, Leaf.HEALTH)[n % 5], hostile[n % 4])
        line.record(probe.measurement())
    eventually(lambda: len(ids_in(collector)) == 25, "every good one")
    assert sorted(ids_in(collector)) == sorted(line.recorded)
    with sqlite3.connect(collector.state / "journal.sqlite") as db:
        reasons = {row[0] for row in db.execute("SELECT reason FROM quarantine")}
    db.close()
    assert reasons
    assert all(reasons)


@pytest.mark.slow
def test_events_and_states_are_kept(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """A probe's events share its stream, so they are receipted too; they are kept once."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)
    body = msgspec.json.encode([Event(kind=EventKind.STARTED, at=NOW, detail="power")])
    frame = probe.seal(probe.envelope(body, kind=Kind.EVENT))
    for _ in range(3):
        line.send(Leaf.EVENT, frame)
    eventually(lambda: any(receipt.through == 1 for receipt in line.receipts), "the receipt")
    journal = SqliteJournal(collector.state / "journal.sqlite")
    assert journal.counts().events == 1
    assert [row.probe for row in journal.presence(0.0, float("inf"))] == [probe.id]
    journal.close()


@pytest.mark.slow
def test_states_without_end_are_bounded_and_the_newest_counts(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """A probe that says its state without end writes so many down, delays nobody, and its last word is kept."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)
    for number in range(1, 1501):
        word = Lifecycle.DISCONNECTED if number == 1500 else Lifecycle.READY
        said = State(state=word, session=number, stream=f"s{number % 7}")
        line.send(Leaf.STATE, msgspec.json.encode(said))
    line.record(probe.measurement())
    eventually(lambda: not line.spool, "the receipt behind the states")
    journal = SqliteJournal(collector.state / "journal.sqlite")
    assert len(journal.presence(0.0, float("inf"))) <= 70
    eventually(lambda: journal.latest_presence()[probe.id].state is Lifecycle.DISCONNECTED, "the last state")
    journal.close()


@pytest.mark.slow
def test_a_second_collector_on_one_folder_leaves(
    collector: RunningCollector, line_of: Callable[..., FieldLine], probe: FieldProbe
) -> None:
    """Two writers of one journal would mix their batches: the second says so and ends, the first goes on."""
    collector.start()
    line_of(probe)
    second = collector.call("run")
    assert second.returncode == 2
    assert "another collector runs" in second.stderr
    assert collector.end(signal.SIGTERM, within=10.0) == 0


# ---------------------------------------------------------------- acknowledgements


class Acks:
    """Stands in for paho's client: notes what is acknowledged."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def ack(self, mid: int, _qos: int) -> None:
        """Note it."""
        self.sent.append(mid)

    def subscribe(self, _topics: Any) -> None:
        """Accept."""


class Reason:
    """A connection that was accepted."""

    is_failure = False


@pytest.mark.slow
@given(st.lists(st.sampled_from(["deliver", "ack", "drop"]), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_acknowledgement_never_reaches_another_connection(steps: list[str]) -> None:
    """An ack goes out on the connection that delivered the message, or not at all: packet ids are used again."""
    arrived: list[Any] = []
    connection = Connection(Broker(host="127.0.0.1"), arrived.append)
    client: Any = Acks()
    connection._client = client
    connected = 0
    owner: dict[int, int] = {}
    waiting: list[Delivery] = []
    for mid, step in enumerate(["drop", *steps]):
        if step == "drop":
            connection._on_disconnect(client, None, None, Reason(), None)
            connection._on_connect(client, None, None, Reason(), None)
            connected += 1
            client.sent.clear()
        elif step == "deliver":
            waiting.append(Delivery(connection, connection._generation, mid, 1, "t", b""))
            owner[mid] = connected
        elif waiting:
            delivery = waiting.pop(0)
            assert connection.ack(delivery) is (owner[delivery.mid] == connected)
    assert all(owner[mid] == connected for mid in client.sent)


@pytest.mark.slow
def test_a_halt_reaches_every_probe_of_the_country_at_once(
    collector: RunningCollector,
    make_probe: Callable[..., FieldProbe],
    line_of: Callable[..., FieldLine],
    eventually: Callable[..., None],
) -> None:
    """The kill switch: a new assignment with the reason, to that country only, and another when it is lifted."""
    here, abroad = make_probe(id="pk000000"), make_probe(id="de000000", country="DE")
    collector.approve(here, abroad)
    collector.start()
    lines = [line_of(here), line_of(abroad)]

    none = Assignment(version=0, catalogue="", expires=0.0, targets=())

    def told(line: Any) -> Assignment:
        held = line.retained.get("assignment")
        return msgspec.json.decode(held, type=Assignment) if held else none

    for line in lines:
        eventually(lambda line=line: told(line).version == 1, "the first assignment")
    halted = collector.call("fleet", "halt", "PK", "--reason", "under review", "--wait", "0.5")
    assert (halted.returncode, "pk000000     NOT CONFIRMED, last word: ready" in halted.stdout) == (3, True)
    eventually(lambda: told(lines[0]).halt == "under review", "the halt", within=3.0)
    lines[0].tell(Event(kind=EventKind.ASSIGNMENT_ACCEPTED, at=NOW, detail="version 2: stop"))
    again = collector.call("fleet", "halt", "PK", "--reason", "under review", "--wait", "30")
    assert (again.returncode, "pk000000     confirmed, version 2" in again.stdout) == (0, True)
    assert collector.call("fleet", "halt", "PK", "--undo", "--no-wait").returncode == 0
    eventually(lambda: told(lines[0]).version == 3, "the end of the halt", within=3.0)
    assert told(lines[0]).halt == ""
    assert told(lines[1]).version == 1


@pytest.mark.slow
def test_a_watch_window_reaches_the_probes_of_its_country_at_once(
    collector: RunningCollector,
    make_probe: Callable[..., FieldProbe],
    line_of: Callable[..., FieldLine],
    eventually: Callable[..., None],
) -> None:
    """S11: the operator types it, and its probes and every reference are told; ended early, it is taken back."""
    probes = [
        make_probe(id="pk000000"),
        make_probe(id="ir000000", country="IR"),
        make_probe(id="de000000", country="DE", role=ProbeRole.REFERENCE),
    ]
    collector.approve(*probes)
    collector.start()
    lines = [line_of(probe) for probe in probes]

    def watches(line: Any) -> tuple[Watch, ...] | None:
        held = line.retained.get("assignment")
        return msgspec.json.decode(held, type=Assignment).watches if held else None

    for line in lines:
        eventually(lambda line=line: watches(line) == (), "the first assignment")
    made = collector.call("watch", "PK", "--service", "zoom", "--for", "4h")
    assert made.returncode == 0, made.stderr
    eventually(lambda: bool(watches(lines[0])), "the window", within=3.0)
    (window,) = watches(lines[0]) or ()
    assert (window.services, window.interval, window.until - window.since) == (("zoom",), 300, 4 * 3_600.0)
    assert watches(lines[1]) == ()
    eventually(lambda: watches(lines[2]) == watches(lines[0]), "the reference", within=3.0)
    assert collector.call("watch", "--end", made.stdout.split()[0]).returncode == 0
    eventually(lambda: watches(lines[0]) == (), "its end", within=3.0)


CATALOGUE = """
service = "s"
[[target]]
role = "web"
host = "a.example"
experiments = ["tls", "quic"]
[[target]]
role = "chat"
host = "b.example"
"""


@pytest.mark.slow
def test_a_probe_is_asked_for_what_it_can_do(
    collector: RunningCollector,
    make_probe: Callable[..., FieldProbe],
    line_of: Callable[..., FieldLine],
    eventually: Callable[..., None],
) -> None:
    """By its sealed word; a plain one, as of a probe that was set back, leaves the words of the first version."""
    folder = collector.folder / "catalogue"
    folder.mkdir()
    (folder / "s.toml").write_text(CATALOGUE)
    collector.settings.write_text(collector.settings.read_text() + f'[catalogue]\ndir = "{folder}"\n')
    probe = make_probe()
    collector.approve(probe)
    collector.start()
    line = line_of(probe)

    def asked() -> dict[str, tuple[str, ...]]:
        task = msgspec.json.decode(line.retained.get("assignment", b"{}"))
        return {one["host"]: tuple(one.get("experiments", ("dns", "tcp", "tls"))) for one in task.get("targets", ())}

    first = {"a.example": ("tls",), "b.example": ("dns", "tcp", "tls", "http")}
    eventually(lambda: asked() == first, "what every probe can do, before it introduced itself")
    line.announce("experiment:tls", "experiment:quic", "role:web", "scope:international", "reads:assignments-piecewise")
    eventually(lambda: asked() == {"a.example": ("tls", "quic")}, "what it can do, and no chat")
    line.announce()
    eventually(lambda: asked() == first, "a plain word proves nothing")
    log = (collector.folder / "collector.log").read_text()
    assert log.count(f"probe {probe.id} is too old for: role:chat (1 left out)") == 1
    assert f"probe {probe.id} is too old for: reads:assignments-piecewise, experiment:quic (1 left out)" in log


@pytest.mark.slow
def test_a_probe_that_holds_a_newer_assignment_is_caught_up_with(
    collector: RunningCollector, probe: FieldProbe, line_of: Callable[..., FieldLine], eventually: Callable[..., None]
) -> None:
    """A registry that was lost: the probe ignores what is not newer, a halt too, and says so; we count on from it."""
    collector.approve(probe)
    collector.start()
    line = line_of(probe)

    def version() -> int:
        task = msgspec.json.decode(line.retained.get("assignment", b"{}"))
        return int(task.get("version", 0))

    eventually(lambda: version() == 1, "the first assignment")
    told = "version 1 is older than 57, which is in force"
    line.tell(Event(kind=EventKind.ASSIGNMENT_REFUSED, at=NOW, detail=told))
    eventually(lambda: version() == 58, "one that the probe will take")
    health = msgspec.json.encode(Health(at=NOW, assignment=90, halted=False))
    line.send(Leaf.HEALTH, probe.seal(probe.envelope(health, kind=Kind.HEALTH, stream="", sequence=0)))
    eventually(lambda: version() == 91, "by its health report as well")
