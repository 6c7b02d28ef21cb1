"""A real broker with the files that ship, a real collector beside it, and whoever knocks.

Lives here: starting the two programs, making certificates, connecting. Must not live here: expectations.
"""

from __future__ import annotations

import itertools
import os
import pwd
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.authority.certificates import client_certificate, pem
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.system.identity import load_or_create
from tests.collector.field_probe import FieldProbe
from tests.collector.fieldline import FieldLine

READY = 15.0
DAY = 86_400.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@dataclass(frozen=True)
class Card:
    """A certificate and its key in one file, as somebody holds it."""

    name: str
    file: Path


class SecurityTestbed:
    """Broker and collector on loopback."""

    GROWTH_MOST = 64
    """MB that either program may have grown by when an attack is over."""

    def __init__(self, mosquitto: Path, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.files = folder / "broker"
        self.door, self.local, self.enrolment = free_port(), free_port(), free_port()
        self._mosquitto = mosquitto
        self._settings = folder / "collector.toml"
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._honest: tuple[FieldProbe, Card] | None = None
        self._begun = 0.0
        self._numbers = itertools.count(1)

    # ------------------------------------------------------------ programs

    def start(self) -> None:
        """Write the files with the program that ships, start both, and return when they have met."""
        self._settings.write_text(
            f'[collector]\nstate_dir = "{self.state}"\n[broker]\nhost = "127.0.0.1"\nport = {self.local}\n'
            f'own_authority = true\n[pages]\nport = 0\n[enrolment]\nhost = "127.0.0.1"\nport = {self.enrolment}\n'
            f'addresses = ["127.0.0.1"]\n[[enrolment.brokers]]\nhost = "127.0.0.1"\nport = {self.door}\n'
        )
        me = pwd.getpwuid(os.geteuid()).pw_name
        said = self.call(
            "broker", "files", "--out", str(self.files), "--name", "broker.example.org", "--listen", "127.0.0.1",
            "--mqtt", str(self.door), "--local", str(self.local), "--user", me, "--data", str(self.files), "--verbose",
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        self._run("mosquitto", [str(self._mosquitto), "-c", str(self.files / "mosquitto.conf")])
        self._until("mosquitto", " running")
        self._run("collector", self._command("run"))
        self._until("collector", ": connected")

    def stop(self) -> None:
        """End both; a program that does not end within a few seconds is killed."""
        for program in self._programs.values():
            program.terminate()
        for program in self._programs.values():
            try:
                program.wait(5)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def clock(self) -> str:
        """Return the clock that programs live on: 17 May 2020, whichever of them starts first."""
        self._begun = self._begun or time.monotonic()
        return f"2020-05-17T16:30:00Z@{self._begun:.3f}x1"

    def reload(self) -> None:
        """Have mosquitto read its files again; returns when it says so."""
        seen = self.said("mosquitto").count("Reloading config")
        self._programs["mosquitto"].send_signal(signal.SIGHUP)
        self._until("mosquitto", "Reloading config", seen + 1)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the collector."""
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, timeout=60, check=False)

    def said(self, name: str) -> str:
        """Return everything that a program has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def alive(self) -> bool:
        """Whether both programs run, on one and the same process since the start."""
        return all(program.poll() is None for program in self._programs.values())

    def memory(self) -> dict[str, int]:
        """Return the resident memory of both in MB."""
        return {name: _resident(program.pid) for name, program in self._programs.items()}

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "balise_collector.run.cli", "--config", str(self._settings), *arguments]

    def _run(self, name: str, command: list[str]) -> None:
        # The collector lives where the probes' measurements do; certificates are judged by the machine's own time.
        more = {"BALISE_CLOCK": self.clock()}
        if name == "mosquitto":
            more = {"OPENSSL_CONF": str(self.files / "openssl.cnf")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._programs[name] = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **more})

    def _until(self, name: str, words: str, times: int = 1) -> None:
        end = time.monotonic() + READY
        while self.said(name).count(words) < times:
            assert time.monotonic() < end, f"{name} did not say {words!r}:\n{self.said(name)[-2000:]}"
            threading.Event().wait(0.02)

    # ------------------------------------------------------------ who knocks

    def card(self, name: str, key: Ed25519PrivateKey | None = None, **changes: Any) -> Card:
        """Make a certificate of the fleet's own authority for a key.

        ``expired`` dates it back; ``stranger`` is an authority of somebody else's; ``server`` gives it the use of
        a server, ``forced`` passes over the authority's own refusal of a name.
        """
        key = key or Ed25519PrivateKey.generate()
        with closing(Authority.open_or_create(self.state / "authority")) as authority:
            if changes.get("server"):
                chain, private = authority.issue_server([name])
                return self._kept(name, chain.encode() + private.encode())
            if not changes:
                return self._kept(name, authority.issue_client(self.request_of(key), name).encode() + _key(key))
            root, root_key = authority._root, authority._key  # what only a broken authority would sign
        now = time.time()  # noqa: TID251 - certificates are judged by the machine's own time
        if changes.get("stranger"):
            root, root_key = _stranger(root)
        if changes.get("expired"):
            now -= 200 * DAY
        made = client_certificate(root, root_key, key.public_key(), name, now, 90)
        return self._kept(name, pem(made) + _key(key))

    def _kept(self, name: str, text: bytes) -> Card:
        file = self.folder / f"card-{len(list(self.folder.glob('card-*')))}.pem"
        file.write_bytes(text)
        return Card(name, file)

    def tls(self, card: Card | None) -> ssl.SSLContext:
        """Return TLS settings of a client that believes the broker and shows a card."""
        context = ssl.create_default_context(cafile=str(self.files / "ca.pem"))
        if card is not None:
            context.load_cert_chain(card.file)
        return context

    def request_of(self, key: Ed25519PrivateKey) -> str:
        """Return a certificate request by a board's key."""
        return _request(key)

    def collectors_card(self) -> Card:
        """Return the collector's own certificate, as whoever broke into its machine has it."""
        return Card("collector", self.state / "broker" / "collector.pem")

    def enrol(self, probe: FieldProbe) -> Card:
        """Approve a probe and give it a card."""
        with closing(SqliteRegistry(self.state / "fleet.sqlite")) as registry:
            registry.approve(probe.member)
        return self.card(probe.id, probe.key)

    def next_number(self) -> int:
        """Return a number that no other test has, for names."""
        return next(self._numbers)

    def line(self, probe: FieldProbe, card: Card) -> FieldLine:
        """Connect an enrolled probe as a probe connects."""
        return FieldLine(probe, self.door, load_or_create(self.state).public_key(), tls=self.tls(card))

    def honest(self) -> Honest:
        """Return the honest probe at work; it is one and the same for all tests."""
        if self._honest is None:
            probe = FieldProbe(id="honest01")
            self._honest = (probe, self.enrol(probe))
        probe, card = self._honest
        return Honest(probe, self.line(probe, card), self.state)

    def guest(self, card: Card | None, **options: Any) -> Guest:
        """Connect anybody."""
        return Guest(self, card, **options)

    def quarantined(self, probe: str) -> list[str]:
        """Return the reasons for which messages on a probe's topics were refused."""
        with closing(sqlite3.connect(self.state / "journal.sqlite")) as db:
            return [row[0] for row in db.execute("SELECT reason FROM quarantine WHERE probe = ?", (probe,))]

    def journalled(self, probe: str) -> int:
        """Return how many measurements of a probe are in the journal."""
        with closing(sqlite3.connect(self.state / "journal.sqlite")) as db:
            query = "SELECT count(*) FROM measurement WHERE probe = (SELECT no FROM probe WHERE id = ?)"
            return int(db.execute(query, (probe,)).fetchone()[0])

    def presence(self, probe: str) -> list[str]:
        """Return the states that the collector heard of a probe."""
        with closing(sqlite3.connect(self.state / "journal.sqlite")) as db:
            query = "SELECT state FROM presence WHERE probe = (SELECT no FROM probe WHERE id = ?) ORDER BY no"
            return [row[0] for row in db.execute(query, (probe,))]


class Honest:
    """A probe that records one measurement after the other, and counts how long each receipt took."""

    PAUSE = 0.05
    PATIENCE = 30.0

    def __init__(self, probe: FieldProbe, line: FieldLine, state: Path) -> None:
        self._probe, self._line, self._state = probe, line, state
        self._ending = threading.Event()
        self._slowest = 0.0
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()

    def _measure(self) -> None:
        while not self._ending.wait(self.PAUSE):
            begun = time.monotonic()
            self._line.record(self._probe.measurement())
            while self._line.spool and not self._ending.is_set():
                threading.Event().wait(0.01)
                if time.monotonic() - begun > 5.0:
                    self._line.resend()
            self._slowest = max(self._slowest, time.monotonic() - begun)

    @property
    def receipted(self) -> int:
        """Measurements that the collector signed for."""
        return len(self._line.recorded) - len(self._line.spool)

    def goes_on(self) -> None:
        """Return when three more measurements were receipted."""
        wanted, end = self.receipted + 3, time.monotonic() + self.PATIENCE
        while self.receipted < wanted:
            assert time.monotonic() < end, "an honest probe's measurements no longer arrive"
            threading.Event().wait(0.02)

    def end(self) -> None:
        """Stop measuring; everything recorded must be receipted."""
        self.goes_on()
        self._ending.set()
        self._thread.join()
        end = time.monotonic() + self.PATIENCE
        while self._line.spool:
            assert time.monotonic() < end, f"{len(self._line.spool)} measurements were never receipted"
            self._line.resend()
            threading.Event().wait(0.2)

    def close(self) -> None:
        """Sign off."""
        self._ending.set()
        self._thread.join()
        self._line.stop()

    def told(self) -> str:
        """What became of it, in a line."""
        return f"honest probe: {self.receipted} of {len(self._line.recorded)} receipted, slowest {self._slowest:.2f} s"


@dataclass
class Guest:
    """Somebody at a door: what they tried, and what came of it."""

    testbed: SecurityTestbed
    card: Card | None
    client_id: str = "somebody"
    most: ssl.TLSVersion | None = None
    will: tuple[str, bytes] | None = None
    failed: str = ""
    """Why there was no connection, or why it ended."""
    connected: bool = False
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """Reasons in the broker's acknowledgements (MQTT 5)."""

    def __post_init__(self) -> None:
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        context = self.testbed.tls(self.card)
        if self.most is not None:
            context.maximum_version = self.most
        self._client.tls_set_context(context)
        if self.will is not None:
            self._client.will_set(self.will[0], self.will[1], qos=1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self._note_end(str(reason))
        self._client.on_message = lambda _c, _u, message: self.heard.append((message.topic, bytes(message.payload)))
        self._client.on_publish = lambda _c, _u, _m, reason, _p: self.answers.append(str(reason))
        try:
            self._client.connect("127.0.0.1", self.testbed.door, keepalive=30)
        except OSError as error:
            self.failed = str(error) or type(error).__name__
            return
        self._client.loop_start()
        end = time.monotonic() + READY
        while not self.connected and not self.failed and time.monotonic() < end:
            threading.Event().wait(0.02)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.failed = str(reason)
        else:
            self.connected = True

    def _note_end(self, reason: str) -> None:
        self.failed = self.failed or reason
        self.connected = False

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish; the answer comes later."""
        self._client.publish(topic, payload, qos=qos)

    def subscribe(self, *topics: str) -> None:
        """Ask for topics."""
        self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])

    def vanish(self) -> None:
        """Be gone without a goodbye: the broker carries out the will."""
        self._client.loop_stop()
        held: Any = self._client.socket()
        held.close()

    def leave(self) -> None:
        """Go."""
        with suppress(OSError):
            self._client.disconnect()
        self._client.loop_stop()


def _resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) // 1024


def _key(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _request(key: Ed25519PrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, None).public_bytes(Encoding.PEM).decode()


def _stranger(root: x509.Certificate) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return an authority of somebody else's that bears the name of ours."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)  # noqa: TID251 - as above
    assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    builder = (
        x509.CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key
