"""A helper of the operator's, which answers voice-shaped trains and VPN handshakes: the agent's own program.

It runs where a scenario measures calls or VPN handshakes, on an address of its own beside the services. Must not live
here: boxes, what is measured.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import tools
from balise_lab.world.topology import Topology
from balise_wire.experiments.call import PORTS, SHORT
from balise_wire.experiments.vpn import TCP_PORTS, UDP_PORTS
from balise_wire.words import Experiment

_SECONDS = 0.2
_HELLO = b"\4is it up".ljust(SHORT, b"\0")


def servers(topology: Topology) -> Iterator[Server]:
    """One program, where the topology has a helper."""
    if topology.helper:
        yield Server(
            id="helper",
            place="hosting",
            prepare=partial(_prepare, topology.helper),
            ready=partial(answers, topology.helper),
        )


def _prepare(address: str, folder: Path, _roots: Roots) -> Sequence[str]:
    return [
        tools.ours("balise-agent"), "helper", "--address", address, "--state", str(folder),
        "--vpn-ports", *map(str, UDP_PORTS), "--vpn-tcp-ports", *map(str, TCP_PORTS),
    ]  # fmt: skip


def answers(address: str, port: int = PORTS[1]) -> bool:
    """Tell whether a helper gives a token."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.settimeout(_SECONDS)
        with suppress(OSError):
            handle.sendto(_HELLO, (address, port))
            return handle.recv(2048)[1:9] == _HELLO[1:9]
    return False


COUNTERPART = Counterpart(
    name="call",
    means="the operator's helper (balise-agent helper), where a scenario measures calls",
    experiments=(Experiment.CALL,),
    servers=servers,
    usual=False,
)
