"""Row 14: a watcher of the line looks for the ClientHello that only a probe's connection to its broker has."""

import datetime as dt
import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from balise_agent.codec.ja4 import ja4
from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome

_BROKER, _SERVER, _RESOLVER = "198.18.2.2", "198.18.1.1", "198.18.53.53"
_SETTINGS = """
[probe]
id = "k7m2q9xd"
country = "PK"
asn = 64501
state_dir = "{folder}"
[collector]
key = "{key}"
[[broker]]
host = "broker.example"
port = 443
tls = true
[network]
interface = "lo"
resolvers = ["198.18.53.53"]
laboratory = ["198.18.0.0/15"]
[consent]
version = "2026-11"
accepted = true
[timeouts]
dns = 0.5
linger = 0.2
answer = 1.0
"""


def run(bed: Bed) -> Outcome:
    """Let a probe dial its broker and measure a server; every hello of the former must occur among the latter's."""
    for address in (_BROKER, _SERVER, _RESOLVER):
        bed.address(address)
    threading.Thread(target=_answer_names, daemon=True).start()
    card = _certificate(bed.folder)
    heard = {place: _Server(place, card) for place in (_BROKER, _SERVER)}
    settings = bed.folder / "agent.toml"
    settings.write_text(_SETTINGS.format(folder=bed.folder, key="ab" * 32), encoding="utf-8")
    bed.start("agent", bed.agent("--config", settings, "run"))
    bed.until(lambda: bool(heard[_BROKER].hellos), 20.0)
    bed.stop("agent")
    once = ("once", "tls", "www.test.example", "--address", _SERVER)
    bed.call(bed.agent("--config", settings, *once), timeout=50.0)
    broker, measured = ({ja4(hello) for hello in heard[place].hellos} for place in (_BROKER, _SERVER))
    lonely = broker - measured
    return Outcome(
        bool(broker) and bool(measured) and not lonely,
        f"broker {', '.join(sorted(broker)) or 'none'}; measured {', '.join(sorted(measured)) or 'none'}",
    )


class _Server:
    """A TLS server on port 443 that keeps the first record of each connection, and shakes hands."""

    def __init__(self, address: str, card: Path) -> None:
        self.hellos: list[bytes] = []
        self._server = socket.create_server((address, 443))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(card)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            client.settimeout(2.0)
            with suppress(OSError), client:
                record = client.recv(4096, socket.MSG_PEEK)
                if record[:1] == b"\x16":
                    self.hellos.append(record)
                self._context.wrap_socket(client, server_side=True).close()


def _answer_names() -> None:
    """Answer every A question: the broker's address for its name, the server's for any other."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((_RESOLVER, 53))
    while True:
        question, asker = server.recvfrom(2000)
        end = question.index(b"\0", 12) + 5
        address = _BROKER if b"\x06broker" in question else _SERVER
        known = question[end - 4 : end - 2] == b"\0\1"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if known else b""
        head = question[:2] + b"\x81\x80\0\1" + struct.pack("!HHH", int(known), 0, 0)
        server.sendto(head + question[12:end] + record, asker)


def _certificate(folder: Path) -> Path:
    """Write a certificate of nobody's authority and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.test.example")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


CASES = (Case("14", "a watcher looks for the hello that only the broker's connection has", run, seconds=90.0),)
