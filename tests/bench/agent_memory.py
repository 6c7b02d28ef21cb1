"""P1: the resident memory of the whole agent, alone or beside scapy.all, in the namespaces of the net tests.

``agent_memory.py ours|naive`` prints megabytes after start and with 50 targets in flight. The imports are everything
that a running probe has loaded, and the ground's own. Must not live here: scapy on our side.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import balise_agent.run.build
import balise_agent.run.cli
from balise_agent.delivery.spool.spool import Spool
from balise_agent.experiments import steps
from balise_agent.measure.conductor import Conductor
from balise_agent.net.link import Link
from balise_agent.policy.egress import Egress
from balise_agent.policy.limits import Limits
from balise_agent.system.clock import Clock
from balise_agent.system.identity import ephemeral
from balise_agent.system.reactor import Reactor
from balise_wire.seal import Sealer

GROUND = Path(__file__).parents[1] / "agent" / "net" / "netns_plays.py"
SERVER = "198.18.3.2"
TARGETS = 50
LOADED = (balise_agent.run.build, balise_agent.run.cli)
"""What a running probe has in memory although nothing here calls it."""


def resident() -> float:
    """Return this process's resident memory in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024.0


def target() -> Generator[Any, Any, tuple[()]]:
    """One whole target: DNS, crafted SYNs, TLS, HTTP head."""
    yield steps.Query(name="www.play.lab", timeout=2.0, linger=1.0)
    yield steps.Exchange(packets=(steps.SynProbe(address=SERVER, port=80),) * 3, window=0.5)
    connected = yield steps.Connect(address=SERVER, port=443, timeout=5.0)
    yield steps.Handshake(handle=connected.handle, sni="www.play.lab", timeout=5.0)
    yield steps.Send(handle=connected.handle, data=b"GET / HTTP/1.1\r\n\r\n")
    yield steps.Receive(handle=connected.handle, most=9999, timeout=1.0)
    yield steps.Close(handle=connected.handle, linger=1.0)
    return ()


def ours() -> dict[str, Any]:
    """Open what a probe opens, then carry 50 targets at once."""
    clock = Clock.from_environment()
    reactor = Reactor(clock)
    egress = Egress(Limits(laboratory=("198.18.0.0/15",), connections_per_host_per_minute=10_000), clock)
    spool = Spool(
        Path("/run/spool.sqlite"),
        probe="k7m2q9xd",
        sealer=Sealer(ephemeral().key),
        max_bytes=1 << 26,
        batch_records=50,
        batch_seconds=20.0,
    )
    link = Link(reactor, egress, resolvers=(SERVER,))
    conductor = Conductor(link, reactor)
    started = most = resident()
    for _ in range(TARGETS):
        conductor.start(target(), on_done=lambda _: None)
    while conductor.busy:
        conductor.step(0.05)
        most = max(most, resident())
    spool.close()
    assert conductor.finished == TARGETS, "the targets were not carried"
    return {"started": started, "in_flight": most}


def naive() -> dict[str, Any]:
    """The same program in a process that has all of scapy."""
    importlib.import_module("scapy.all")
    return ours()


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {"ours": ours, "naive": naive}

if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("netns_plays", GROUND)
    assert spec is not None
    assert spec.loader is not None
    ground = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ground)
    ground.main(__file__, PLAYS)
