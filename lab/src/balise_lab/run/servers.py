"""The servers of a lab while it is up: started in their namespaces, waited for, killed, started again.

Lives here: their processes. Which there are, the counterparts and the centre say. Must not live here: boxes, or ours.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from balise_lab.centre import broker, influx
from balise_lab.centre.influx_client import InfluxDb
from balise_lab.counterparts import web
from balise_lab.counterparts.engine.counterpart import Roots, Server
from balise_lab.counterparts.engine.registry import COUNTERPARTS
from balise_lab.errors import ConfigError, LabError
from balise_lab.world import machine, namespaces, tools, waiting
from balise_lab.world.reachable import listens
from balise_lab.world.topology import Topology

READY_SECONDS = 15.0
STOP_SECONDS = 3.0
_CENTRE = "centre"


class Servers:
    """Every server by its id. Not for two threads."""

    def __init__(self, topology: Topology, folder: Path, roots: Roots) -> None:
        """`folder` takes configurations, pages and logs."""
        self._topology = topology
        self._folder = folder
        self._roots = roots
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._renewed = 0  # numbers their folders
        self._commands: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {}

    def start_all(self, influxdb: InfluxDb | None) -> None:
        """Start every counterpart, and InfluxDB where there is one; returns when all answer."""
        servers = [one for each in COUNTERPARTS.values() if each.servers for one in each.servers(self._topology)]
        for server in servers:
            self._start(server)
        if influxdb is not None:
            self._start_influx()
        for server in servers:
            with namespaces.inside(server.place):
                self._await(server.id, server.ready)
        if influxdb is not None:
            self._await(influx.SERVER, influxdb.answers)
            for database in (influx.POINTS, influx.ROLLUPS):
                influxdb.make(database)

    def start_broker(self, configuration: Path, port: int, env: Mapping[str, str] | None = None) -> None:
        """Start mosquitto in the centre with files that somebody wrote; returns when it answers on `port`."""
        self._run(broker.IDENTITY, _CENTRE, [tools.find("mosquitto"), "-c", str(configuration)], env)
        with namespaces.inside(_CENTRE):
            self._await(broker.IDENTITY, partial(listens, self._topology.centre, port))

    def _start(self, server: Server) -> None:
        folder = self._folder / server.id
        folder.mkdir()
        self._run(server.id, server.place, server.prepare(folder, self._roots))
        if server.rules:
            namespaces.nft(server.place, server.rules)

    def _start_influx(self) -> None:
        """Start InfluxDB and the rewrite before it, in the centre."""
        store = self._folder / influx.SERVER
        store.mkdir()
        path = store / "influxd.conf"
        path.write_text(influx.configuration(store), encoding="utf-8")
        self._run(influx.SERVER, _CENTRE, [tools.find("influxd"), "-config", str(path)])
        front = store / "front.conf"
        front.write_text(influx.front(store), encoding="utf-8")
        self._run(influx.FRONT, _CENTRE, web.command(front))

    def _await(self, identifier: str, ready: Callable[[], bool]) -> None:
        server = self._running[identifier]

        def answers() -> bool:
            if server.poll() is not None:
                said = self._log(identifier).read_text(errors="replace")[-800:]
                raise LabError(f"{identifier} ended with {server.returncode}: {said}")
            return ready()

        waiting.until(answers, f"{identifier} to answer", READY_SECONDS)

    def _run(self, identifier: str, place: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._commands[identifier] = (place, tuple(argv), dict(env or {}))
        self._running[identifier] = namespaces.popen(place, argv, env=env, log=self._log(identifier))

    def _log(self, identifier: str) -> Path:
        return self._folder / "logs" / f"{identifier}.log"

    def kill(self, identifier: str) -> None:
        """Kill a server (`broker`, `web-hosting`, ...) as a crash would; `failures` does not mention it."""
        server = self._running.pop(identifier, None)
        if server is None:
            raise ConfigError(f"server {identifier} is not running", f"kill one of {', '.join(self._running)}")
        server.kill()
        server.wait()

    def restart(self, identifier: str) -> None:
        """Start a killed server again; returns when it runs, not when it answers (its clients are to cope)."""
        if identifier in self._running or identifier not in self._commands:
            raise ConfigError(f"server {identifier} was not killed", "kill it first")
        self._run(identifier, *self._commands[identifier])

    def renew(self, *servers: Server) -> None:
        """Start servers again with what they have to say now; returns when they answer."""
        for server in servers:
            stop(self._running.pop(server.id, None))
            self._renewed += 1
            folder = self._folder / f"{server.id}-{self._renewed}"
            folder.mkdir()
            self._run(server.id, server.place, server.prepare(folder, self._roots))
        for server in servers:
            with namespaces.inside(server.place):
                self._await(server.id, server.ready)

    def failures(self) -> list[str]:
        """What has ended by itself, in words."""
        return [
            f"server {name} ended with {each.returncode}"
            for name, each in self._running.items()
            if each.poll() is not None
        ]

    def stop_all(self) -> None:
        """Stop every server. Safe to call twice."""
        for server in self._running.values():
            server.terminate()
        for server in self._running.values():
            stop(server)
        self._running.clear()


def stop(program: subprocess.Popen[bytes] | None) -> None:
    """End a program of the lab, by force where it does not within a few seconds."""
    if program is None:
        return
    program.terminate()
    try:
        machine.wait(program, STOP_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    if program.stdout is not None:
        program.stdout.close()
