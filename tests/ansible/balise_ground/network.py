"""The private network: a bridge in a namespace of its own, and a cable to each machine.

Lives here: the addresses (RFC 2544's block, which no router of the internet carries) and the commands of `ip`.
Must not live here: a way out. There is none: what a role needs from elsewhere must be on the machine or come with it.
"""

from __future__ import annotations

import subprocess

PREFIX = "198.18.0.0/15"


class Network:
    """One bridge; the controller sits on it as the machines' gateway."""

    gateway = "198.18.0.1"

    def __init__(self) -> None:
        """Bring up loopback and bridge of the namespace that this process is in."""
        _ip("link set lo up")
        _ip("link add ground type bridge")
        _ip(f"address add {self.gateway}/16 dev ground")
        _ip("link set ground up")

    def serve_on(self, address: str) -> None:
        """Give the controller one more address, for a server that machines reach through their gateway."""
        _ip(f"address add {address}/32 dev lo")

    def plug(self, name: str, address: str, init: int) -> None:
        """Connect the machine whose first process is ``init``."""
        _ip(f"link add {name} type veth peer name eth0 netns {init}")
        _ip(f"link set {name} master ground up")
        for command in (
            f"address add {address}/16 dev eth0",
            "link set eth0 up",
            f"route add default via {self.gateway}",
        ):
            _ip(command, within=init)


def _ip(words: str, *, within: int = 0) -> None:
    enter = ["nsenter", "--target", str(within), "--net"] if within else []
    subprocess.run([*enter, "ip", *words.split()], check=True, stdin=subprocess.DEVNULL)
