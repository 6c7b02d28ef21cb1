"""A real agent, paused so that it measures nothing, and what somebody with the broker in hand gives it to do.

Run in a namespace of its own: `netns_assignments.py FOLDER MOSQUITTO`. Whoever holds the machine of the broker has the
collector's certificate, but not its sealing key; one thing here is sealed by the right key all the same, to see what
the limits of the probe itself are worth. Prints one JSON object. Must not live here: expectations.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.system.identity import load_or_create
from balise_wire.assignment import Assignment, Target, Timetable
from balise_wire.card import CONSENT_VERSION
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.seal import Sealer
from balise_wire.topics import Leaf, topic
from balise_wire.words import ClockState, Experiment, TargetRole

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as pytest's settings do
from tests.collector.field_probe import FieldProbe
from tests.security.testbed import Card, SecurityTestbed

FAR = 1_999_999_999.0
ME, OTHER = "agent001", "agent002"


def target(name: str, address: str, host: str) -> Target:
    """Return a target."""
    return Target(
        id=name, service="evil", role=TargetRole.WEB, host=host, addresses=(address,), experiments=(Experiment.TCP,)
    )


def frame(key: Ed25519PrivateKey, assignment: Assignment, *, probe: str = ME, kind: Kind = Kind.ASSIGNMENT) -> bytes:
    """Seal an assignment."""
    envelope = Envelope(
        kind=kind,
        id=os.urandom(16).hex(),
        probe=probe,
        sent_at=FAR - 1e9,
        clock_state=ClockState.SYNCED,
        body=msgspec.Raw(msgspec.json.encode(assignment)),
    )
    return Sealer(key).seal(encode_envelope(envelope))


def agent(testbed: SecurityTestbed, probe: FieldProbe, card: Card, folder: Path) -> subprocess.Popen[bytes]:
    """Start the agent as it is started in the field, but for a pause file."""
    state = folder / "agent"
    state.mkdir()
    (state / "paused").touch()
    (state / "probe.key").touch(mode=0o600)
    (state / "probe.key").write_text(probe.key.private_bytes_raw().hex() + "\n")
    settings = folder / "agent.toml"
    settings.write_text(
        f'[probe]\nid = "{ME}"\ncountry = "PK"\nasn = 64501\nstate_dir = "{state}"\n'
        f'[collector]\nkey = "{testbed.call("key").stdout.split()[-1]}"\n'
        f'[[broker]]\nhost = "127.0.0.1"\nport = {testbed.door}\ntls = true\nca_file = "{testbed.files}/ca.pem"\n'
        f'cert_file = "{card.file}"\nkey_file = "{card.file}"\n'
        '[network]\ninterface = "lo"\nresolvers = ["198.18.53.53"]\n'
        f'[consent]\nversion = "{CONSENT_VERSION}"\naccepted = true\n'
    )
    environment = {**os.environ, "BALISE_CLOCK": testbed.clock()}
    with (folder / "agent.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "balise_agent", "--config", str(settings), "run"], stderr=log, env=environment
        )


def main() -> int:
    """Play, and print what the agent logged."""
    folder = Path(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    testbed = SecurityTestbed(Path(sys.argv[2]), folder)
    testbed.start()
    probe = FieldProbe(id=ME)
    card = testbed.enrol(probe)
    running = agent(testbed, probe, card, folder)
    log = folder / "agent.log"

    def until(words: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while words not in log.read_text(errors="replace") and time.monotonic() < end:
            threading.Event().wait(0.05)

    try:
        until("event assignment_accepted")
        sealing = load_or_create(testbed.state)
        intruder = testbed.guest(testbed.collectors_card())
        where = topic(ME, Leaf.ASSIGNMENT)
        tasks = Assignment(
            version=90, expires=FAR, catalogue="evil", targets=(target("x", "198.51.100.1", "x.example"),)
        )
        household = Assignment(
            version=91,
            expires=FAR,
            catalogue="evil",
            timetable=Timetable(interval=1, line=1, health=1),
            targets=(
                target("home-router", "192.168.1.1", "router.example"),
                target("loopback", "127.0.0.1", "localhost.example"),
                target("cloud-secrets", "169.254.169.254", "metadata.example"),
                target("name\nwith a line", "198.51.100.2", "x.example"),
                target("local-name", "198.51.100.3", "printer.local"),
            ),
        )
        for payload in (
            b"",
            os.urandom(400),
            msgspec.json.encode(tasks),
            frame(Ed25519PrivateKey.generate(), tasks),
            frame(sealing, tasks, probe=OTHER),
            frame(sealing, tasks, kind=Kind.RECEIPT),
            frame(sealing, msgspec.structs.replace(tasks, version=0)),
            frame(sealing, msgspec.structs.replace(tasks, expires=1.0)),
            frame(sealing, household),
        ):
            intruder.publish(where, payload)
        until("event target_refused: local-name")
        intruder.leave()
        alive = running.poll() is None and testbed.alive()
        running.terminate()
        ended = running.wait(10)
    finally:
        running.kill()
        testbed.stop()
    print(json.dumps({"log": log.read_text(errors="replace"), "alive": alive, "ended": ended}))  # noqa: T201 - the protocol
    return 0


if __name__ == "__main__":
    sys.exit(main())
