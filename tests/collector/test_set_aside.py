"""One row, cell or message that our own code cannot deal with costs itself: the rest goes on, and it is told."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector import experiments
from balise_collector.conclude.inference import OperatorContext
from balise_collector.conclude.pipeline import JournalReader, replay
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.broker import Delivery
from balise_collector.intake.writer import IntakeWriter
from balise_collector.journal import Batch
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.judge.verdict import Verdict
from balise_collector.run.databases import Databases
from balise_collector.sinks.changes import Change, VerdictWritten
from balise_collector.sinks.streams import Conclusions, Sources
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_collector.system.faults import Faults
from balise_wire.measurement import Measurement
from balise_wire.words import ClockState, Experiment
from tests.collector.field_probe import FieldProbe


@pytest.fixture
def place(tmp_path: Path) -> Config:
    """Settings of a collector in a folder of its own."""
    return Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))


@pytest.fixture
def journal(place: Config) -> Iterator[SqliteJournal]:
    """Return the journal of that collector."""
    opened = SqliteJournal(place.journal_file)
    yield opened
    opened.close()


@pytest.fixture
def store(place: Config, journal: SqliteJournal) -> Iterator[SqliteStore]:
    """Return the store of that collector."""
    del journal  # made first: the store reads it
    opened = SqliteStore(place.derived_file, SqliteJournal(place.journal_file))
    yield opened
    opened.close()


@pytest.fixture
def append(journal: SqliteJournal, probe: FieldProbe, epoch: float) -> Callable[..., None]:
    """Return what puts measurements into the journal, as if validate had let all of them in."""

    def put(*measurements: Measurement) -> None:
        batch = Batch(
            probe=probe.id, public_key=probe.public_hex, sent_at=epoch, clock_state=ClockState.SYNCED,
            frame=probe.batch(*measurements), measurements=tuple((n, m.id) for n, m in enumerate(measurements)),
        )  # fmt: skip
        journal.append([batch], (), (), epoch)

    return put


def reader_of(journal: SqliteJournal, store: SqliteStore, probe: FieldProbe) -> JournalReader:
    """Return a reader of the journal."""
    services = catalogue.load(catalogue.default_folder())
    return JournalReader(journal, store, OperatorContext(fleet=Fleet.of([probe.member]), catalogue=services))


def test_a_row_that_raises_is_set_aside_and_the_next_is_judged(
    journal: SqliteJournal,
    store: SqliteStore,
    append: Callable[..., None],
    probe: FieldProbe,
    epoch: float,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wherever in the chain it raises, the row is remembered with where and why, and told once; all else goes on."""
    absurd = [probe.measurement(at) for at in (1e300, -1e300, 1e17, -5.0)]
    honest = [probe.measurement(epoch + n) for n in range(3)]
    append(honest[0], *absurd[:2], honest[1], *absurd[2:], honest[2])
    with caplog.at_level(logging.ERROR):
        reader = reader_of(journal, store, probe)
        while reader.follow(epoch + 600.0):
            pass
        reader.save()
    judged = {verdict.measurement for verdict in store.verdicts()}
    assert {one.id for one in honest} <= judged
    assert journal.head() == reader.seq == 7
    aside = journal.asides()
    assert {one.fault.seq for one in aside} == {2, 3, 5}
    assert absurd[3].id in judged, "a result of 1969 is judged; it is older than any cell's history and moves none"
    assert all(one.reader == "judge" and one.fault.place and one.fault.error for one in aside)
    assert journal.counts().set_aside == {"judge": len(aside)}
    assert sum("set aside" in record.message for record in caplog.records) == len(aside)
    again = reader_of(journal, store, probe)
    assert again.seq == 7, "a restart does not meet the same row again"


def test_a_replay_takes_up_what_was_set_aside(
    journal: SqliteJournal, append: Callable[..., None], probe: FieldProbe, epoch: float, place: Config
) -> None:
    """After an update the past is judged anew: what then works is set aside no longer."""
    append(probe.measurement(epoch), probe.measurement(1e300))
    faults = Faults()
    faults.note("judge", "what an older version could not do", 1)
    journal.set_aside("judge", faults.drain(), epoch)
    registry = SqliteRegistry(place.fleet_file)
    registry.approve(probe.member)
    registry.close()
    judged, _ = replay(place, Clock(), catalogue.load(catalogue.default_folder()), partial(Databases, place))
    assert judged == 2
    assert {one.fault.seq for one in journal.asides()} == {2}
    assert {one.reader for one in journal.asides()} == {"judge"}


def test_a_verdict_that_cannot_be_kept_costs_itself(
    store: SqliteStore, journal: SqliteJournal, append: Callable[..., None], probe: FieldProbe, epoch: float
) -> None:
    """One row that the database refuses does not keep its neighbours out."""
    append(probe.measurement(epoch))
    reader = reader_of(journal, store, probe)
    reader.follow(epoch)
    verdict = store.verdicts()[0]
    broken: list[Verdict] = [
        msgspec.structs.replace(verdict, at=math.nan),
        msgspec.structs.replace(verdict, network=msgspec.structs.replace(verdict.network, asn=2**70)),
    ]
    faults = Faults()
    store.save_verdicts([(2, verdict), (3, broken[0]), (4, verdict), (5, broken[1]), (6, verdict)], faults)
    assert [seq for seq, _ in store.numbered_verdicts()] == [1, 2, 4, 6]
    assert [(fault.place, fault.seq) for fault in faults.drain()] == [("store", 3), ("store", 5)]


def test_twenty_flipped_bits_cost_what_they_hit(
    store: SqliteStore, journal: SqliteJournal, append: Callable[..., None], probe: FieldProbe, epoch: float
) -> None:
    """Detection never stands at a damaged row: each frame that a bit changed is counted, and all others are judged."""
    chance = random.Random(16)
    for batch in range(60):
        append(*(probe.measurement(epoch + batch + n) for n in range(5)))
    hit = set()
    for _ in range(20):
        number = chance.randrange(1, 61)
        frame = bytearray(journal._db.execute("SELECT frame FROM batch WHERE no = ?", (number,)).fetchone()[0])
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
        journal._db.execute("UPDATE batch SET frame = ? WHERE no = ?", (bytes(frame), number))
        hit.add(number)
    reader = reader_of(journal, store, probe)
    while reader.follow(epoch + 600.0):
        pass
    reader.save()
    assert reader.seq == journal.head() == 300
    assert store.count_by_state()["ok"] == 300 - 5 * len(hit)
    assert journal.counts().set_aside == {"judge": 5 * len(hit)}
    assert journal.totals().set_aside == 5 * len(hit)
    assert {one.fault.place for one in journal.asides(500)} == {"journal"}


def test_a_receive_time_of_the_far_future_carries_nobody_there(
    store: SqliteStore, journal: SqliteJournal, append: Callable[..., None], probe: FieldProbe, epoch: float
) -> None:
    """Time passes by receive times: a damaged one would end detection until then, so that row is set aside."""
    append(probe.measurement(epoch))
    append(probe.measurement(epoch + 1.0))
    journal._db.execute("UPDATE batch SET received_at = received_at + 1e9 WHERE no = 1")
    reader = reader_of(journal, store, probe)
    while reader.follow(epoch + 60.0):
        pass
    assert epoch - 60.0 <= reader.stepped <= epoch + 60.0
    assert [seq for seq, _ in store.numbered_verdicts()] == [2]
    assert [one.fault.seq for one in journal.asides()] == [1]


class _Kept:
    """A sink that keeps everything."""

    name = "kept"

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def take(self, changes: Sequence[Change], _faults: Faults) -> None:
        """Keep changes."""
        self.changes.extend(changes)


def test_a_damaged_conclusion_costs_a_sink_that_conclusion(
    store: SqliteStore, journal: SqliteJournal, append: Callable[..., None], probe: FieldProbe, epoch: float
) -> None:
    """A verdict whose bytes changed on the disk is left out by sinks and pages, and the cursor moves on."""
    append(*(probe.measurement(epoch + n) for n in range(5)))
    reader = reader_of(journal, store, probe)
    reader.follow(epoch)
    store._db.execute("UPDATE verdict SET body = ? WHERE seq = 3", (b'{"measurement":\xff',))
    sink = _Kept()
    stream = Conclusions(sink, "kept", Sources(store, journal))
    while stream.step():
        pass
    assert len([change for change in sink.changes if isinstance(change, VerdictWritten)]) == 4
    assert [seq for seq, _ in store.numbered_verdicts()] == [1, 2, 4, 5]


class _Unwell(SqliteJournal):
    """A journal whose database refuses the values of one probe, as it would refuse an integer of 70 bits."""

    def append(self, batches: Sequence[Batch], *rest: Any, **more: Any) -> int:
        """Commit, but for that probe's."""
        if any(batch.probe == "hostile1" for batch in batches):
            self._db.execute("SELECT ?", (2**70,))
        return super().append(batches, *rest, **more)


class _Wire:
    """Counts what is acknowledged."""

    name, up = "here", False

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    def ack(self, delivery: Delivery) -> bool:
        """Note one acknowledgement."""
        self.acknowledged.append(delivery.mid)
        return True

    def publish(self, _topic: str, _payload: bytes) -> None:
        """Say nothing."""


def test_a_message_that_cannot_be_committed_goes_to_the_quarantine_alone(
    place: Config, make_probe: Callable[..., FieldProbe]
) -> None:
    """Of a group with one such message, the others are in the journal and all are acknowledged: none comes for ever."""
    honest, hostile = make_probe(), make_probe(id="hostile1")
    registry = SqliteRegistry(place.fleet_file)
    for one in (honest, hostile):
        registry.approve(one.member)
    with_fault = _Unwell(place.journal_file)
    ingest = IntakeWriter(
        place,
        Clock(),
        Ed25519PrivateKey.generate(),
        catalogue.load(catalogue.default_folder()),
        with_fault,
        registry,
        [],
        threading.Event(),
    )
    ingest.current.fleet = Fleet.of([honest.member, hostile.member])  # what was assigned is another test's matter
    wire: Any = _Wire()
    senders = [honest, hostile, honest, honest]
    ingest.take(
        [
            Delivery(wire, 1, mid, 1, one.topic, one.batch(one.measurement(Clock().now()), sent_at=Clock().now()))
            for mid, one in enumerate(senders)
        ]
    )
    assert with_fault.head() == 3
    assert sorted(wire.acknowledged) == [0, 1, 2, 3]
    (refused,) = with_fault.quarantine()
    assert refused[1] == "hostile1"
    assert "our own fault" in refused[3]
    with_fault.close()
    registry.close()


def test_a_row_of_an_experiment_without_rules_is_set_aside_with_its_reason(
    journal: SqliteJournal,
    store: SqliteStore,
    append: Callable[..., None],
    probe: FieldProbe,
    epoch: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 3e87f94 such a row ended the pipeline, and the service met it again at each start: a crash loop."""
    strange, honest = probe.measurement(epoch), probe.measurement(epoch + 1.0)
    known = experiments.LAYERS
    honest = msgspec.structs.replace(honest, experiment=Experiment.TLS)
    monkeypatch.setattr(experiments, "LAYERS", {Experiment.TLS: known[Experiment.TLS]})
    append(strange, honest)
    reader = reader_of(journal, store, probe)
    while reader.follow(epoch + 600.0):
        pass
    reader.save()
    assert [verdict.measurement for verdict in store.verdicts()] == [honest.id]
    (aside,) = journal.asides()
    assert aside.fault.seq == 1
    assert f"experiment {strange.experiment}: this collector has no rules for it" in aside.fault.error
