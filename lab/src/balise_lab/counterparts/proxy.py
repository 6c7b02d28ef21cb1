"""The operator's proxies abroad: microsocks for SOCKS 5, tinyproxy for HTTP CONNECT, each with a name and a password.

And HAProxy for WhatsApp's own, in the manner of its maker's (github.com/WhatsApp/proxy): a port that hands on to the
chat with a line of the PROXY protocol before it, and one that hands on to the media.

They run where a scenario has ``proxies:``, in a network of their own, so that what they ask passes no box of the
country and every box before the servers. Must not live here: boxes, what is measured.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import tools
from balise_lab.world.reachable import listens
from balise_lab.world.topology import ServedHost, Topology
from balise_wire.words import Experiment

PORTS: Final[Mapping[str, int]] = MappingProxyType(
    {"socks5": 47_321, "http-connect": 47_322, "whatsapp-chat": 47_323, "whatsapp-media": 47_324}
)
"""Where each is, by what the agent's settings call it."""
LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"socks5": "east", "http-connect": "west", "whatsapp-chat": "north", "whatsapp-media": "south"}
)
RELAYED: Final[Mapping[str, str]] = MappingProxyType({"whatsapp-chat": "chat", "whatsapp-media": "media"})
"""The first word of the roles of WhatsApp that a relay hands on to."""
WHATSAPP: Final = "whatsapp"
CHAT_PORT: Final = 5_222
"""Of the chat, behind its relay (counterparts/chat.py)."""
USERNAME, PASSWORD = "amsel", "drosselbart-fink"
_CONNECTS: Final = (80, 443, 5_222)
"""Ports that tinyproxy connects to."""


def servers(topology: Topology) -> Iterator[Server]:
    """One program for each of the topology's proxies."""
    for kind in topology.layout.proxies:
        yield Server(
            id=f"proxy-{kind}",
            place="proxy",
            prepare=partial(_PREPARED[kind], topology),
            ready=partial(listens, topology.proxy, PORTS[kind]),
        )


def _microsocks(topology: Topology, _folder: Path, _roots: Roots) -> Sequence[str]:
    port = str(PORTS["socks5"])
    return [tools.find("microsocks"), "-i", topology.proxy, "-p", port, "-u", USERNAME, "-P", PASSWORD]


def _tinyproxy(topology: Topology, folder: Path, _roots: Roots) -> Sequence[str]:
    path = folder / "tinyproxy.conf"
    lines = [
        f"Listen {topology.proxy}",
        f"Port {PORTS['http-connect']}",
        f"BasicAuth {USERNAME} {PASSWORD}",
        "Timeout 60",
        "MaxClients 64",
        *(f"ConnectPort {port}" for port in _CONNECTS),
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [tools.find("tinyproxy"), "-d", "-c", str(path)]


def _haproxy(kind: str, topology: Topology, folder: Path, _roots: Roots) -> Sequence[str]:
    path = folder / "haproxy.cfg"
    upstream = relayed(topology, kind)
    chat = kind == "whatsapp-chat"
    lines = [
        "defaults",
        "  mode tcp",
        "  timeout connect 5s",
        "  timeout client 200s",
        "  timeout server 200s",
        f"listen {kind}",
        f"  bind {topology.proxy}:{PORTS[kind]}",
        *([] if upstream is None else [f"  server upstream {_place(upstream, chat=chat)}{' send-proxy' * chat}"]),
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return [tools.find("haproxy"), "-db", "-f", str(path)]


def _place(upstream: ServedHost, *, chat: bool) -> str:
    return f"{upstream.addresses[0]}:{CHAT_PORT if chat else upstream.port}"


def relayed(topology: Topology, kind: str) -> ServedHost | None:
    """Return what a relay hands on to; ``None`` where the scenario has no such part of WhatsApp."""
    roles = ((one, one.role.split("-")[0]) for one in topology.endpoints if one.service == WHATSAPP)
    return next((one for one, role in roles if role == RELAYED[kind]), None)


_PREPARED: Final[Mapping[str, Callable[[Topology, Path, Roots], Sequence[str]]]] = {
    "socks5": _microsocks,
    "http-connect": _tinyproxy,
    "whatsapp-chat": partial(_haproxy, "whatsapp-chat"),
    "whatsapp-media": partial(_haproxy, "whatsapp-media"),
}


def settings(topology: Topology) -> str:
    """Return the file of proxies that a probe's operator would write (examples/proxies.toml)."""
    named = f'username = "{USERNAME}"\npassword = "{PASSWORD}"\n'
    entries = [
        f'[[proxy]]\nlabel = "{LABELS[kind]}"\nkind = "{kind}"\naddress = "{topology.proxy}"\nport = {PORTS[kind]}\n'
        f"{'' if kind in RELAYED else named}"
        for kind in topology.layout.proxies
    ]
    return "\n".join(entries)


COUNTERPART = Counterpart(
    name="proxy",
    means="microsocks, tinyproxy and HAProxy abroad, where a scenario has proxies",
    experiments=(Experiment.TCP, Experiment.TLS),
    servers=servers,
    usual=False,
)
