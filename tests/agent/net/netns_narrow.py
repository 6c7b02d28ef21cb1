"""A publisher whose way to the broker is narrower than its interface, where nobody says so.

Run in a namespace of its own: ``netns_narrow.py MTU [probing]``. Builds probe - near - far - server
(net/netns_plays.py), gives the middle an MTU, drops the ICMP that would tell, and lets a real publisher deliver batches
to a real mosquitto. Prints one JSON object. Must not live here: expectations.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # as pytest's settings do
from balise_agent.delivery import dial
from balise_agent.delivery.parts import Delivery, Narrowed
from balise_agent.delivery.publisher import Publisher
from balise_agent.delivery.spool.packing import Record, Stamp
from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.clock import Clock
from balise_agent.system.config import Broker
from balise_agent.system.reactor import Reactor
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer
from balise_wire.status import Meta
from balise_wire.words import ClockState
from tests.testbed.neighbours import load

GROUND = load(Path(os.environ.get("BALISE_GROUND") or Path(__file__).with_name("netns_plays.py")))
"""Another checkout's programs are tried on its own ground."""
SERVER, PORT = "198.18.3.2", 1883
BATCHES = 3
_SECONDS = 30.0


class Unbounded:
    """A line that nobody counts."""

    silent = False

    def delivers(self, size: int) -> bool:
        """Whatever the size."""
        return size >= 0

    def reported(self, sent: int, received: int) -> None:
        """Nobody counts."""


def narrow(mtu: int, *, probing: bool) -> None:
    """Give the middle of the way an MTU, and drop what would tell of it."""
    for side, device in (("near", "near2"), ("far", "far2")):
        subprocess.run(["ip", "-n", side, "link", "set", device, "mtu", str(mtu)], check=True)
        rules = (
            "table inet quiet { chain output { type filter hook output priority 0; "
            "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }\n}\n"
        )
        subprocess.run(["ip", "netns", "exec", side, "nft", "-f", "-"], input=rules, text=True, check=True)
    if probing:
        for side in ("probe", "server"):
            command = "echo 1 > /proc/sys/net/ipv4/tcp_mtu_probing"
            subprocess.run(["ip", "netns", "exec", side, "sh", "-c", command], check=True)


def deliver() -> dict[str, Any]:
    """Deliver for a while, and return how it went."""
    reactor = Reactor(Clock.from_environment())
    key = Ed25519PrivateKey.generate()
    noise = random.Random(7)
    spool = Spool(
        Path("/run/spool.sqlite"),
        probe="k7m2q9xd",
        sealer=Sealer(key),
        max_bytes=1 << 26,
        batch_records=1,
        batch_seconds=1.0,
    )
    for number in range(BATCHES):
        body = json.dumps({"id": number, "noise": noise.randbytes(6000).hex()}).encode()
        spool.record([Record(Kind.MEASUREMENT, body, 1000.0 + number)])
        spool.seal(Stamp(1000.0 + number, ClockState.SYNCED, 1, historical=False))
    segments: list[int] = []
    publisher = Publisher(
        Delivery(
            brokers=(Broker(host=SERVER, port=PORT),),
            probe="k7m2q9xd",
            meta=Meta(public_key=key.public_key().public_bytes_raw().hex(), software="test"),
            sealer=Sealer(key),
            collector=Ed25519PrivateKey.generate().public_key(),
            spool=spool,
            clock=Clock.from_environment(),
            reactor=reactor,
            lookup=dial_lookup,
            budget=Unbounded(),
            rng=random.Random(1),
        )
    )
    publisher.start()
    began = time.monotonic()
    heard = Path("/run/heard")

    def arrived() -> int:
        return sum("/measurement" in line for line in heard.read_text().splitlines())

    while arrived() < BATCHES and time.monotonic() - began < _SECONDS:
        reactor.step(0.05)
        segments += [one.segment for one in publisher.take() if isinstance(one, Narrowed)]
    took = time.monotonic() - began
    found = {
        "arrived": arrived(),
        "seconds": round(took, 1),
        "segments": segments,
        "segment": publisher.segment,
        "connections": publisher.counters.connections,
    }
    publisher.close()
    return found


def dial_lookup(name: str) -> Any:
    """Every name is an address here."""
    yield from ()
    return (name,)


def main() -> None:
    """Build, narrow, serve, deliver."""
    if sys.argv[1] == "inside":
        if "probing" not in sys.argv:
            # A line that went away silently is given up after 20 s; the rule is the same after 3.
            dial._USER_TIMEOUT_MS = 3_000  # type: ignore[misc]
        print(json.dumps(deliver()))  # noqa: T201 - the protocol
        return
    GROUND.build()
    Path("/run/mosquitto.conf").write_text(f"listener {PORT} {SERVER}\nallow_anonymous true\nuser root\n")
    serve = ["ip", "netns", "exec", "server", "mosquitto", "-c", "/run/mosquitto.conf"]
    hear = ["ip", "netns", "exec", "server", "mosquitto_sub", "-h", SERVER, "-t", "balise/v1/#", "-F", "%t %l"]
    with Path("/run/heard").open("w") as heard, subprocess.Popen(serve, stderr=subprocess.DEVNULL) as broker:
        try:
            _await_door()
            with subprocess.Popen(hear, stdout=heard) as listener:
                narrow(int(sys.argv[1]), probing="probing" in sys.argv)
                command = ["ip", "netns", "exec", "probe", sys.executable, __file__, "inside", *sys.argv[2:]]
                subprocess.run(command, check=True, env={**os.environ})
                listener.terminate()
        finally:
            broker.terminate()


def _await_door() -> None:
    """Wait until the probe can connect."""
    code = (
        f"import socket, sys; s = socket.socket(); s.settimeout(0.2); sys.exit(s.connect_ex(('{SERVER}', {PORT})) != 0)"
    )
    for _ in range(100):
        if subprocess.run(["ip", "netns", "exec", "probe", sys.executable, "-c", code], check=False).returncode == 0:
            return
    raise AssertionError("no way to the broker")


if __name__ == "__main__":
    main()
