"""STUN: every service host and the international controls answer binding requests over UDP on port 3478.

One program of coturn for all addresses; it answers requests without the magic cookie too, and relays nothing. The last
control also answers on Google's port, so that a dead port is told from all of UDP. Must not live here: boxes, what is
measured.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.stun_packets import COOKIE
from balise_lab.world import tools
from balise_lab.world.topology import ControlHost, Topology
from balise_wire.words import Experiment

PORT = 3_478
OTHER_PORT = 19_302
_SECONDS = 0.2
_REQUEST = b"\0\1\0\0" + COOKIE.to_bytes(4) + b"is it ready?"


def addresses(topology: Topology) -> tuple[str, ...]:
    """Return where STUN is spoken: wherever a service or an international control is."""
    found = [
        address for endpoint in topology.endpoints for address in (*endpoint.addresses, *endpoint.country_addresses)
    ]
    found += [one.address for one in strangers(topology)]
    return tuple(dict.fromkeys(found))


def strangers(topology: Topology) -> tuple[ControlHost, ...]:
    """Return the servers of other operators; the last one is asked on another port."""
    return tuple(one for one in topology.controls if one.scope == "international")


def port_of(topology: Topology, control: ControlHost) -> int:
    """Return the port on which another operator's server is asked."""
    return OTHER_PORT if control == strangers(topology)[-1] else PORT


def servers(topology: Topology) -> Iterator[Server]:
    """One program, beside the web server."""
    places = addresses(topology)
    if places:
        others = [one.address for one in strangers(topology) if port_of(topology, one) == OTHER_PORT]
        yield Server(
            id="stun-hosting",
            place="hosting",
            prepare=partial(_prepare, places, others),
            ready=partial(speaks, places[-1]),
        )


def _prepare(places: Sequence[str], others: Sequence[str], folder: Path, _roots: Roots) -> Sequence[str]:
    listening = [word for address in places for word in ("--listening-ip", address)]
    listening += [word for address in others for word in ("--aux-server", f"{address}:{OTHER_PORT}")]
    quiet = ["--log-file", "stdout", "--simple-log", "--no-stdout-log", "--pidfile", str(folder / "turnserver.pid")]
    only = ["--no-tcp", "--no-tls", "--no-dtls", "--no-tcp-relay", "--no-cli", "--no-rfc5780", "--stun-only"]
    return [
        tools.find("turnserver"), "-n", "--listening-port", str(PORT), *listening, *only, "--no-software-attribute",
        "--relay-threads", "0", "--userdb", str(folder / "turndb"), *quiet,
    ]  # fmt: skip


def speaks(address: str, port: int = PORT) -> bool:
    """Tell whether a server of STUN answers a binding request (RFC 8489 6.3)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.settimeout(_SECONDS)
        with suppress(OSError):
            handle.sendto(_REQUEST, (address, port))
            return handle.recv(2048)[4:20] == _REQUEST[4:]
    return False


COUNTERPART = Counterpart(
    name="stun",
    means="coturn: every service host and the international controls, on UDP port 3478",
    experiments=(Experiment.STUN,),
    servers=servers,
    usual=False,
)
