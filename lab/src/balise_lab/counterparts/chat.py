"""WhatsApp's chat behind its relay: the opening of Noise is answered, where a scenario has such a proxy.

A stand-in: the true one holds a key that nobody else has. It answers a hello with the form of the server's, after the
line of the PROXY protocol that HAProxy writes before it. Must not live here: boxes, what is measured.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine import chat_server
from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.counterparts.proxy import CHAT_PORT, relayed
from balise_lab.world.reachable import listens
from balise_lab.world.topology import Topology
from balise_wire.words import Experiment


def servers(topology: Topology) -> Iterator[Server]:
    """One program, beside the web server, where a relay hands on to it."""
    chat = relayed(topology, "whatsapp-chat") if "whatsapp-chat" in topology.layout.proxies else None
    if chat is not None:
        address = chat.addresses[0]
        yield Server(
            id="chat-hosting",
            place="hosting",
            prepare=partial(_prepare, address),
            ready=partial(listens, address, CHAT_PORT),
        )


def _prepare(address: str, _folder: Path, _roots: Roots) -> Sequence[str]:
    return [sys.executable, "-m", chat_server.__name__, str(CHAT_PORT), address]


COUNTERPART = Counterpart(
    name="chat",
    means="a stand-in for WhatsApp's chat behind its relay, where a scenario has one",
    experiments=(Experiment.TCP,),
    servers=servers,
    usual=False,
)
