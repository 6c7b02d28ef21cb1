"""The operator's proxies abroad: microsocks for SOCKS 5, tinyproxy for HTTP CONNECT, each with a name and a password.

They run where a scenario has ``proxies:``, in a network of their own, so that what they ask passes no box of the
country and every box before the servers. Must not live here: boxes, what is measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import tools
from balise_lab.world.reachable import listens
from balise_lab.world.topology import Topology
from balise_wire.words import Experiment

PORTS: Final[Mapping[str, int]] = MappingProxyType({"socks5": 47_321, "http-connect": 47_322})
"""Where each is, by what the agent's settings call it."""
LABELS: Final[Mapping[str, str]] = MappingProxyType({"socks5": "east", "http-connect": "west"})
USERNAME, PASSWORD = "amsel", "drosselbart-fink"
_CONNECTS: Final = (80, 443, 5_222)
"""Ports that tinyproxy connects to."""


def servers(topology: Topology) -> Iterator[Server]:
    """One program for each of the topology's proxies."""
    for kind in topology.layout.proxies:
        yield Server(
            id=f"proxy-{kind}",
            place="proxy",
            prepare=partial(_PREPARED[kind], topology.proxy),
            ready=partial(listens, topology.proxy, PORTS[kind]),
        )


def _microsocks(address: str, _folder: Path, _roots: Roots) -> Sequence[str]:
    port = str(PORTS["socks5"])
    return [tools.find("microsocks"), "-i", address, "-p", port, "-u", USERNAME, "-P", PASSWORD]


def _tinyproxy(address: str, folder: Path, _roots: Roots) -> Sequence[str]:
    path = folder / "tinyproxy.conf"
    lines = [
        f"Listen {address}",
        f"Port {PORTS['http-connect']}",
        f"BasicAuth {USERNAME} {PASSWORD}",
        "Timeout 60",
        "MaxClients 64",
        *(f"ConnectPort {port}" for port in _CONNECTS),
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [tools.find("tinyproxy"), "-d", "-c", str(path)]


_PREPARED: Final = {"socks5": _microsocks, "http-connect": _tinyproxy}


def settings(topology: Topology) -> str:
    """Return the file of proxies that a probe's operator would write (examples/proxies.toml)."""
    entries = [
        f'[[proxy]]\nlabel = "{LABELS[kind]}"\nkind = "{kind}"\naddress = "{topology.proxy}"\nport = {PORTS[kind]}\n'
        f'username = "{USERNAME}"\npassword = "{PASSWORD}"\n'
        for kind in topology.layout.proxies
    ]
    return "\n".join(entries)


COUNTERPART = Counterpart(
    name="proxy",
    means="microsocks and tinyproxy abroad, where a scenario has proxies",
    experiments=(Experiment.TCP, Experiment.TLS),
    servers=servers,
    usual=False,
)
