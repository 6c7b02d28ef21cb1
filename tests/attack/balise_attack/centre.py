"""A real broker with the files that ship, and a real collector beside it, of the checkout under attack.

Lives here: their settings, starting and asking them, and whom they let in. Must not live here: expectations.
"""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_attack.bed import Bed
from balise_attack.field import FieldProbe

READY = 30.0
"""Real seconds that a program has to start, also on a busy machine."""
STARTS = "2020-05-17T16:30:00Z"
EPOCH = 1_589_733_000.0
"""UNIX seconds at which the programs' virtual clock begins (``STARTS``)."""


class Centre:
    """Broker and collector on loopback."""

    def __init__(
        self, bed: Bed, *, settings: str = "", catalogue: Mapping[str, str] | None = None, scale: int = 1
    ) -> None:
        """Prepare.

        Args:
            bed: whose programs.
            settings: more TOML tables of the collector.
            catalogue: files by name; the shipped catalogue where none is given.
            scale: virtual seconds a real one takes.
        """
        self.bed = bed
        self.state = bed.folder / "state"
        self.files = bed.folder / "broker"
        self.tls_port, self.local_port, self.enrolment_port = (bed.free_port() for _ in range(3))
        self.pages_port, self.public_port = bed.free_port(), bed.free_port()
        self.file = bed.folder / "collector.toml"
        self._scale = scale
        self._begun = 0.0
        if catalogue is not None:
            folder = bed.folder / "catalogue"
            folder.mkdir()
            for name, text in catalogue.items():
                (folder / name).write_text(text, encoding="utf-8")
            settings += f'\n[catalogue]\ndir = "{folder}"\n'
        self.file.write_text(
            f'[collector]\nstate_dir = "{self.state}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.local_port}\nown_authority = true\n'
            f'[pages]\nhost = "127.0.0.1"\nport = {self.pages_port}\n'
            f'[public]\nhost = "127.0.0.1"\nport = {self.public_port}\nbase_url = "http://127.0.0.1"\n'
            f'[enrolment]\nhost = "127.0.0.1"\nport = {self.enrolment_port}\naddresses = ["127.0.0.1"]\n'
            f'[[enrolment.brokers]]\nhost = "127.0.0.1"\nport = {self.tls_port}\n{settings}\n',
            encoding="utf-8",
        )

    # ------------------------------------------------------------ programs

    def start(self) -> None:
        """Write the broker's files with the program that ships, start both, and return when they have met."""
        me = pwd.getpwuid(os.geteuid()).pw_name
        self.ask(
            "broker", "files", "--out", str(self.files), "--name", "broker.example.org", "--listen", "127.0.0.1",
            "--mqtt", str(self.tls_port), "--local", str(self.local_port), "--user", me, "--data", str(self.files),
            "--verbose",
        )  # fmt: skip
        self.start_broker()
        self.start_collector()

    def start_broker(self) -> None:
        """Start mosquitto."""
        before = self.bed.said("mosquitto").count(" running")
        self.bed.start(
            "mosquitto", [self.bed.tool("mosquitto"), "-c", self.files / "mosquitto.conf"],
            {"OPENSSL_CONF": str(self.files / "openssl.cnf")},
        )  # fmt: skip
        self.wait_for("mosquitto", " running", before + 1)

    def start_collector(self) -> None:
        """Start the collector."""
        before = self.bed.said("collector").count(": connected")
        self.bed.start("collector", self.bed.collector("--config", self.file, "run"), self.clock())
        self.wait_for("collector", ": connected", before + 1)

    def wait_for(self, name: str, words: str, times: int = 1) -> None:
        """Return when a program has said something so often (TimeoutError otherwise)."""
        if not self.bed.until(lambda: self.bed.said(name).count(words) >= times, READY):
            raise TimeoutError(f"{name} did not say {words!r}: {self.bed.said(name)[-600:]}")

    def clock(self) -> dict[str, str]:
        """Return the environment of programs that live on the virtual clock."""
        self._begun = self._begun or time.monotonic()
        return {"BALISE_CLOCK": f"{STARTS}@{self._begun:.3f}x{self._scale}"}

    def now(self) -> float:
        """UNIX seconds on the virtual clock."""
        self.clock()
        return EPOCH + (time.monotonic() - self._begun) * self._scale

    def ask(self, *arguments: str, check: bool = True) -> str:
        """Run a command of the collector and return what it printed, on either stream."""
        done = self.bed.call(self.bed.collector("--config", self.file, *arguments), self.clock())
        if check and done.returncode != 0:
            raise RuntimeError(f"balise-collector {' '.join(arguments[:2])}: {done.stderr.strip()[-600:]}")
        return done.stdout + ("" if check else done.stderr)

    # ------------------------------------------------------------ who is let in

    @property
    def key(self) -> Ed25519PublicKey:
        """The key that seals assignments and receipts."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.ask("key").split()[-1]))

    def enrol(self, probe: FieldProbe, *more: str) -> FieldProbe:
        """Approve a probe as the operator does, and give it a certificate."""
        self.ask(
            "fleet", "approve", probe.id, "--key", probe.public_hex, "--country", probe.country,
            "--asn", str(probe.asn), "--role", str(probe.role), *more,
        )  # fmt: skip
        probe.certificate = self.certificate(probe.id, probe.request())
        return probe

    def certificate(self, name: str, request: x509.CertificateSigningRequest) -> bytes:
        """Return a client certificate in PEM by the fleet's own authority."""
        folder = self.bed.folder / f"certificate-{name}-{len(list(self.bed.folder.glob('certificate-*')))}"
        folder.mkdir()
        file = folder / "request.pem"
        file.write_bytes(request.public_bytes(Encoding.PEM))
        self.ask("authority", "client", "--name", name, "--request", str(file), "--out", str(folder))
        return (folder / f"{name}.pem").read_bytes()

    def connect(self, probe: FieldProbe) -> FieldProbe:
        """Connect an enrolled probe as a probe connects; returns when the broker has taken it."""
        probe.connect(self.tls_port, self.files / "ca.pem", self.key, self.bed.folder)
        return probe

    # ------------------------------------------------------------ what came of it

    def get(self, path: str, *, public: bool = False, timeout: float = 10.0) -> tuple[int, str]:
        """Return status and body of a page or route of the operator's view, or of the public one."""
        port = self.public_port if public else self.pages_port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
                return int(answer.status), answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def json(self, path: str, *, public: bool = False) -> Any:
        """Return the decoded body of an API route."""
        return json.loads(self.get(path, public=public)[1])

    def rows(self, query: str, *values: Any, file: str = "journal.sqlite") -> list[tuple[Any, ...]]:
        """Ask one of the collector's databases, read-only."""
        with closing(sqlite3.connect(f"file:{self.state / file}?mode=ro", uri=True)) as database:
            return list(database.execute(query, values))

    def quarantined(self, probe: str) -> list[str]:
        """Return the reasons for which messages on a probe's topics were refused."""
        return [str(row[0]) for row in self.rows("SELECT reason FROM quarantine WHERE probe = ?", probe)]

    def journalled(self, probe: str) -> int:
        """Return how many measurements of a probe are in the journal."""
        query = "SELECT count(*) FROM measurement WHERE probe = (SELECT no FROM probe WHERE id = ?)"
        return int(self.rows(query, probe)[0][0])

    def broker_folder(self) -> Path:
        """Return where the broker keeps its files."""
        return self.files
