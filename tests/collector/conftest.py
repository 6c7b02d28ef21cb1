"""What the collector's tests share: probes that seal as real ones do, a real mosquitto on loopback, settings files.

Must not live here: expectations. Where `make setup` did not fetch mosquitto, its tests are skipped with one line.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from balise_collector.fleet.members import Fleet
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_collector.system.log_lines import ClockFormatter
from balise_wire.words import ProbeRole
from tests.collector import influxcontract
from tests.collector.afternoon import Afternoon
from tests.collector.field_probe import EPOCH, FieldProbe
from tests.collector.fieldline import FieldLine
from tests.collector.influxserver import InfluxServer
from tests.testbed.cases import Case
from tests.testbed.waiting import eventually

FUZZED = 12
"""Properties that run under ``balise-fuzz``: they share the cases that BALISE_HYPOTHESIS_EXAMPLES asks for."""
settings.register_profile(
    "balise-fuzz",
    deadline=None,
    print_blob=True,
    max_examples=max(100, -(-int(os.environ.get("BALISE_HYPOTHESIS_EXAMPLES", "0")) // FUZZED)),
)
settings.register_profile(
    "balise-fuzz-chain",
    deadline=None,
    print_blob=True,
    max_examples=max(50, int(os.environ.get("BALISE_HYPOTHESIS_EXAMPLES", "0")) // 50),
)
"""For properties of which each case walks the whole chain, from intake to pages."""


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command's log ends with its test: it goes to that test's standard error, which is closed then."""
    yield
    for handler in [one for one in logging.root.handlers if isinstance(one.formatter, ClockFormatter)]:
        logging.root.removeHandler(handler)


@pytest.fixture
def make_probe() -> Callable[..., FieldProbe]:
    """Return the maker of probes."""
    return FieldProbe


@pytest.fixture
def probe() -> FieldProbe:
    """Return one probe in PK."""
    return FieldProbe()


@pytest.fixture
def fleet(probe: FieldProbe) -> Fleet:
    """Return a fleet of that probe alone."""
    return Fleet.of([probe.member])


@pytest.fixture(scope="session")
def epoch() -> float:
    """Return where the tests' time begins."""
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
        self._process = subprocess.Popen([str(self._program), "-c", str(self._settings)], stderr=subprocess.DEVNULL)
        eventually(self._accepts, "mosquitto accepts connections")

    def _accepts(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, kill -9 by default, and wait."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


@pytest.fixture
def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture
def mosquitto(tools_bin: Path, tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    """Return a running mosquitto."""
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
        collector=CollectorSettings(state_dir=str(tmp_path / "state")), broker=(Broker(host="127.0.0.1", port=port),)
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
        """Return the argument list of a command of the program."""
        return [sys.executable, "-m", "balise_collector.run.cli", "--config", str(self.settings), *arguments]

    def start(self) -> None:
        """Start `run` in the background."""
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
        """Approve probes, as the operator would."""
        registry = SqliteRegistry(self.state / "fleet.sqlite")
        for probe in probes:
            registry.approve(probe.member)
        registry.close()

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program on the same files."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60, check=False)

    @property
    def pid(self) -> int:
        """The process id of `run`."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether `run` was started and not ended."""
        return self._process is not None


@pytest.fixture
def collector(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[RunningCollector]:
    """Return a collector that is ready to be started."""
    program = RunningCollector(tmp_path, mosquitto.port)
    yield program
    if program.running:
        program.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def make_module_probe() -> Callable[[], FieldProbe]:
    """Make a probe that a whole module may share."""
    return FieldProbe


@pytest.fixture
def afternoon(make_probe: Callable[..., FieldProbe]) -> Afternoon:
    """A made afternoon: two providers with two probes each in PK, references in DE, SG and FR."""
    inside = [make_probe(id=f"pk{asn}n{n}", asn=asn) for asn in (64501, 64502) for n in range(2)]
    abroad = [
        make_probe(id=f"ref{country.lower()}", country=country, asn=64600 + n, role=ProbeRole.REFERENCE)
        for n, country in enumerate(("DE", "SG", "FR"))
    ]
    return Afternoon(probes=[*inside, *abroad], start=EPOCH)


@pytest.fixture
def field_line() -> type[FieldLine]:
    """The probe's side of MQTT: ``field_line(probe, port, collector_key)``."""
    return FieldLine


# ---------------------------------------------------------------- a real InfluxDB


@pytest.fixture(scope="session")
def make_influx(tools_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., InfluxServer]]:
    """Return a maker of running InfluxDB servers (influxserver.py); for tests marked influx. All end with the run."""
    made: list[InfluxServer] = []

    def make(**settings: Any) -> InfluxServer:
        server = InfluxServer(tools_bin, tmp_path_factory.mktemp("influx"), **settings)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def influx(make_influx: Callable[..., InfluxServer]) -> InfluxServer:
    """Return one running InfluxDB for every test that does not harm it; ``database(name)`` makes room in it."""
    return make_influx()


@pytest.fixture(scope="session")
def any_influx(request: pytest.FixtureRequest) -> Iterator[InfluxServer | influxcontract.ContractServer]:
    """Return the server that BALISE_INFLUX_URL names, else our 1.6; for tests marked contract, too."""
    named = influxcontract.named() if os.environ.get("BALISE_INFLUX_URL") else None
    if named is None:
        yield request.getfixturevalue("influx")
        return
    yield named
    named.stop()


@pytest.fixture
def case() -> Case:
    """Return what the judge is given, and a maker of trials; without references."""
    return Case()


@pytest.fixture
def make_case() -> Callable[[], Case]:
    """Return a maker of cases."""
    return Case
