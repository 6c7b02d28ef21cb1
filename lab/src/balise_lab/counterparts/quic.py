"""QUIC: every service host and the international controls answer on UDP port 443, as their TLS servers do on TCP.

One program of aioquic for all addresses (engine/quic_server.py). Must not live here: boxes, what is measured.
"""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.quic_packets import long_header
from balise_lab.world import authority
from balise_lab.world.topology import Topology
from balise_wire.words import Experiment

PORT = 443
_SECONDS = 0.2
_VERSION_PROBE = b"\xc0\x1a\x2a\x3a\x4a\x08readyfor\x08versions"


def addresses(topology: Topology) -> tuple[str, ...]:
    """Return where QUIC is spoken: wherever something is served over TLS on its port."""
    found = [
        address
        for endpoint in topology.endpoints
        if endpoint.port == PORT
        for address in (*endpoint.addresses, *endpoint.country_addresses)
    ]
    found += [one.address for one in topology.controls if one.scope == "international" and one.port == PORT]
    return tuple(dict.fromkeys(found))


def servers(topology: Topology) -> Iterator[Server]:
    """One program, beside the web server."""
    places = addresses(topology)
    if places:
        names = tuple(dict.fromkeys(endpoint.host for endpoint in topology.endpoints if endpoint.port == PORT))
        yield Server(
            id="quic-hosting",
            place="hosting",
            prepare=partial(_prepare, places, names),
            ready=partial(speaks, places[-1]),
        )


def _prepare(places: Sequence[str], names: tuple[str, ...], folder: Path, roots: Roots) -> Sequence[str]:
    pem = folder / "quic.pem"
    authority.issue(roots.good, names or ("quic.lab",), pem)
    return [sys.executable, "-m", "balise_lab.counterparts.engine.quic_server", str(pem), str(PORT), *places]


def speaks(address: str) -> bool:
    """Tell whether a server of QUIC answers what asks for its versions (RFC 9000 6.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.settimeout(_SECONDS)
        with suppress(OSError):
            handle.sendto(_VERSION_PROBE.ljust(1_200, b"\0"), (address, PORT))
            header = long_header(handle.recv(2048))
            return header is not None and header.version == 0
    return False


COUNTERPART = Counterpart(
    name="quic",
    means="aioquic: every service host and the international controls, on UDP port 443",
    experiments=(Experiment.QUIC,),
    servers=servers,
    usual=False,
)
