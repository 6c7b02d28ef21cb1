"""An afternoon that has something for every panel, told to InfluxDB through the collector's own rooms.

Probes seal; ingest validates and commits; the judge, the detector and the incidents conclude; the sink's streams write.
The broker alone is left out: what it would deliver is handed to ingest. Boards are recorded trees read by the probe's
own reader. Must not live here: expectations, queries.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_agent.system import hardware
from balise_collector.conclude.pipeline import CURSOR, JournalReader, operator_context
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.claims import LINE_ID
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.broker import Delivery
from balise_collector.intake.writer import IntakeWriter
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.sinks.context import SinkContext
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.streams import influx_streams
from balise_collector.sinks.streams import Conclusions, Sources
from balise_collector.system import identity
from balise_collector.system.clock import Clock
from balise_collector.system.config import Broker, CollectorSettings, Config, Influx, NetworkSettings
from balise_wire.envelope import Kind
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.line import ControlResult, LineObservation
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.throughput import ThroughputObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.status import Event, EventKind, Health, Meta, State
from balise_wire.topics import Leaf, topic
from balise_wire.words import Arm, ClockState, Design, Experiment, Lifecycle, Scope, TargetRole, TransferEnd
from tests.collector.field_probe import FieldProbe
from tests.collector.influxserver import InfluxServer

SLOT: Final = 300.0
SLOTS: Final = 42
DROPPED: Final = range(12, 24)
"""Slots in which one provider drops Twitter's address."""
NAMED: Final = range(14, 42)
"""Slots in which the other lets hellos to Zoom go dead; it does not end."""
DROPPING: Final = 64501
NAMING: Final = 64502
LOST_AT: Final = 30
"""Slot at which one probe is lost; its last will says so."""
LOST: Final = "pk64502n1"
SKEWED: Final = "pk64502n0"
"""Its clock is five minutes ahead."""
ALONE: Final = range(27, 35)
"""Slots in which one probe alone cannot reach Twitter by its name."""
LONELY: Final = "pk64503n0"
"""The only probe of its provider."""
TOLD: Final = (
    (SKEWED, EventKind.SPOOL_FULL, "the spool is full; 3 batches let go so far", (35,)),
    (LONELY, EventKind.LINK_UNUSABLE, "line: eth0 is down", (30, 33, 36)),
    ("pk64501n1", EventKind.REBOOT, "the board started 12 s ago: its power had been cut", (31, 34, 37)),
)
"""Who tells what of itself, in which slots."""
BOARDS: Final = {"pk64501n0": "pi4-hot", "pk64501n1": "zero2w"}
"""Recorded trees; the others are virtual machines."""


class Silent:
    """A broker's connection that takes acknowledgements and says nothing."""

    def ack(self, delivery: Delivery) -> bool:
        """Take it."""
        return bool(delivery.topic)


@dataclass
class Story:
    """A collector without a broker and without waiting."""

    folder: Path
    influx: InfluxServer
    make_probe: Callable[..., Any]
    boards: Path
    start: float
    database: str = "balise"
    rollups: str = "balise_rollup"
    now: float = 0.0
    delivered: int = 0
    _mid: int = field(default=0)

    def tell(self) -> None:
        """Live through the afternoon."""
        self.now = self.start
        self._open()
        for slot in range(SLOTS):
            for at, where, payload in sorted(self._slot(slot), key=lambda one: one[0]):
                self._deliver(at, where, payload)
            self.now = self.start + (slot + 1) * SLOT + 30.0
            self.journal.append((), (), (), self.now)
            self._conclude()
            self._flow()

    def _open(self) -> None:
        config = Config(
            collector=CollectorSettings(state_dir=str(self.folder)),
            broker=(Broker(host="127.0.0.1"),),
            network=NetworkSettings(laboratory=("198.18.0.0/15",)),
            influx=Influx(
                url=self.influx.url,
                token=self.influx.write_token,
                bucket=self.influx.database(self.database),
                rollup_bucket=self.influx.database(self.rollups),
            ),
        )
        self.config = config
        clock = Clock(system=lambda: self.now)
        services = catalogue.load(catalogue.default_folder())
        registry = SqliteRegistry(config.fleet_file)
        self.probes = [
            *(self.make_probe(id=f"pk{asn}n{n}", asn=asn) for asn in (DROPPING, NAMING) for n in range(2)),
            self.make_probe(id=LONELY, asn=64503),
            *(
                self.make_probe(id=f"ref{country.lower()}", country=country, asn=64600 + n, role="reference")
                for n, country in enumerate(("DE", "SG", "FR"))
            ),
        ]
        for probe in self.probes:
            registry.approve(msgspec.convert(msgspec.to_builtins(probe.member), type(probe.member)))
        self.journal = SqliteJournal(config.journal_file)
        self.journal.watch(self.now)
        self.store = SqliteStore(config.derived_file, SqliteJournal(config.journal_file))
        self.reader = JournalReader(
            self.journal, self.store, operator_context(config, clock, registry.fleet(), services)
        )
        # What run() would do, without its thread and its brokers.
        key = identity.load_or_create(self.folder)
        self.ingest = IntakeWriter(config, clock, key, services, self.journal, registry, [], threading.Event())
        # Nothing is believed of what nobody asked for: each has its task before it measures.
        self.ingest.assignments.publish([])
        self.held = ExitStack()
        for opened in (registry, self.journal, self.store):
            self.held.callback(opened.close)
        self.streams = self.held.enter_context(
            influx_streams(
                SinkContext(
                    config,
                    clock,
                    services,
                    lambda: {"127.0.0.1:1883": True},
                    partial(SqliteRegistry, config.fleet_file),
                ),
                Sources(self.store, self.journal),
            )
        )

    def close(self) -> None:
        """Close every file."""
        self.held.close()

    def _deliver(self, at: float, where: str, payload: bytes) -> None:
        self.now = max(self.now, at)
        self._mid += 1
        connection: Any = Silent()
        self.ingest.take([Delivery(connection, 1, self._mid, 1, where, payload)])
        self.delivered += 1

    def _conclude(self) -> None:
        while self.reader.follow(self.now - 1.0):
            pass
        self.reader.save()
        self.journal.advance(CURSOR, self.reader.seq)

    def _flow(self) -> None:
        for stream in self.streams:
            while stream.step():
                pass

    def send_renamed(self, database: str, old: str, new: str) -> None:
        """Send all conclusions once more into another database, with one field under another name."""
        config = msgspec.structs.replace(
            self.config, influx=msgspec.structs.replace(self.config.influx, bucket=self.influx.database(database))
        )
        clock = Clock(system=lambda: self.now)
        services = catalogue.load(catalogue.default_folder())
        context = SinkContext(config, clock, services, dict, partial(SqliteRegistry, config.fleet_file))
        with influx_streams(context, Sources(self.store, self.journal)) as streams:
            conclusions = next(stream for stream in streams if isinstance(stream, Conclusions))
            sink: Any = conclusions._sink
            sink._writer = Renaming(sink._writer, old, new)
            while conclusions.step():
                pass

    # ------------------------------------------------------------ what probes say

    def _slot(self, slot: int) -> list[tuple[float, str, bytes]]:
        """Everything that arrives in a slot: when, on which topic, what."""
        begins = self.start + slot * SLOT
        said: list[tuple[float, str, bytes]] = []
        for number, probe in enumerate(self.probes):
            if probe.id == LOST and slot >= LOST_AT:
                if slot == LOST_AT:
                    said.append((begins + 40.0, topic(probe.id, Leaf.STATE), self._state(probe, Lifecycle.LOST)))
                continue
            if slot == 0:
                said.append((begins + 1.0, topic(probe.id, Leaf.STATE), self._state(probe, Lifecycle.READY)))
                said.append((begins + 2.0, *self._event(probe, EventKind.STARTED, begins + 1.0, "software 0.1.0")))
            for who, kind, detail, slots in TOLD:
                if who == probe.id and slot in slots:
                    said.append((begins + 70.0, *self._event(probe, kind, begins + 69.0, detail)))
            made = self.measurements(slot, number, probe)
            for at in sorted({measurement.ended for measurement in made}):
                batch = probe.batch(*(one for one in made if one.ended == at), sent_at=at + 8.0)
                said.append((at + 10.0, probe.topic, batch))
            if slot % 3 == 0:
                said.append((begins + 50.0 + number, topic(probe.id, Leaf.HEALTH), self._health(probe, begins + 49.0)))
        stranger = self.make_probe(id="zz00strange")
        if slot == 8:
            meta = Meta(public_key=stranger.public_hex, software="0.1.0", country="PK", asn=64503)
            said.append((begins + 60.0, topic(stranger.id, Leaf.META), msgspec.json.encode(meta)))
        if slot >= 34:
            said.extend((begins + 61.0 + n, stranger.topic, b"not approved") for n in range(2))
        return said

    def _event(self, probe: FieldProbe, kind: EventKind, at: float, detail: str) -> tuple[str, bytes]:
        """Return a topic and a sealed event."""
        body = msgspec.json.encode([Event(kind=kind, at=at, detail=detail)])
        return topic(probe.id, Leaf.EVENT), self._sealed(probe, Kind.EVENT, body)

    def measurements(self, slot: int, number: int, probe: FieldProbe) -> list[Measurement]:
        """What a probe measures in a slot: every experiment on two services, and its line."""
        chance = random.Random(f"dashboards {slot} {number}")
        at = self.start + slot * SLOT + chance.uniform(5.0, 20.0)
        rtt = 20.0 + 10.0 * number + chance.uniform(0.0, 5.0)
        dropped = slot in DROPPED and probe.asn == DROPPING
        named = slot in NAMED and probe.asn == NAMING
        alone = slot in ALONE and probe.id == LONELY
        make = Maker(probe, at, rtt, chance)
        made = [make.line()]
        for service, host in (("twitter", "twitter.com"), ("zoom", "zoom.us")):
            make.service, make.host = service, host
            made.append(make.sentinel(Experiment.DNS, make.dns()))
            if dropped and service == "twitter":
                made.append(make.sentinel(Experiment.TCP, make.tcp(at, dead=True)))
                made.append(make.paired(Experiment.TCP, make.tcp))
                continue
            made.append(make.sentinel(Experiment.TCP, make.tcp(at)))
            made.append(make.sentinel(Experiment.HTTP, make.http()))
            if (named and service == "zoom") or (alone and service == "twitter"):
                made.append(make.sentinel(Experiment.TLS, make.tls(at, dead=True)))
                made.append(make.paired(Experiment.TLS, make.tls))
            else:
                made.append(make.sentinel(Experiment.TLS, make.tls(at)))
            if slot % 2 == 0:
                made.append(make.rates())
        if slot % 6 == 0 and not dropped:
            make.service, make.host = "twitter", "twitter.com"
            made.append(make.paired(Experiment.TLS, make.tls, dead=False))
        return made

    def _state(self, probe: FieldProbe, lifecycle: Lifecycle) -> bytes:
        return msgspec.json.encode(State(state=lifecycle, session=1, stream=probe.stream, at=self.now))

    def _sealed(self, probe: FieldProbe, kind: Kind, body: bytes) -> bytes:
        return bytes(probe.seal(probe.envelope(body, kind=kind, sent_at=self.now)))

    def _health(self, probe: FieldProbe, at: float) -> bytes:
        """Return how the probe's board does, read from a recorded tree as the probe reads its own."""
        tree = self.boards / BOARDS.get(probe.id, "virtual")
        reading = hardware.read(tree)
        before = hardware.Reading(**{**reading.__dict__, "processor": hardware.Processor(busy=0, idle=0, steal=0)})
        health = Health(
            at=at + (300.0 if probe.id == SKEWED else 0.0),
            uptime_s=reading.uptime_s,
            cpu_percent=hardware.cpu_percent(reading, before),
            memory_bytes=reading.memory_bytes,
            temperature_c=reading.temperature_c,
            throttled=reading.throttled,
            undervoltage=reading.undervoltage,
            disk_free_bytes=hardware.disk_free(self.folder),
            disk_written_bytes=reading.disk_written_bytes,
            spool_rows=3,
            spool_oldest_s=12.0,
            sent_bytes_today=round(at % 86400) * 100,
            received_bytes_today=round(at % 86400) * 30,
            clock_state=ClockState.SYNCED,
            clock_offset_ms=4.0,
        )
        return bytes(probe.seal(probe.envelope(msgspec.json.encode(health), kind=Kind.HEALTH, sequence=0, sent_at=at)))


class Renaming:
    """A writer before a writer: one field gets another name."""

    def __init__(self, writer: Any, old: str, new: str) -> None:
        self._writer, self._old, self._new = writer, old, new

    @property
    def name(self) -> str:
        """Name of its cursor."""
        return str(self._writer.name)

    def write(self, points: Sequence[Point]) -> None:
        """Rename and pass on."""
        self._writer.write(
            [
                msgspec.structs.replace(
                    point,
                    fields=tuple((self._new if name == self._old else name, value) for name, value in point.fields),
                )
                for point in points
            ]
        )


@dataclass
class Maker:
    """Measurements of one probe in one slot."""

    probe: FieldProbe
    at: float
    rtt: float
    chance: random.Random
    service: str = "twitter"
    host: str = "twitter.com"

    def sentinel(self, experiment: Experiment, trial: Any) -> Measurement:
        """One trial of the subject."""
        return self._measured(experiment, Design.SENTINEL, self.at, (trial,))

    def paired(self, experiment: Experiment, trial: Any, *, dead: bool = True) -> Measurement:
        """The plan after a cool-down: controls (they succeed), then the subject twice, the first failure carried."""
        later = self.at + 185.0
        trials = [trial(self.at, dead=dead, carried=True)]
        if experiment is Experiment.TLS:
            trials += [trial(later, arm=Arm.NEIGHBOUR), trial(later + 1.0, arm=Arm.SCRAMBLED)]
        else:
            trials += [trial(later, arm=Arm.SIBLING)]
        trials += [trial(later + 2.0 * n, dead=dead) for n in (1, 2)]
        return self._measured(experiment, Design.PAIRED, later, tuple(trials))

    def line(self) -> Measurement:
        """The line, well."""
        controls = tuple(
            ControlResult(name=f"c{n}", scope=scope, rtt_ms=self.rtt + n)
            for n, scope in enumerate([Scope.DOMESTIC] * 2 + [Scope.INTERNATIONAL] * 3)
        )
        trial = LineObservation(
            arm=Arm.SUBJECT,
            at=self.at,
            elapsed_ms=60.0,
            gateway_ok=True,
            gateway_rtt_ms=1.5,
            controls=controls,
            resolver_ok=True,
            captive=False,
            clock_state=ClockState.SYNCED,
            clock_offset_ms=2.0,
            loss=0.0,
        )
        made = self._measured(Experiment.LINE, Design.SENTINEL, self.at, (trial,))
        return msgspec.structs.replace(made, service="internet", role=TargetRole.LINE, host="line", target=LINE_ID)

    def dns(self) -> DnsObservation:
        """A true answer."""
        answer = DnsAnswer(rtt_ms=self.rtt / 2, ttl=60, addresses=("198.18.0.10",), ra=True)
        return DnsObservation(
            arm=Arm.SUBJECT, at=self.at, name=self.host, answers=(answer,), tls_consistent=True, elapsed_ms=self.rtt
        )

    def tcp(self, at: float, *, dead: bool = False, carried: bool = False, arm: Arm = Arm.SUBJECT) -> TcpObservation:
        """SYNs to the address."""
        return TcpObservation(
            arm=arm,
            at=at,
            address="198.18.0.10" if arm is Arm.SUBJECT else "198.18.0.11",
            port=443,
            syns=3,
            synacks=0 if dead else 3,
            rtt_ms=None if dead else self.rtt,
            failure=Failure.GENERIC_TIMEOUT if dead else None,
            elapsed_ms=3000.0 if dead else self.rtt,
            carried=carried,
        )

    def tls(self, at: float, *, dead: bool = False, carried: bool = False, arm: Arm = Arm.SUBJECT) -> TlsObservation:
        """A hello."""
        return TlsObservation(
            arm=arm,
            at=at,
            address="198.18.0.10",
            port=443,
            sni=self.host if arm is Arm.SUBJECT else "example.org",
            connect_ms=self.rtt,
            bytes_received=0 if dead else 1400,
            record="" if dead else "server_hello",
            failure=Failure.GENERIC_TIMEOUT if dead else None,
            elapsed_ms=8000.0 if dead else 2.2 * self.rtt,
            carried=carried,
        )

    def http(self) -> HttpObservation:
        """A page."""
        return HttpObservation(
            arm=Arm.SUBJECT,
            at=self.at,
            address="198.18.0.10",
            port=80,
            host=self.host,
            connect_ms=self.rtt,
            status=200,
            body_bytes=16384,
            body_sha256="ab" * 32,
            title="A page",
            elapsed_ms=6 * self.rtt,
            goodput_kbps=4000.0,
        )

    def rates(self) -> Measurement:
        """One pair of transfers, as fast as each other."""
        pair = tuple(
            ThroughputObservation(
                arm=arm,
                at=self.at + place,
                address="198.18.0.10",
                port=443,
                name=self.host if arm is Arm.SUBJECT else "example.org",
                host=self.host,
                connect_ms=self.rtt,
                status=200,
                asked_bytes=48_000,
                moved_bytes=48_000,
                transfer_ms=200.0,
                goodput_kbps=1900.0 + self.chance.uniform(0.0, 100.0),
                settled=True,
                end=TransferEnd.WHOLE,
                elapsed_ms=200.0 + 3 * self.rtt,
            )
            for place, arm in enumerate((Arm.NEIGHBOUR, Arm.SUBJECT))
        )
        return self._measured(Experiment.THROUGHPUT, Design.SENTINEL, self.at, pair)

    def _measured(self, experiment: Experiment, design: Design, at: float, trials: tuple[Any, ...]) -> Measurement:
        line = LineHealth(
            at=at, gateway_ok=True, domestic=2, domestic_ok=2, international=3, international_ok=3, resolver_ok=True
        )
        made: Measurement = self.probe.measurement(
            at,
            id=f"{self.chance.getrandbits(128):032x}",
            ended=at + (9.0 if design is Design.PAIRED else 1.0),
            experiment=experiment,
            design=design,
            service=self.service,
            host=self.host,
            target=f"{self.service}/web/{self.host}/4",
            line=line,
            observations=trials,
        )
        return made
