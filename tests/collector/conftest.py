"""What the collector's tests share: probes that seal as real ones do, a real mosquitto on loopback, settings files.

Must not live here: expectations. Tests that need mosquitto are skipped with one line where `make setup` did not fetch it.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings

from balise_collector.config import Broker, Config, Place
from balise_collector.fleet import FleetRegistry
from balise_collector.members import Fleet, Member
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.measurement import Measurement, Network
from balise_wire.observations import TcpObservation
from balise_wire.seal import Sealer, public_bytes
from balise_wire.topics import Leaf, topic
from balise_wire.words import Arm, ClockState, Design, Experiment, ProbeRole, TargetRole

EPOCH = 1_589_733_000.0
"""2020-05-17T16:30:00Z: where the tests' time begins."""

settings.register_profile(
    "balise-fuzz", deadline=None, print_blob=True, max_examples=int(os.environ.get("BALISE_HYPOTHESIS_EXAMPLES", "100"))
)


@dataclass
class FieldProbe:
    """A probe as the collector sees one: an id, a key, a stream of sealed batches."""

    id: str = "k7m2q9xd"
    country: str = "PK"
    asn: int = 64501
    role: ProbeRole = ProbeRole.PROBE
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    stream: str = field(default_factory=lambda: secrets.token_hex(8))
    sequence: int = 0

    @property
    def public_hex(self) -> str:
        return public_bytes(self.key.public_key()).hex()

    @property
    def network(self) -> Network:
        return Network(country=self.country, asn=self.asn)

    @property
    def member(self) -> Member:
        return Member(id=self.id, public_key=self.public_hex, network=self.network, role=self.role)

    @property
    def topic(self) -> str:
        return topic(self.id, Leaf.MEASUREMENT)

    def measurement(self, started: float = EPOCH, **changes: Any) -> Measurement:
        """One healthy TCP measurement."""
        usual: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "experiment": Experiment.TCP,
            "design": Design.SENTINEL,
            "target": "twitter/web/twitter.com/4",
            "service": "twitter",
            "role": TargetRole.WEB,
            "host": "twitter.com",
            "started": started,
            "ended": started + 0.2,
            "network": self.network,
            "catalogue": "2026-11-01+000000000000",
            "software": "0.1.0",
            "observations": (
                TcpObservation(
                    arm=Arm.SUBJECT, at=started, address="198.18.0.10", port=443, syns=3, synacks=3, rtt_ms=41.5
                ),
            ),
        }
        return Measurement(**{**usual, **changes})

    def envelope(self, body: bytes, **changes: Any) -> Envelope:
        """The next envelope of the stream around a body."""
        self.sequence += 1
        usual: dict[str, Any] = {
            "kind": Kind.MEASUREMENT,
            "id": secrets.token_hex(16),
            "probe": self.id,
            "stream": self.stream,
            "sequence": self.sequence,
            "sent_at": EPOCH,
            "clock_state": ClockState.SYNCED,
            "body": msgspec.Raw(body),
        }
        return Envelope(**{**usual, **changes})

    def seal(self, envelope: Envelope) -> bytes:
        return Sealer(self.key).seal(encode_envelope(envelope))

    def batch(self, *measurements: Measurement, **changes: Any) -> bytes:
        """One sealed batch of measurements."""
        return self.seal(self.envelope(msgspec.json.encode(list(measurements)), **changes))


@pytest.fixture
def make_probe() -> Callable[..., FieldProbe]:
    return FieldProbe


@pytest.fixture
def probe() -> FieldProbe:
    return FieldProbe()


@pytest.fixture
def fleet(probe: FieldProbe) -> Fleet:
    return Fleet.of([probe.member])


@pytest.fixture(scope="session")
def epoch() -> float:
    return EPOCH


# ---------------------------------------------------------------- a real broker


class Mosquitto:
    """A real mosquitto on loopback, with persistence, that can be killed and started again."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self.port = port
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            "autosave_interval 1\nmax_inflight_messages 1000\nmax_queued_messages 100000\n"
            f"user {os.environ.get('USER', 'root')}\nlog_dest file {folder}/mosquitto.log\n"
        )

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        self._process = subprocess.Popen([str(self._program), "-c", str(self._settings)])
        for _ in range(200):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            threading.Event().wait(0.05)
        pytest.fail("mosquitto did not start within 10 s")

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


@pytest.fixture
def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture
def mosquitto(tools_bin: Path, tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    program = tools_bin / "mosquitto"
    if not program.exists():
        pytest.skip("mosquitto: not in .tools/bin; run make setup")
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Mosquitto(program, folder, free_port)
    broker.start()
    yield broker
    broker.kill()


# ---------------------------------------------------------------- a real collector


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[[int], Config]:
    """Return a maker of settings for a collector at a broker's port."""
    return lambda port: Config(
        collector=Place(state_dir=str(tmp_path / "state")), broker=(Broker(host="127.0.0.1", port=port),)
    )


class RunningCollector:
    """`balise-collector run` as a child process."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.settings = folder / "collector.toml"
        self.settings.write_text(
            f'[collector]\nstate_dir = "{self.state}"\n[broker]\nhost = "127.0.0.1"\nport = {broker_port}\n'
            "[pages]\nport = 0\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "balise_collector.cli", "--config", str(self.settings), *arguments]

    def start(self) -> None:
        with (self.folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(self.command("run"), stderr=log)

    def end(self, number: int = signal.SIGTERM, within: float = 5.0) -> int:
        """Send a signal and return the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(within)
        self._process = None
        return status

    def approve(self, *probes: FieldProbe) -> None:
        registry = FleetRegistry(self.state / "fleet.sqlite")
        for probe in probes:
            registry.approve(probe.member)
        registry.close()

    @property
    def running(self) -> bool:
        return self._process is not None


@pytest.fixture
def collector(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[RunningCollector]:
    program = RunningCollector(tmp_path, mosquitto.port)
    yield program
    if program.running:
        program.end(signal.SIGKILL)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Return a wait for a condition that another program brings about; it polls, and fails after ``within`` seconds."""

    def wait(condition: Callable[[], bool], what: str, within: float = 20.0) -> None:
        for _ in range(int(within / 0.05)):
            if condition():
                return
            threading.Event().wait(0.05)
        pytest.fail(f"not within {within} s: {what}")

    return wait


@pytest.fixture(scope="module")
def make_module_probe() -> Callable[[], FieldProbe]:
    """Make a probe that a whole module may share."""
    return FieldProbe
