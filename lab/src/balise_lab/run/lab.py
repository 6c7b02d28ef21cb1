"""The lab brought to life: a context manager around namespaces, servers and boxes.

Lives here: what is started, in which order, and what is stopped. It decides nothing: the topology, the configurations
and the rules come from pure modules. It must run inside the lab's unshare (wrapper.reexec, then wrapper.arrive).
"""

import json
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from balise_lab.boxes.engine import counters
from balise_lab.boxes.engine.box import Box, to_plain
from balise_lab.boxes.engine.counters import Counters
from balise_lab.boxes.engine.rules import SLOTS, Rules, kind_of, namespace, rules
from balise_lab.centre import broker, influx
from balise_lab.centre.influx_client import InfluxDb
from balise_lab.counterparts import dns, web
from balise_lab.errors import ConfigError, LabError
from balise_lab.world import addresses, authority, namespaces, tools, waiting
from balise_lab.world.topology import CONTROL_NAME, Topology

READY_SECONDS = 15.0
STOP_SECONDS = 3.0


@dataclass
class StartedBox:
    """A box that has been started."""

    box: Box
    rules: Rules
    program: subprocess.Popen[bytes] | None
    tally: Path
    last: Counters = field(default_factory=Counters)
    dead: bool = False


class Lab:
    """`with Lab(topology, folder) as world:` brings everything up; leaving takes it down. Not for two threads."""

    def __init__(self, topology: Topology, folder: Path, *, scale: float = 1.0, with_influx: bool = False) -> None:
        """`folder` takes configurations, pages and logs; `scale` is the scenario clock's, for residuals.

        `with_influx` puts an InfluxDB into the centre (ConfigError where this machine has no influxd).
        """
        self.topology = topology
        self.folder = folder
        self.scale = scale
        self.influxdb = InfluxDb(partial(namespaces.inside, "centre")) if with_influx else None
        self.ca_file = folder / "ca.pem"
        self._roots = (authority.found(), authority.found("nobody's root"))
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {}
        self._boxes: dict[str, StartedBox] = {}
        self._stand_ins = 0  # numbers their folders: a box may be started again
        self._gone: dict[str, Counters] = {}

    # -------------------------------------------------------------- up and down
    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        (self.folder / "resolv").mkdir(exist_ok=True)
        try:
            namespaces.bring_up(self.topology)
            self._start_servers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop boxes and servers, delete the namespaces. Safe to call twice."""
        for started in self._boxes.values():
            _stop(started.program)
        self._boxes.clear()
        for server in self._servers.values():
            server.terminate()
        for server in self._servers.values():
            _stop(server)
        self._servers.clear()
        with suppress(LabError):
            namespaces.take_down(self.topology)

    def _start_servers(self) -> None:
        good, stranger = self._roots
        good.write(self.ca_file)
        for identifier, (place, text) in dns.plan(self.topology).items():
            path = self._write(f"{identifier}.conf", text)
            self._serve(identifier, place, [tools.find("dnsmasq"), f"--conf-file={path}", "--pid-file="])
        for place in ("hosting", "domestic"):
            found = web.sites(self.topology, place)
            if found:
                path = web.write(found, self.folder / f"web-{place}", good, stranger)
                self._serve(f"web-{place}", place, [tools.find("nginx"), "-c", str(path), "-p", str(path.parent)])
        if self.influxdb is not None:
            self._serve_influx()
        namespaces.nft("dns", silent_rules())
        self._await_servers()

    def serve_broker(self, configuration: Path, port: int, env: Mapping[str, str] | None = None) -> None:
        """Start mosquitto in the centre with files that somebody wrote; returns when it answers on `port`."""
        command = [tools.find("mosquitto"), "-c", str(configuration)]
        self._serve(broker.IDENTITY, "centre", command, env)
        with namespaces.inside("centre"):
            self._await(broker.IDENTITY, partial(_listens, self.topology.centre, port))

    def _await_servers(self) -> None:
        for identifier, (place, _) in dns.plan(self.topology).items():
            address = _listen_address(self.folder / f"{identifier}.conf")
            with namespaces.inside(place):
                self._await(identifier, partial(_resolves, address))
        for place in ("hosting", "domestic"):
            found = web.sites(self.topology, place)
            if found:
                with namespaces.inside(place):
                    self._await(f"web-{place}", partial(_listens, found[-1].address, found[-1].port))
        if self.influxdb is not None:
            self._await(influx.SERVER, self.influxdb.answers)
            for database in (influx.POINTS, influx.ROLLUPS):
                self.influxdb.make(database)

    def _serve_influx(self) -> None:
        """Start InfluxDB and the rewrite before it, in the centre."""
        store = self.folder / "influx"
        store.mkdir(exist_ok=True)
        path = self._write("influxd.conf", influx.configuration(store))
        self._serve(influx.SERVER, "centre", [tools.find("influxd"), "-config", str(path)])
        path = self._write("influx-front.conf", influx.front(store))
        self._serve(influx.FRONT, "centre", [tools.find("nginx"), "-c", str(path), "-p", str(store)])

    def _await(self, identifier: str, ready: Callable[[], bool]) -> None:
        server = self._servers[identifier]

        def answers() -> bool:
            if server.poll() is not None:
                log = self.folder / "logs" / f"{identifier}.log"
                raise LabError(f"{identifier} ended with {server.returncode}: {log.read_text(errors='replace')[-800:]}")
            return ready()

        waiting.until(answers, f"{identifier} to answer", READY_SECONDS)

    def _serve(self, identifier: str, place: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._commands[identifier] = (place, tuple(argv), dict(env or {}))
        log = self.folder / "logs" / f"{identifier}.log"
        self._servers[identifier] = namespaces.popen(place, argv, env=env, log=log)

    def kill_server(self, identifier: str) -> None:
        """Kill a server (`broker`, `web-hosting`, ...) as a crash would; `failures` does not mention it."""
        server = self._servers.pop(identifier, None)
        if server is None:
            raise ConfigError(f"server {identifier} is not running", f"kill one of {', '.join(self._servers)}")
        server.kill()
        server.wait()

    def restart_server(self, identifier: str) -> None:
        """Start a killed server again; returns when it runs, not when it answers (its clients are to cope)."""
        if identifier in self._servers or identifier not in self._commands:
            raise ConfigError(f"server {identifier} was not killed", "kill it first")
        self._serve(identifier, *self._commands[identifier])

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    # -------------------------------------------------------------- programs
    def popen(
        self,
        namespace: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a namespace with that namespace's resolv.conf. `env` adds to the environment."""
        place = self.topology.namespace(namespace)
        return namespaces.popen(
            place.name,
            argv,
            env=env,
            log=log,
            resolv=self._resolv(place.name, place.resolver),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def run(self, namespace: str, argv: Sequence[str], timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
        """Run a short program in a namespace and return what it said."""
        return namespaces.run(self.topology.namespace(namespace).name, argv, timeout=timeout)

    def inside(self, namespace: str) -> AbstractContextManager[None]:
        """The calling thread is in that namespace within the block."""
        return namespaces.inside(self.topology.namespace(namespace).name)

    def _resolv(self, place: str, resolver: str) -> Path | None:
        if not resolver:
            return None
        path = self.folder / "resolv" / place
        if not path.exists():
            path.write_text(f"nameserver {resolver}\n", encoding="ascii")
        return path

    # -------------------------------------------------------------- boxes
    def start_box(self, box: Box) -> None:
        """Start a box or fault; when this returns it is in force. Raises ConfigError when it cannot be."""
        if box.id in self._boxes:
            raise ConfigError(f"box {box.id} is started twice", "stop it first, or give the second another id")
        found = rules(box, self.topology, self._slot(box), self.scale)
        tally = self.folder / f"counters-{found.table}"
        tally.unlink(missing_ok=True)  # of an earlier box with this id
        kind = kind_of(box)
        program = self._program(found, tally) if found.queued else None
        if kind.serve is not None:
            program = self._stand_in(found, kind.serve(found.placement))
        started = StartedBox(box, found, program, tally)
        self._boxes[box.id] = started
        try:
            namespaces.nft(found.namespace, found.script)
            for line in found.queued:
                namespaces.iptables(found.namespace, "-t", "mangle", "-A", *line)
        except LabError:
            self.stop_box(box.id)
            raise

    def stop_box(self, identifier: str) -> None:
        """Stop a box: its rules go first, then its program; flows it had killed may go on."""
        started = self._boxes.get(identifier)
        if started is None:
            raise ConfigError(f"box {identifier} is not there", f"stop one of {', '.join(self._boxes) or 'none'}")
        self._gone[identifier] = self._read(started)
        del self._boxes[identifier]
        self._withdraw(started)
        _stop(started.program)

    def counters(self) -> dict[str, dict[str, int]]:
        """Box id -> {packets, seen, matched, fired}, also of boxes that were stopped or died."""
        found = {**self._gone, **{key: self._read(started) for key, started in self._boxes.items()}}
        return {key: {"packets": reading.seen, **asdict(reading)} for key, reading in found.items()}

    def failures(self) -> list[str]:
        """What of the lab itself has died, in words. A dead box's rules are taken away: it fails open."""
        said = [
            f"server {name} ended with {each.poll()}" for name, each in self._servers.items() if each.poll() is not None
        ]
        for identifier, started in self._boxes.items():
            if started.program is not None and started.program.poll() is not None:
                if not started.dead:
                    started.last = self._read(started)
                    started.dead = True
                    self._withdraw(started)
                said.append(f"box {identifier} ended with {started.program.returncode}; traffic passes")
        return said

    def _slot(self, box: Box) -> int:
        place = namespace(box, self.topology)
        taken = {each.rules.placement.slot for each in self._boxes.values() if each.rules.namespace == place}
        return next((slot for slot in range(SLOTS) if slot not in taken), SLOTS)

    def _program(self, found: Rules, tally: Path) -> subprocess.Popen[bytes]:
        placement = found.placement
        box = to_plain(placement.box)
        task = {"box": box, "queue": placement.queue, "bit": placement.bit, "counters": str(tally)}
        argv = [sys.executable, "-m", "balise_lab.boxes.engine.run", json.dumps(task)]
        log = self.folder / "logs" / f"{found.table}.log"
        program = namespaces.popen(found.namespace, argv, log=log, stdout=subprocess.PIPE)
        if program.stdout is None or not _says_ready(program.stdout):
            program.kill()
            program.wait()
            raise LabError(f"box {placement.box.id} did not start: {log.read_text(errors='replace')[-800:]}")
        return program

    def _stand_in(self, found: Rules, sites: tuple[web.Site, ...]) -> subprocess.Popen[bytes]:
        """The web server of a box, in its namespace."""
        self._stand_ins += 1
        folder = self.folder / f"web-{found.table}-{self._stand_ins}"
        path = web.write(sites, folder, *self._roots)
        log = self.folder / "logs" / f"{found.table}.log"
        program = namespaces.popen(found.namespace, [tools.find("nginx"), "-c", str(path), "-p", str(folder)], log=log)
        ready = partial(_listens, sites[0].address, sites[0].port)
        try:
            with namespaces.inside(found.namespace):
                waiting.until(ready, f"the server of box {found.placement.box.id}", READY_SECONDS)
        except LabError:
            _stop(program)
            raise
        return program

    def _withdraw(self, started: StartedBox) -> None:
        found = started.rules
        for line in found.queued:
            with suppress(LabError):
                namespaces.iptables(found.namespace, "-t", "mangle", "-D", *line)
        with suppress(LabError):
            namespaces.nft(found.namespace, f"delete table ip {found.table}")

    def _read(self, started: StartedBox) -> Counters:
        if started.dead:
            return started.last
        with suppress(LabError):
            kernel = namespaces.nft_counters(started.rules.namespace, started.rules.table)
            return counters.read(started.tally).plus(Counters(**kernel))
        return counters.read(started.tally)


def _says_ready(output: IO[bytes]) -> bool:
    """Whether a box says within READY_SECONDS that its queue is bound."""
    readable, _, _ = select.select([output], [], [], READY_SECONDS)
    return bool(readable) and output.readline() == b"ready\n"


def _stop(program: subprocess.Popen[bytes] | None) -> None:
    if program is None:
        return
    program.terminate()
    try:
        program.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    if program.stdout is not None:
        program.stdout.close()


def _listen_address(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("listen-address=") for line in lines if line.startswith("listen-address="))


def _listens(address: str, port: int) -> bool:
    with socket.socket() as handle:
        handle.settimeout(1.0)
        return handle.connect_ex((address, port)) == 0


def _resolves(address: str) -> bool:
    """Whether a name server answers a question for the control name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in CONTROL_NAME.split("."))
    query = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.settimeout(0.2)
        with suppress(OSError):
            handle.sendto(query, (address, 53))
            return handle.recv(512)[3] & 15 == 0
    return False


def silent_rules() -> str:
    """nft script for the namespace `dns`: the silent address takes questions and says nothing, not even by ICMP."""
    return (
        "table ip silent {\nchain input {\ntype filter hook input priority 0; policy accept;\n"
        f"ip daddr {addresses.SILENT} udp dport 53 drop\nip daddr {addresses.SILENT} tcp dport 53 drop\n}}\n}}"
    )
