"""The programs of a run: one agent in each probe's namespace, the collector in the centre; started, killed, restarted.

Lives here: their files and keys, and their processes. They run as they would
in the field; the lab only hands them a clock. Must not live here: the settings' text (settings) or what is played
(runner).
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from balise_lab.centre import broker
from balise_lab.counterparts import proxy
from balise_lab.errors import LabError
from balise_lab.run import settings
from balise_lab.run.lab import Lab
from balise_lab.scenario.clock import VARIABLE, ScenarioClock, frozen_clock
from balise_lab.scenario.schema import BEFORE, Catalogued, Probe, Scenario
from balise_lab.world import machine, tools, topology
from balise_lab.world.authority import fingerprint
from balise_wire.words import Access, ProbeRole

COLLECTOR: Final = "collector"
_STOP_SECONDS: Final = 5.0
_IDLE: Final = 60.0
"""Real seconds in which a command that works has used some processor time."""
_ENROLLED_BEFORE: Final = 86400.0
"""Virtual seconds before the scenario at which its probes' cards are made."""
_OF_VERSION: Final = """\
import sys
import balise_agent
balise_agent.__version__ = sys.argv.pop(1)
from balise_agent.__main__ import main
sys.exit(main())
"""
"""The agent as it is, but for the version by which it calls itself."""
_AT_ONCE: Final = 2
"""Short commands run at the same time; more than cores only makes each of them slower."""


class Programs:
    """Everything of ours that a run starts. Stops it all when left."""

    def __init__(self, lab: Lab, scenario: Scenario, places: settings.Places, port: int) -> None:
        """Name the programs; nothing is started yet.

        Args:
            lab: what they run in.
            scenario: what is played.
            places: where files go.
            port: of the collector's pages, in the centre.
        """
        self.lab = lab
        self.scenario = scenario
        self.places = places
        self.port = port
        self.where: dict[str, str] = {}
        """Namespace of each probe, by id."""
        self._versions: dict[str, str] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._clock: ScenarioClock | None = None

    # -------------------------------------------------------------- files and keys
    def prepare(self, built: topology.Topology, where: Mapping[str, str]) -> None:
        """Write settings and catalogue, have the collector make every probe's card, and start the broker."""
        self.where = dict(where)
        self._clock = frozen_clock(self.scenario.starts - _ENROLLED_BEFORE)
        places = self.places
        for folder in (places.collector, places.catalogue, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        self._write_services(built, self.scenario.catalogued(BEFORE))
        (places.catalogue / "controls.toml").write_text(settings.controls_toml(self.scenario, built), encoding="utf-8")
        self._tell_collector()
        # Founds the authority and makes the registry's file, alone: two at once would both try.
        self.ask(*broker.files_command(built.centre, places.broker))
        pinned = fingerprint(broker.authority(places.broker).read_bytes())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            written = pool.map(lambda probe: self._write_card(built, probe, pinned), self.scenario.probes)
            configuration, environment = broker.configuration(places.broker), broker.environment(places.broker)
            self.lab.servers.start_broker(configuration, broker.PORT, environment)
            list(written)

    def _write_services(self, built: topology.Topology, told: Catalogued) -> None:
        """Write the catalogue's files of the services as they are at a moment."""
        for service in self.scenario.services:
            text = settings.service_toml(self.scenario, built, service.id, told)
            path = self.places.catalogue / f"{service.id}.toml"
            if text:
                path.write_text(text, encoding="utf-8")
            else:
                path.unlink(missing_ok=True)

    def catalogue(self, built: topology.Topology, told: Catalogued) -> None:
        """Give the collector another catalogue: it reads one when it starts."""
        self._write_services(built, told)
        self.stop(COLLECTOR)
        self.start(COLLECTOR)

    def install(self, version: str, *probes: str) -> None:
        """Let probes run an agent that calls itself by another version; who is off starts with it."""
        self._versions |= dict.fromkeys(probes, version)
        running = [probe for probe in probes if probe in self._running]
        self.stop(*running)
        for probe in running:
            self.start(probe)

    def move(self, probe: str, place: topology.ProbePlace, at: float) -> None:
        """Carry a probe to another place, and have the collector write down since when it stands there."""
        running = probe in self._running
        self.stop(probe)
        since = datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.ask("fleet", "approve", probe, "--asn", str(place.asn), "--access", place.access, "--since", since)
        self.where[probe] = place.name
        if running:
            self.start(probe)

    def _tell_collector(self, views: settings.Views | None = None) -> None:
        """Write the collector's settings."""
        influx = self.lab.influxdb is not None
        text = settings.collector_toml(self.lab.topology, self.places, self.port, with_influx=influx, views=views)
        self._collector_file.write_text(text, encoding="utf-8")

    def _write_card(self, built: topology.Topology, probe: Probe, pinned: str) -> None:
        """Have the collector make a token for one probe, and write its settings."""
        role, access = ProbeRole(probe.role).value, Access(probe.access).value
        said = self.ask(
            "fleet", "token", "--probe", probe.id, "--country", probe.country, "--asn", str(probe.asn),
            "--access", access, "--role", role,
        )  # fmt: skip
        card = settings.Card(_token_in(said, probe.id), pinned)
        folder = self.places.agent(probe.id)
        folder.mkdir(parents=True, exist_ok=True)
        text = settings.agent_toml(self.scenario, built, probe, self.places, card)
        if self.scenario.proxies:
            (folder / settings.PROXIES).touch(0o600)
            (folder / settings.PROXIES).write_text(proxy.settings(built), encoding="utf-8")
        (folder / "agent.toml").write_text(text, encoding="utf-8")

    def ask(self, *arguments: str) -> str:
        """Run a command of the collector for as long as it works, and return what it printed (LabError if it fails)."""
        argv = [tools.ours("balise-collector"), "--config", str(self._collector_file), *arguments]
        environment = {VARIABLE: self._clock.variable} if self._clock else {}
        try:
            done = machine.run(argv, idle=_IDLE, env={**_environment(), **environment})
        except subprocess.TimeoutExpired:
            raise LabError(f"balise-collector {' '.join(arguments[:2])} has done nothing for a minute") from None
        if done.returncode != 0:
            raise LabError(f"balise-collector {' '.join(arguments[:2])}: {done.stderr.strip()[-800:]}")
        return done.stdout

    # -------------------------------------------------------------- processes
    def start_all(self, clock: ScenarioClock) -> None:
        """Start the collector and every agent on this clock; who asks to be enrolled too early asks again soon."""
        self._clock = clock
        self.start(COLLECTOR)
        for probe in self.scenario.probes:
            self.start(probe.id)

    def start(self, name: str) -> None:
        """Start the collector or one probe's agent."""
        if self._clock is None:
            raise LabError("programs are started on a clock: call start_all first")
        namespace, argv = self.command(name)
        wrong = next((probe.clock for probe in self.scenario.probes if probe.id == name), 0.0)
        lie = f"{wrong:+.0f}" if wrong else ""
        environment = {VARIABLE: self._clock.variable + lie, "PYTHONUNBUFFERED": "1"}
        self._running[name] = self.lab.popen(namespace, argv, environment, log=self.log(name))

    def command(self, name: str) -> tuple[str, Sequence[str]]:
        """Return the namespace and the command line of a program."""
        if name == COLLECTOR:
            argv = [tools.ours("balise-collector"), "--config", str(self._collector_file), "run"]
            return "centre", argv
        arguments = ["--config", str(self.places.agent(name) / "agent.toml"), "run"]
        if version := self._versions.get(name):
            return self.where[name], [sys.executable, "-c", _OF_VERSION, version, *arguments]
        return self.where[name], [tools.ours("balise-agent"), *arguments]

    def kill(self, name: str) -> None:
        """End a program as a power cut would: SIGKILL."""
        program = self._running.pop(name)
        program.kill()
        program.wait()

    def stop(self, *names: str) -> None:
        """Ask programs to end, and kill those that do not within a few seconds."""
        ending = [self._running.pop(name) for name in names if name in self._running]
        for program in ending:
            program.terminate()
        for program in ending:
            try:
                machine.wait(program, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def stop_all(self) -> None:
        """Stop the agents, then the collector."""
        self.stop(*(name for name in list(self._running) if name != COLLECTOR))
        self.stop(COLLECTOR)

    def stand_still(self, clock: ScenarioClock, views: settings.Views, released: Sequence[str]) -> str:
        """Stop the agents, and start the collector again with both views on a clock that all but stands still.

        Args:
            clock: that clock.
            views: the ports and files of the two views.
            released: incidents whose evidence everybody may see, redrawn.

        Returns:
            The token of the operator's view.
        """
        self.stop_all()
        self._clock = clock
        token = secrets.token_hex(16)
        views.token_file.touch(mode=0o600)
        views.token_file.write_text(token + "\n", encoding="ascii")
        self._tell_collector(views)
        for incident in released:
            self.ask("release", incident)
        self.start(COLLECTOR)
        return token

    def failures(self) -> list[str]:
        """Return what has ended by itself, in words, with the end of its log."""
        return [
            f"{name} ended with {program.returncode}: {self.tail(name)}"
            for name, program in self._running.items()
            if program.poll() is not None
        ]

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time each running program has used."""
        return {name: machine.cpu_seconds(program.pid) for name, program in self._running.items()}

    def log(self, name: str) -> Path:
        """Return the file that takes what a program says."""
        return self._logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """Return the last words of a program."""
        path = self.log(name)
        return path.read_text(encoding="utf-8", errors="replace")[-600:].strip() if path.exists() else ""

    def said(self, name: str) -> list[str]:
        """Return every line that a program has said."""
        path = self.log(name)
        return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []

    @property
    def _logs(self) -> Path:
        return self.places.folder / "logs"

    @property
    def _collector_file(self) -> Path:
        return self.places.folder / "collector.toml"


def _environment() -> dict[str, str]:
    """Return the environment without a clock of somebody else's."""
    return {name: value for name, value in os.environ.items() if name != VARIABLE}


def _token_in(said: str, probe: str) -> str:
    """Return the token that the collector printed for a probe (LabError where there is none)."""
    for line in said.splitlines():
        match line.split():
            case [_, name, token] if name == probe:
                return token
    raise LabError(f"balise-collector fleet token: no token for {probe} in {said!r}")
