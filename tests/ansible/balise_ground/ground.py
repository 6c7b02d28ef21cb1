"""The whole ground, booted: three machines, the network, the controller's key, a folder in memory for all of it.

Lives here: the order of building it up. Nothing takes it down: it ends with the namespaces of this process. Must not
live here: what is done on it (course.py).
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from balise_ground import measured
from balise_ground.authority import Authority
from balise_ground.machine import Key, Machine, make_key
from balise_ground.network import Network

CENTRE, PROBE, REFERENCE = "centre", "k7m2q9xd", "r4bt8w2n"
ADDRESSES = {CENTRE: "198.18.0.2", PROBE: "198.18.0.3", REFERENCE: "198.18.0.4"}


@dataclass(frozen=True)
class Ground:
    """What a course stands on."""

    folder: Path
    """In memory; gone with us."""
    key: Key
    network: Network
    strangers: Authority
    """A root that nobody of the fleet knows; what is measured is certified by it."""
    machines: dict[str, Machine]

    def write_inventory(self, inventory: dict[str, Any]) -> Path:
        """Write an inventory (JSON is YAML) and return its path."""
        path = self.folder / "inventory.yml"
        path.write_text(json.dumps(inventory, indent=2), encoding="utf-8")
        return path


def build(root: Path, tools: Path, now: datetime) -> Ground:
    """Boot everything in the namespaces that this process is in, from a root, and wait until every machine is up."""
    # Hidden in our mount namespace only; a short path, for ssh's sockets have to fit into 108 bytes.
    folder = Path("/mnt")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", str(folder)], check=True)
    (folder / "cgroup").mkdir()
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", str(folder / "cgroup")], check=True)
    network = Network()
    key = make_key(folder, root)
    strangers = Authority(folder / "strangers", now)
    measured.serve(tools, folder / "measured", network, strangers)
    begin = time.monotonic()
    machines = {
        name: Machine(name, address, root, folder, network, key, strangers.root) for name, address in ADDRESSES.items()
    }
    for machine in machines.values():
        print(f"ground: {machine.name} {machine.wait()} after {time.monotonic() - begin:.1f} s", flush=True)
    return Ground(folder, key, network, strangers, machines)
