"""The agent's side and the naive side of P3 and P4, in the namespaces of tests/agent/net/netns_plays.py.

``agent_plays.py NAME`` prints the raw figures of one comparison as JSON. The naive side is scapy as its manual shows
it. Lives here: measuring. Must not live here: goals (bench_agent.py), memory (agent_memory.py, which has no scapy).
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import resource
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.sendrecv import sr

from balise_agent.experiments import steps

GROUND = Path(__file__).parents[1] / "agent" / "net" / "netns_plays.py"
NEAR = "198.18.1.2"
"""The probe's gateway: it answers a SYN with a RST, so that no more than one wire is in the figures."""
ROUNDS = 3


def load_ground() -> Any:
    """Load the namespaces' script as a module (a test folder is no package)."""
    spec = importlib.util.spec_from_file_location("netns_plays", GROUND)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the two sides ----------------------------------------------------------------------------------------------------


class Ours:
    """SYN probes as the agent sends them: template, patch, raw socket, tap."""

    def __init__(self, ground: Any) -> None:
        self.reactor, self.link, self.conductor = ground.stage()
        self.ports: list[int] = []
        opened = self.link.tap.open

        def noting(protocol: int, port: int, *rest: Any) -> Any:
            self.ports.append(port)
            return opened(protocol, port, *rest)

        self.link.tap.open = noting

    def syns(self, address: str, port: int, count: int, spacing: float, batch: int = 50) -> dict[int, float]:
        """Send SYNs, ``batch`` an Exchange (a trace of a path has that many); return microseconds by source port."""
        took: dict[int, float] = {}

        def plan() -> Generator[Any, Any, tuple[()]]:
            for _ in range(count // batch):
                self.ports.clear()
                probes = tuple(steps.SynProbe(address=address, port=port) for _ in range(batch))
                reply = yield steps.Exchange(packets=probes, window=0.5, spacing=spacing, enough=True)
                took.update({self.ports[one.probe]: one.rtt_ms * 1000.0 for one in reply.answers})
            return ()

        self.conductor.start(plan(), on_done=lambda _: None)
        assert self.conductor.run_until(lambda: not self.conductor.busy, 60.0)
        return took


class Naive:
    """SYN probes as scapy's manual shows them: one ``sr1`` each."""

    def __init__(self) -> None:
        self._port = 50000

    def syns(self, address: str, port: int, count: int) -> dict[int, float]:
        """Send SYNs one after the other; return microseconds by source port."""
        took: dict[int, float] = {}
        for _ in range(count):
            self._port += 1
            probe = IP(dst=address) / TCP(sport=self._port, dport=port, flags="S")
            answered, _ = sr(probe, timeout=1, verbose=0)
            for question, answer in answered:
                took[self._port] = float(answer.time - question.sent_time) * 1e6
        return took


def cpu() -> float:
    """Return the CPU seconds of this process, the kernel's part included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- P3 ---------------------------------------------------------------------------------------------------------------


def crafted() -> dict[str, Any]:
    """CPU microseconds of one crafted and answered SYN, both sides in turn."""
    ground = load_ground()
    ours, naive = Ours(ground), Naive()
    ours.syns(NEAR, 9, 200, 0.0)
    naive.syns(NEAR, 9, 3)
    found: dict[str, list[float]] = {"ours_us": [], "naive_us": []}
    for _ in range(ROUNDS):
        began = cpu()
        assert len(ours.syns(NEAR, 9, 3000, 0.0)) == 1000  # the crafted ports, each used three times
        found["ours_us"].append((cpu() - began) / 3000 * 1e6)
        began = cpu()
        naive.syns(NEAR, 9, 20)
        found["naive_us"].append((cpu() - began) / 20 * 1e6)
    return found


# --- P4 ---------------------------------------------------------------------------------------------------------------


def burn() -> None:
    """Keep one core busy."""
    while True:
        sum(range(10_000))


def timed() -> dict[str, Any]:
    """Round trips of both sides against the kernel's timestamps, idle and under load; errors in microseconds.

    The truth is told by another program that listens on the probe's own interface.
    """
    ground = load_ground()
    command = [sys.executable, str(GROUND), "observer", "probe1"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    assert watcher.stdout.readline().strip() == ground.READY
    ours, naive = Ours(ground), Naive()
    heard: dict[str, dict[int, float]] = {}
    for state, burners in (("idle", 0), ("loaded", 2)):
        busy = [multiprocessing.Process(target=burn, daemon=True) for _ in range(burners)]
        for one in busy:
            one.start()
        for _ in range(ROUNDS):
            # 900 of the 1,000 crafted ports in all, so that a port stands for one probe.
            heard.setdefault(f"ours {state}", {}).update(ours.syns(ground.SERVER, 80, 150, 0.001))
            heard.setdefault(f"naive {state}", {}).update(naive.syns(ground.SERVER, 80, 15))
        for one in busy:
            one.kill()
            one.join()
    ours.reactor.step(0.3)
    watcher.terminate()
    theirs = {int(port): took / 1000.0 for port, took in json.loads(watcher.stdout.readline()).items()}
    watcher.wait()
    return {
        side: [abs(took - theirs[port]) for port, took in ports.items() if port in theirs]
        for side, ports in heard.items()
    }


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {
    "crafted": crafted,
    "timed": timed,
}

if __name__ == "__main__":
    load_ground().main(__file__, PLAYS)
