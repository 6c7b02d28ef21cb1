"""What the agent's tests share: keys, a spool, a real mosquitto on loopback, and a collector's side to talk to.

Must not live here: anything that a single test file needs alone.
"""

from __future__ import annotations

import math
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_agent.delivery.lookup import lookup_through
from balise_agent.delivery.parts import Delivery
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.clock import Clock
from balise_agent.system.config import Broker
from balise_agent.system.identity import Identity, ephemeral
from balise_agent.system.reactor import Reactor
from balise_wire.envelope import Envelope, Kind, decode_envelope, encode_envelope
from balise_wire.seal import Sealer, unseal
from balise_wire.status import CollectorState, Meta, Receipt, State
from balise_wire.topics import COLLECTOR_STATE
from balise_wire.words import ClockState, Lifecycle

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessage

PROBE = "k7m2q9xd"


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A real broker on a free port of loopback; it can be killed and started again on the same port."""

    def __init__(self, program: Path, folder: Path, *, websockets: bool = False) -> None:
        self.program = program
        self.port = free_port()
        # mosquitto 2.0 refuses to start with nothing but a WebSocket listener.
        kind = f"protocol websockets\nlistener {free_port()} 127.0.0.1\n" if websockets else ""
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\n{kind}allow_anonymous true\npersistence false\n"
            "max_queued_messages 10000\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.process = subprocess.Popen(
            [str(self.program), "-c", str(self.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10.0
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail("mosquitto did not start")

    def kill(self) -> None:
        """Kill it without a goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def mosquitto(tools_bin: Path, tmp_path: Path) -> Iterator[Mosquitto]:
    """Return a running broker; skipped with one line where the program was not fetched."""
    yield from _mosquitto(tools_bin, tmp_path, websockets=False)


@pytest.fixture
def websocket_mosquitto(tools_bin: Path, tmp_path: Path) -> Iterator[Mosquitto]:
    """Return a running broker that speaks MQTT over WebSockets."""
    yield from _mosquitto(tools_bin, tmp_path, websockets=True)


def _mosquitto(tools_bin: Path, tmp_path: Path, *, websockets: bool) -> Iterator[Mosquitto]:
    program = tools_bin / "mosquitto"
    if not program.exists():
        pytest.skip("mosquitto not in .tools/bin; run make setup")
    broker = Mosquitto(program, tmp_path, websockets=websockets)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def identity() -> Identity:
    """Return the probe's keys."""
    return ephemeral()


@pytest.fixture
def collector_identity() -> Identity:
    """Return the collector's keys."""
    return ephemeral()


@pytest.fixture
def clock() -> Clock:
    """Return the publisher's clock."""
    return Clock()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    """Return a loop on the real clock."""
    made = Reactor(Clock())
    yield made
    made.close()


@pytest.fixture
def spool(tmp_path: Path, identity: Identity) -> Iterator[Spool]:
    """Return an empty spool that seals two records a batch."""
    made = open_spool(tmp_path / "spool.sqlite", identity)
    yield made
    made.close()


def open_spool(path: Path, identity: Identity, **settings: float) -> Spool:
    """Open a spool with settings that suit tests."""
    return Spool(
        path,
        probe=PROBE,
        sealer=Sealer(identity.key),
        max_bytes=int(settings.get("max_bytes", 8 * 1024 * 1024)),
        batch_records=int(settings.get("batch_records", 2)),
        batch_seconds=settings.get("batch_seconds", 10.0),
        failure_seconds=settings.get("failure_seconds", math.inf),
    )


@pytest.fixture(name="open_spool")
def open_spool_fixture() -> Callable[..., Spool]:
    """Return the function that opens a spool."""
    return open_spool


def fill(spool: Spool, count: int, *, at: float = 1000.0) -> None:
    """Record and seal ``count`` batches of one record each."""
    for number in range(count):
        body = f'{{"id":"{number}"}}'.encode()
        spool.record([Record(Kind.MEASUREMENT, body, at + number)])
        spool.seal(Stamp(at + number, ClockState.SYNCED, 1, historical=False))


@pytest.fixture(name="fill")
def fill_fixture() -> Callable[..., None]:
    """Return the function that fills a spool."""
    return fill


class DayBudget:
    """An account of the day's line that a test fills."""

    def __init__(self) -> None:
        self.left = 1_000_000_000
        """Bytes of the day that a test leaves."""
        self.counted = (0, 0)
        """Bytes out and in that delivery said it cost."""

    @property
    def silent(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    def delivers(self, size: int) -> bool:
        """Whether the line has so much left."""
        return size <= self.left

    def reported(self, sent: int, received: int) -> None:
        """Count it."""
        self.counted = (self.counted[0] + sent, self.counted[1] + received)


class CollectorSide:
    """A collector's side of the broker: hears everything, and publishes what a test says."""

    def __init__(self, broker: Mosquitto, identity: Identity, probe: Identity) -> None:
        self._broker = broker
        self._sealer = Sealer(identity.key)
        self._probe = probe
        self.states: list[str] = []
        self.proofs: list[Envelope] = []
        """What stands under the seal of each state."""
        self.batches: list[Envelope] = []
        self.others: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="collector", reconnect_on_failure=False)
        self._client.on_message = self._on_message
        self.connect()

    def connect(self) -> None:
        """Connect (again) and subscribe."""
        self._client.connect("127.0.0.1", self._broker.port)
        done: list[int] = []
        self._client.on_connect = lambda client, *_: client.subscribe(f"balise/v1/{PROBE}/#", 1)
        self._client.on_subscribe = lambda *_: done.append(1)
        deadline = time.monotonic() + 10.0
        while not done and time.monotonic() < deadline:
            self.turn()
        assert done

    def turn(self) -> None:
        """Let paho work a moment."""
        self._client.loop(timeout=0.01)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self.turn()
        self._client._reset_sockets()

    def _on_message(self, _client: object, _data: object, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        leaf = message.topic.rsplit("/", 1)[-1]
        if leaf == "state":
            state = msgspec.json.decode(payload, type=State)
            self.states.append(str(state.state))
            self.proofs.append(decode_envelope(unseal(state.proof, self._probe.key.public_key(), most=4096)))
        elif leaf in {"measurement", "event", "health"}:
            self.batches.append(decode_envelope(unseal(payload, self._probe.key.public_key(), most=1 << 20)))
        else:
            self.others.append((leaf, payload))

    @property
    def sequences(self) -> list[int]:
        """Sequence numbers in the order they arrived."""
        return [envelope.sequence for envelope in self.batches]

    def frame(
        self, kind: Kind, body: msgspec.Struct, *, probe: str = PROBE, sealer: Sealer | None = None, schema: int = 1
    ) -> bytes:
        """Seal a message to a probe."""
        raw = msgspec.Raw(msgspec.json.encode(body))
        envelope = Envelope(kind=kind, id="0" * 32, probe=probe, sent_at=1.0, body=raw, schema=schema)
        return (sealer or self._sealer).seal(encode_envelope(envelope))

    def receipt(self, receipt: Receipt, *, probe: str = PROBE, sealer: Sealer | None = None) -> None:
        """Publish a receipt, retained."""
        self.publish("receipt", self.frame(Kind.RECEIPT, receipt, probe=probe, sealer=sealer))

    def publish(self, leaf: str, payload: bytes) -> None:
        """Publish on one of the probe's topics, retained."""
        self._client.publish(f"balise/v1/{PROBE}/{leaf}", payload, qos=1, retain=True)
        self.turn()

    def say(self, *, online: bool) -> None:
        """Publish the collector's state."""
        self._client.publish(COLLECTOR_STATE, msgspec.json.encode(CollectorState(online=online)), qos=1, retain=True)
        self.turn()


@pytest.fixture
def collector_side(mosquitto: Mosquitto, identity: Identity, collector_identity: Identity) -> Iterator[CollectorSide]:
    """Return a connected collector's side."""
    side = CollectorSide(mosquitto, collector_identity, identity)
    yield side
    side.close()


@pytest.fixture
def budget() -> DayBudget:
    """Return an account with everything left."""
    return DayBudget()


@pytest.fixture
def make_publisher(
    reactor: Reactor, spool: Spool, identity: Identity, collector_identity: Identity, budget: DayBudget, clock: Clock
) -> Iterator[Callable[..., Publisher]]:
    """Return a function that makes a publisher for broker entries."""
    made: list[Publisher] = []

    def make(*brokers: Broker) -> Publisher:
        publisher = Publisher(
            Delivery(
                brokers=brokers,
                probe=PROBE,
                meta=Meta(public_key=identity.public_hex, software="test"),
                sealer=Sealer(identity.key),
                collector=collector_identity.key.public_key(),
                spool=spool,
                clock=clock,
                reactor=reactor,
                lookup=lookup_through(lambda: ()),
                budget=budget,
                rng=random.Random(1),
            )
        )
        publisher.announce(Lifecycle.READY)
        made.append(publisher)
        return publisher

    yield make
    for publisher in made:
        publisher.close()


@pytest.fixture
def until(reactor: Reactor) -> Callable[..., None]:
    """Return a function that turns every loop until a condition holds, and fails at its deadline."""

    def wait(done: Callable[[], bool], *sides: CollectorSide, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            reactor.step(0.01)
            for side in sides:
                side.turn()
            assert time.monotonic() < deadline, "the condition did not come true in time"

    return wait


@dataclass(frozen=True)
class Stage:
    """A publisher's surroundings: a real broker, the collector's side of it, and an empty spool."""

    broker: Mosquitto
    collector: CollectorSide
    spool: Spool
    budget: DayBudget
    clock: Clock
    publisher: Callable[..., Publisher]
    """Makes one for broker entries."""
    until: Callable[..., None]
    """Turns every loop until a condition holds."""

    def fill(self, count: int, *, at: float = 1000.0) -> None:
        """Record and seal ``count`` batches of one record each."""
        fill(self.spool, count, at=at)


@pytest.fixture
def stage(
    mosquitto: Mosquitto,
    collector_side: CollectorSide,
    spool: Spool,
    budget: DayBudget,
    clock: Clock,
    make_publisher: Callable[..., Publisher],
    until: Callable[..., None],
) -> Stage:
    """Return what most tests of a publisher stand on."""
    return Stage(mosquitto, collector_side, spool, budget, clock, make_publisher, until)
