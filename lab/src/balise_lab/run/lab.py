"""The lab brought to life: a context manager around namespaces, servers and boxes.

Lives here: the order in which it comes up and goes down, and programs inside it. It decides nothing: the topology, the
configurations and the rules come from pure modules. It must run inside the lab's unshare (wrapper.reexec, then
wrapper.arrive).
"""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from balise_lab.centre.influx_client import InfluxDb
from balise_lab.counterparts.engine.counterpart import Roots
from balise_lab.errors import LabError
from balise_lab.run.servers import Servers
from balise_lab.run.started_boxes import StartedBoxes
from balise_lab.world import authority, namespaces
from balise_lab.world.topology import Topology


class Lab:
    """`with Lab(topology, folder) as lab:` brings everything up; leaving takes it down. Not for two threads."""

    def __init__(self, topology: Topology, folder: Path, *, scale: float = 1.0, with_influx: bool = False) -> None:
        """`folder` takes configurations, pages and logs; `scale` is the scenario clock's, for residuals.

        `with_influx` puts an InfluxDB into the centre (ConfigError where this machine has no influxd).
        """
        self.topology = topology
        self.folder = folder
        self.influxdb = InfluxDb(partial(namespaces.inside, "centre")) if with_influx else None
        self.ca_file = folder / "ca.pem"
        roots = Roots(authority.found(), authority.found("nobody's root"))
        self._trusted = roots.good
        self.servers = Servers(topology, folder, roots)
        self.boxes = StartedBoxes(topology, folder, roots, scale)

    def __enter__(self) -> Self:
        for folder in (self.folder, self.folder / "logs", self.folder / "resolv"):
            folder.mkdir(parents=True, exist_ok=True)
        self._trusted.write(self.ca_file)
        try:
            namespaces.bring_up(self.topology)
            self.servers.start_all(self.influxdb)
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
        self.boxes.stop_all()
        self.servers.stop_all()
        with suppress(LabError):
            namespaces.take_down(self.topology)

    def failures(self) -> list[str]:
        """What of the lab itself has died, in words."""
        return [*self.servers.failures(), *self.boxes.failures()]

    # -------------------------------------------------------------- programs
    def popen(
        self,
        namespace: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a namespace with that namespace's resolv.conf. `env` adds to the environment."""
        place = self.topology.namespace(namespace)
        resolv = self._resolv(place.name, place.resolvers)
        return namespaces.popen(place.name, argv, env=env, log=log, resolv=resolv, stdout=stdout, stderr=stderr)

    def run(self, namespace: str, argv: Sequence[str], timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
        """Run a short program in a namespace and return what it said."""
        return namespaces.run(self.topology.namespace(namespace).name, argv, timeout=timeout)

    def inside(self, namespace: str) -> AbstractContextManager[None]:
        """The calling thread is in that namespace within the block."""
        return namespaces.inside(self.topology.namespace(namespace).name)

    def _resolv(self, place: str, resolvers: tuple[str, ...]) -> Path | None:
        if not resolvers:
            return None
        path = self.folder / "resolv" / place
        if not path.exists():
            path.write_text("".join(f"nameserver {one}\n" for one in resolvers), encoding="ascii")
        return path
