"""A hostile network on loopback for ``balise-agent once``: a resolver, a web server and a TLS server that say anything.

Lives here: the services, the settings of the probe that meets them, and asking it. Must not live here: expectations.
"""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from balise_attack.bed import Bed

SERVER, RESOLVER = "198.18.1.1", "198.18.53.53"
NAME: Final = "www.test.example"
CONTROL: Final = "www.microsoft.com"
"""The name that ``once`` asks beside the one that a person types."""
PAGE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\nConnection: close\r\n\r\n<title>Service</title>Good morning."
_DATES: Final = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2040, 1, 1, tzinfo=dt.UTC))

Records = Callable[[bytes], list[tuple[bytes, int, bytes]]]
"""From the question's name in wire form to answers: owner, type and data."""


class HostileNetwork:
    """Everything that a probe on this bed can reach."""

    def __init__(self, bed: Bed) -> None:
        """Take two addresses of loopback and write the probe's settings."""
        self.bed = bed
        self.page = PAGE
        """What the web server answers, byte by byte."""
        self.records: Records = lambda _name: [(b"\xc0\x0c", 1, socket.inet_aton(SERVER))]
        for address in (SERVER, RESOLVER):
            bed.address(address)
        self.settings = bed.folder / "once.toml"
        self.settings.write_text(
            f'[probe]\nid = "k7m2q9xd"\ncountry = "PK"\nasn = 64501\nstate_dir = "{bed.folder}"\n'
            f'[collector]\nkey = "{"ab" * 32}"\n[[broker]]\nhost = "127.0.0.1"\n'
            f'[network]\nresolvers = ["{RESOLVER}"]\nlaboratory = ["198.18.0.0/15"]\n'
            '[consent]\nversion = "2026-11"\naccepted = true\n'
            "[timeouts]\ndns = 0.5\nlinger = 0.1\nsyn = 0.5\nconnect = 1.0\nanswer = 1.0\n",
            encoding="utf-8",
        )
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((RESOLVER, 53))
        _thread(lambda: self._answer_names(names))
        pages = socket.create_server((SERVER, 80))
        _thread(lambda: _accept(pages, self._answer_page))

    def shows(self, certificate: Path, address: str = SERVER) -> None:
        """Begin to serve TLS with a certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = socket.create_server((address, 443))

        def talk(peer: socket.socket) -> None:
            with context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(4096)

        _thread(lambda: _accept(server, talk))

    def writes(self, page: bytes, address: str) -> None:
        """Begin to answer every request to another address with these bytes."""
        self.bed.address(address)
        server = socket.create_server((address, 80))

        def talk(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(page)

        _thread(lambda: _accept(server, talk))

    def once(self, experiment: str, *more: str, timeout: float = 60.0) -> dict[str, Any]:
        """Let the probe measure; ``{"raised": ...}`` where no measurement came of it."""
        command = self.bed.agent("--config", self.settings, "once", experiment, NAME, *more, "--json")
        done = self.bed.call(command, timeout=timeout)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except json.JSONDecodeError:
            return {"raised": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200]}
        return found

    def once_each(self, experiment: str, addresses: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Let as many probes measure, each at its address, a few at a time; the keys stay."""
        with ThreadPoolExecutor(4) as at_once:
            found = at_once.map(lambda address: self.once(experiment, "--address", address), addresses.values())
            return dict(zip(addresses, found, strict=True))

    def _answer_names(self, server: socket.socket) -> None:
        while True:
            question, client = server.recvfrom(2000)
            with suppress(ValueError, IndexError):
                end = question.index(b"\0", 12) + 5
                asked_for_v4 = question[end - 4 : end - 2] == b"\0\1"
                records = self.records(question[12 : end - 4]) if asked_for_v4 else []
                body = b"".join(
                    owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for owner, kind, data in records
                )
                head = question[:2] + b"\x81\x80\0\1" + struct.pack("!HHH", len(records), 0, 0)
                server.sendto(head + question[12:end] + body, client)

    def _answer_page(self, peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(self.page)


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _accept(server: socket.socket, talk: Callable[[socket.socket], None]) -> None:
    while True:
        peer, _ = server.accept()

        def answer(peer: socket.socket = peer) -> None:
            with peer, suppress(OSError):
                peer.settimeout(5.0)
                talk(peer)

        _thread(answer)


def name(text: str) -> bytes:
    """Return a DNS name in wire form."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def certificate(
    file: Path, issuer: str, change: tuple[str, str] | None = None, names: x509.ExtensionType | None = None
) -> Path:
    """Write a certificate, with some bytes of it changed afterwards, and its key.

    Args:
        file: to write.
        issuer: common name.
        change: two texts of hex, of one length: the first is replaced, once.
        names: the extension with its names; an ordinary one where none is given.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(_DATES[0])
        .not_valid_after(_DATES[1])
        .add_extension(names or x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    der = made.public_bytes(Encoding.DER)
    if change is not None:
        before, after = (bytes.fromhex(text) for text in change)
        assert before in der
        der = der.replace(before, after, 1)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_text(ssl.DER_cert_to_PEM_cert(der) + private.decode(), encoding="ascii")
    return file
