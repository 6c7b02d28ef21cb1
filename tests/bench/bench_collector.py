"""P8: what it costs the collector to bring a message from MQTT into a durable commit, beside an InfluxDB point write.

A message is a measurement as probes send it: sealed in batches of twenty (a batch is closed after 20 s or 50 records).
The broker is the one that ships, so TLS is in the price. The figure is CPU time of the ingest process (network thread
and writer: TLS, MQTT, signature, decompression, validation, commit with fsync, acknowledgement, receipt) over the
measurements committed; what one sealed batch costs is given beside it. The other side is one ``Point`` a message
through influxdb-client to a null HTTP server on loopback. Three rounds in turn, medians. Must not live here: what is
measured (collector_plays.py).
"""

from __future__ import annotations

import contextlib
import http.server
import os
import pwd
import secrets
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_collector.fleet import broker_files
from balise_collector.fleet.authority import Authority
from balise_collector.fleet.members import Member
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.journal.sqlite import SqliteJournal
from balise_wire.envelope import Envelope, Kind, encode_envelope
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import LineHealth, Measurement, Network
from balise_wire.seal import Sealer, public_bytes
from balise_wire.topics import Leaf, topic
from balise_wire.words import Arm, ClockState, Design, Experiment, TargetRole

ROOT = Path(__file__).resolve().parents[2]
MOSQUITTO = ROOT / ".tools" / "bin" / "mosquitto"
PLAYS = Path(__file__).with_name("collector_plays.py")
ROUNDS = 3
BATCHES = 1500
PER_BATCH = 20
POINTS = 1000
TICKS = os.sysconf("SC_CLK_TCK")

Figure = dict[str, Any]


def figures() -> list[Figure]:
    """Return the rows of the table (RuntimeError with the mend where mosquitto is missing)."""
    if not MOSQUITTO.exists():
        raise RuntimeError("mosquitto is not in .tools/bin; run make setup")
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="balise-bench-") as folder, stage(Path(folder)) as (port, pid, journal):
        for _ in range(ROUNDS):
            ours.append(ingested(port, pid, journal))
            theirs.append(written())
    record = statistics.median(ours) / (BATCHES * PER_BATCH) * 1e6
    batch = statistics.median(ours) / BATCHES * 1e6
    point = statistics.median(theirs) / POINTS * 1e6
    return [
        {
            "id": "P8",
            "what": "collector, MQTT to durable commit, CPU per measurement",
            "goal": "<= 85 us",
            "limit": "paho + SQLite 59-81",
            "figure": f"{record:.0f} us ({batch:.0f} us a signed batch of {PER_BATCH})",
            "ok": record <= 85.0,
        },
        {
            "id": "P8",
            "what": "the same against one InfluxDB point write a message",
            "goal": "<= 0.2x",
            "limit": "",
            "figure": f"{record / point:.3f}x (a point write: {point:.0f} us)",
            "ok": record / point <= 0.2,
        },
    ]


# ---------------------------------------------------------------- our side


@dataclass(frozen=True)
class Door:
    """Where the probe enters the broker, and with what."""

    port: int
    authority: Path
    card: Path

    def client(self) -> mqtt.Client:
        """Return a connected client that is the probe."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.card)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=PROBE)
        client.tls_set_context(context)
        client.max_inflight_messages_set(1000)
        client.connect("127.0.0.1", self.port)
        return client


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[tuple[Door, int, SqliteJournal]]:
    """Start the broker that ships and the ingest process; gives the probe's door, the process id and the journal."""
    door, local = free_port(), free_port()
    files = folder / "broker"
    with contextlib.closing(Authority.open_or_create(folder / "state" / "authority")) as authority:
        settings = broker_files.Settings(
            listeners=broker_files.listeners(["127.0.0.1"], door, 0, local),
            folder=str(files),
            data=str(files),
            user=pwd.getpwuid(os.geteuid()).pw_name,
        )
        broker_files.write(files, settings, ["127.0.0.1"], authority, ())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(KEY, None)
        certificate = authority.issue_client(request.public_bytes(Encoding.PEM).decode(), PROBE)
    card = folder / "card.pem"
    card.write_bytes(certificate.encode() + KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    port = Door(door, files / "ca.pem", card)
    registry = SqliteRegistry(folder / "state" / "fleet.sqlite")
    registry.approve(Member(id=PROBE, public_key=public_bytes(KEY.public_key()).hex(), network=NETWORK))
    registry.close()
    ours = folder / "collector.toml"
    ours.write_text(
        f'[collector]\nstate_dir = "{folder}/state"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {local}\nown_authority = true\n'
    )
    environment = {**os.environ, "OPENSSL_CONF": str(files / "openssl.cnf")}
    command = [str(MOSQUITTO), "-c", str(files / "mosquitto.conf")]
    broker = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    wait_for_port(door)
    writer = subprocess.Popen(
        [sys.executable, str(PLAYS), "ingest", str(ours)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    journal: SqliteJournal | None = None
    try:
        assert writer.stdout is not None
        writer.stdout.readline()
        wait_until_online(port)
        journal = SqliteJournal(folder / "state" / "journal.sqlite")
        yield port, writer.pid, journal
    finally:
        for process in (writer, broker):
            process.kill()
            process.wait()
        if writer.stdout is not None:
            writer.stdout.close()
        if journal is not None:
            journal.close()


def ingested(port: Door, pid: int, journal: SqliteJournal) -> float:
    """Publish a round of batches; returns the CPU seconds until the last of them was committed."""
    frames = [sealed_batch() for _ in range(BATCHES)]
    client = port.client()
    client.loop_start()
    goal = journal.head() + BATCHES * PER_BATCH
    before = cpu_of(pid)
    for frame in frames:
        client.publish(topic(PROBE, Leaf.MEASUREMENT), frame, qos=1)
    pause = threading.Event()
    for _ in range(2000):
        if journal.head() >= goal:
            break
        pause.wait(0.02)
    else:
        raise RuntimeError(f"only {journal.head()} of {goal} measurements were committed within 40 s")
    pause.wait(0.2)  # the last acknowledgements and receipts belong to the price
    used = cpu_of(pid) - before
    client.disconnect()
    client.loop_stop()
    return used


PROBE = "k7m2q9xd"
KEY = Ed25519PrivateKey.generate()
NETWORK = Network(country="PK", asn=64501)
SEALER = Sealer(KEY)
_sequence = iter(range(1, 1_000_000))


def sealed_batch() -> bytes:
    """Return one batch as a probe's spool holds it."""
    body = msgspec.json.encode([measurement(number) for number in range(PER_BATCH)])
    envelope = Envelope(
        kind=Kind.MEASUREMENT,
        id=secrets.token_hex(16),
        probe=PROBE,
        stream="bench",
        sequence=next(_sequence),
        sent_at=now(),
        clock_state=ClockState.SYNCED,
        body=msgspec.Raw(body),
    )
    return SEALER.seal(encode_envelope(envelope))


def now() -> float:
    """Return a present moment without a clock of our own: the time of a file made now."""
    with tempfile.NamedTemporaryFile() as file:
        return Path(file.name).stat().st_mtime


START = now()


def measurement(number: int) -> Measurement:
    """Return one healthy sentinel, as most are."""
    at = START + number
    return Measurement(
        id=secrets.token_hex(16),
        experiment=Experiment.TCP,
        design=Design.SENTINEL,
        target="twitter/web/twitter.com/4",
        service="twitter",
        role=TargetRole.WEB,
        host="twitter.com",
        started=at,
        ended=at + 0.2,
        network=NETWORK,
        catalogue="2026-11-01+000000000000",
        software="0.1.0",
        line=LineHealth(at=at, gateway_ok=True, domestic=2, domestic_ok=2, international=4, international_ok=4),
        observations=(
            TcpObservation(arm=Arm.SUBJECT, at=at, address="198.18.0.10", port=443, syns=3, synacks=3, rtt_ms=41.5),
        ),
    )


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, all its threads, kernel included (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# ---------------------------------------------------------------- the other side


class Nothing(http.server.BaseHTTPRequestHandler):
    """Takes every write and keeps nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read and forget."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def written() -> float:
    """Write a round of points; returns the CPU seconds of the writing process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = subprocess.run(
        [sys.executable, str(PLAYS), "points", str(server.server_port), str(POINTS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    server.shutdown()
    server.server_close()
    return float(done.stdout)


# ---------------------------------------------------------------- the stage


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Return when something listens (RuntimeError after 10 s)."""
    for _ in range(200):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise RuntimeError("mosquitto did not start within 10 s")


def wait_until_online(port: Door) -> None:
    """Return when the collector has said that it is online (RuntimeError after 10 s)."""
    online = threading.Event()
    client = port.client()
    client.on_message = lambda _client, _data, message: online.set() if b'"online":true' in message.payload else None
    client.subscribe("balise/v1/collector/state", 1)
    client.loop_start()
    told = online.wait(10.0)
    client.disconnect()
    client.loop_stop()
    if not told:
        raise RuntimeError("the collector did not come online within 10 s")


if __name__ == "__main__":
    for row in figures():
        print(row)
