"""The lab as tests have it: brought up once in a process of its own, and asked by the methods of `Testbed`.

Lives here: the handle, and how that process is started and ended. What happens inside is clients.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from balise_lab.world import wrapper
from balise_lab.world.topology import Topology, build
from tests.lab.clients import LAYOUT

SCALE = 60.0
ROOT = Path(__file__).resolve().parents[2]


class Testbed:
    """Each method asks the process inside for one thing, and raises RuntimeError with what it said."""

    __test__ = False

    def __init__(self, process: subprocess.Popen[str], topology: Topology) -> None:
        self.process = process
        self.topology = topology
        self.up_cpu_seconds: float = self._answer()

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the lab died: exit {self.process.wait()}"
        said = json.loads(line)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["result"]

    def address(self, name: str, *, in_country: bool = True) -> str:
        """First address of a name as the country (or the world) is told it."""
        return self.topology.records(in_country=in_country)[name][0]

    # -------------------------------------------------------------- clients
    def tls(self, place: str, address: str, name: str, port: int = 443, timeout: float = 1.0) -> str:
        """Handshake and GET: the title of the page, or the name of what went wrong."""
        found: str = self._ask("tls", place=place, address=address, name=name, port=port, timeout=timeout)
        return found

    def hello(self, place: str, address: str, name: str, split: int, timeout: float = 1.0) -> str:
        """A ClientHello cut in two segments: "answered", "ended" or the name of what went wrong."""
        found: str = self._ask("hello", place=place, address=address, name=name, split=split, timeout=timeout)
        return found

    def http(self, place: str, address: str, name: str, timeout: float = 1.0) -> str:
        """Plain HTTP: status and title, or the name of what went wrong."""
        found: str = self._ask("http", place=place, address=address, name=name, timeout=timeout)
        return found

    def whole(self, place: str, address: str, name: str, timeout: float = 1.0) -> str:
        """Plain HTTP to its end: "whole", or the name of what went wrong, with whether anything came before."""
        found: str = self._ask("whole", place=place, address=address, name=name, timeout=timeout)
        return found

    def tcp(self, place: str, address: str, port: int, timeout: float = 1.0) -> str:
        """Connect: "connected" or the name of what went wrong."""
        found: str = self._ask("tcp", place=place, address=address, port=port, timeout=timeout)
        return found

    def quic(self, place: str, address: str, name: str, timeout: float = 0.5) -> list[str]:
        """A greeting by QUIC and a question for versions on the same flow: what came to each, or ``silent``."""
        found: list[str] = self._ask("quic", place=place, address=address, name=name, timeout=timeout)
        return found

    def stun(self, place: str, address: str, port: int = 3478, timeout: float = 0.4) -> list[str]:
        """A binding request with the magic cookie and one without, a socket each: ``bound`` or ``silent``."""
        found: list[str] = self._ask("stun", place=place, address=address, port=port, timeout=timeout)
        return found

    def call(self, place: str, up: str, down: str, packets: int = 40) -> int | str:
        """A train of packets to the helper: how many came back, or what went wrong before."""
        found: int | str = self._ask("call", place=place, up=up, down=down, packets=packets)
        return found

    def vpn(self, place: str, protocol: str, shape: str) -> int | str:
        """A handshake with the helper, or packets of its sizes: the rounds that were answered, or what went wrong."""
        found: int | str = self._ask("vpn", place=place, protocol=protocol, shape=shape)
        return found

    def dns(self, place: str, server: str, name: str, window: float = 0.4, *, cd: bool = False) -> list[str]:
        """All answers to one question within the window: addresses joined by commas, or `rcode N`."""
        found: list[str] = self._ask("dns", place=place, server=server, name=name, window=window, cd=cd)
        return found

    def dns_tcp(self, place: str, server: str, name: str, timeout: float = 0.5) -> str:
        """The answer to one question over TCP, or the name of what went wrong."""
        found: str = self._ask("dns_tcp", place=place, server=server, name=name, timeout=timeout)
        return found

    def ping(self, place: str, address: str, count: int = 20, interval: float = 0.02) -> dict[str, float]:
        """Share of answered echo requests and their median round trip in ms."""
        found: dict[str, float] = self._ask("ping", place=place, address=address, count=count, interval=interval)
        return found

    def fetch(self, place: str, address: str, name: str) -> dict[str, float]:
        """Bytes and real seconds of one whole page over plain HTTP."""
        found: dict[str, float] = self._ask("fetch", place=place, address=address, name=name)
        return found

    def arp(self, place: str, address: str) -> bool:
        """Whether the machine with an address answers who-has on a place's link."""
        found: bool = self._ask("arp", place=place, address=address)
        return found

    def fetch_tls(self, place: str, address: str, name: str) -> dict[str, float]:
        """Bytes and real seconds of one whole page over TLS."""
        found: dict[str, float] = self._ask("fetch_tls", place=place, address=address, name=name)
        return found

    def program(self, place: str, argv: list[str]) -> dict[str, Any]:
        """A program started in a place: exit code and output."""
        found: dict[str, Any] = self._ask("program", place=place, argv=argv)
        return found

    # -------------------------------------------------------------- boxes and servers
    @contextmanager
    def box(self, **fields: Any) -> Iterator[dict[str, int]]:
        """A box that stands within the block; the yielded dict holds its counters afterwards."""
        counted: dict[str, int] = {}
        self.start(id="under-test", **fields)
        try:
            yield counted
        finally:
            counted.update(self.stop("under-test"))

    def start(self, **fields: Any) -> None:
        """Start a box; what is no field of every box is a parameter of its kind."""
        self._ask("start", **fields)

    def stop(self, identifier: str) -> dict[str, int]:
        """Stop a box and return what it counted."""
        counted: dict[str, int] = self._ask("stop", identifier=identifier)
        return counted

    def kill(self, identifier: str) -> None:
        """Kill a box's program as a crash would."""
        self._ask("kill", identifier=identifier)

    def kill_server(self, identifier: str) -> None:
        """Kill one of the lab's servers."""
        self._ask("kill_server", identifier=identifier)

    def restart_server(self, identifier: str) -> None:
        """Start it again."""
        self._ask("restart_server", identifier=identifier)

    def counters(self) -> dict[str, dict[str, int]]:
        """What all boxes counted."""
        found: dict[str, dict[str, int]] = self._ask("counters")
        return found

    def failures(self) -> list[str]:
        """What of the lab has died."""
        found: list[str] = self._ask("failures")
        return found

    def wait(self, seconds: float) -> None:
        """Let real time pass: for the kernel's timers only."""
        self._ask("wait", seconds=seconds)


def command(folder: Path) -> list[str]:
    """What is run inside."""
    return [sys.executable, "-m", "tests.lab.clients", str(folder), str(SCALE)]


def start(folder: Path, *, prefix: list[str] | None = None) -> Testbed:
    """Start the process inside; `prefix` replaces the wrapper's own choice."""
    argv = command(folder)
    process = subprocess.Popen(
        [*prefix, *argv] if prefix else wrapper.command(argv),
        cwd=ROOT,
        env={**os.environ, wrapper.INSIDE: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Testbed(process, build(LAYOUT))


def finish(testbed: Testbed) -> None:
    """End the process and everything in it."""
    assert testbed.process.stdin is not None
    assert testbed.process.stdout is not None
    testbed.process.stdin.close()
    testbed.process.wait(20)
    testbed.process.stdout.close()
