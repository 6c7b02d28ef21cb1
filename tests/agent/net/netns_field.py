"""Plays of ordinary life on the ground of netns_plays.py: old TLS servers, and what else the field has.

``netns_field.py NAME`` plays like netns_plays.py does. Lives here: the services of these plays, which run in the
server's namespace beside the others, and the plays. Must not live here: what they ought to be (the tests).
"""

import base64
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from balise_agent import steps
from balise_agent.config import Timeouts
from balise_agent.experiments.task import Task
from balise_agent.experiments.tls import full_trial
from balise_wire.assignment import Target
from balise_wire.words import Arm, TargetRole

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))  # as pytest's settings do
from neighbours import beside

GROUND, OldServer = beside(__file__, "netns_plays"), beside(__file__, "old_server").OldServer
READY, SERVER, main, perform, say = GROUND.READY, GROUND.SERVER, GROUND.main, GROUND.perform, GROUND.say
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
NAME = "old.play.lab"
KINDS = ("no_rfc5746", "tls10", "tls11", "small_dh", "static_rsa", "small_key", "modern", "reset", "refuses_name")
PORT = {kind: 4430 + number for number, kind in enumerate(KINDS)}
_DH_1024 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)
"""The prime of RFC 2409 6.2; its generator is 2."""


# --- services ---------------------------------------------------------------------------------------------------------


def serve_old_tls() -> None:
    """Serve one kind of TLS a port; every certificate is valid for the name but that of ``small_key``."""
    ordinary, small = _certificate(2048), _certificate(1024)
    # PKCS #3: SEQUENCE of two INTEGERs.
    parameters = b"\x02\x81\x81\0" + bytes.fromhex(_DH_1024) + b"\x02\x01\x02"
    der = b"\x30\x81" + bytes([len(parameters)]) + parameters
    body = base64.encodebytes(der).decode()
    Path("/run/dh.pem").write_text(f"-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
    chain = x509.load_pem_x509_certificates(ordinary.read_bytes())
    key = load_pem_private_key(ordinary.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    _listen(PORT["no_rfc5746"], lambda peer: OldServer(peer, key, chain).serve(PAGE))
    _listen(PORT["tls10"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1)))
    _listen(PORT["tls11"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_1)))
    small_dh = _context(ordinary, most=ssl.TLSVersion.TLSv1_2, ciphers="DHE-RSA-AES128-SHA")
    small_dh.load_dh_params("/run/dh.pem")
    _listen(PORT["small_dh"], _with(small_dh))
    _listen(PORT["static_rsa"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA")))
    _listen(PORT["small_key"], _with(_context(small, most=ssl.TLSVersion.TLSv1_2)))
    _listen(PORT["modern"], _with(_context(ordinary, most=ssl.TLSVersion.TLSv1_3)))
    _listen(PORT["reset"], _reset)
    _listen(PORT["refuses_name"], _refuse_name)
    say(READY)
    signal.pause()


def _context(certificate: Path, *, most: ssl.TLSVersion, ciphers: str = "ALL") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = most
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.load_cert_chain(certificate)
    return context


def _with(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(PAGE)

    return handler


def _reset(peer: socket.socket) -> None:
    """Read a hello and reset: what a censor does."""
    peer.recv(65536)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _refuse_name(peer: socket.socket) -> None:
    """Answer a hello with unrecognized_name (RFC 6066 3)."""
    peer.recv(65536)
    peer.sendall(b"\x15\x03\x03\x00\x02\x02\x70")
    peer.recv(65536)


def _listen(port: int, handler: Callable[[socket.socket], None]) -> None:
    """Serve a port, one connection after the other."""
    listener = socket.create_server((SERVER, port))

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            with peer:
                try:
                    handler(peer)
                except OSError:
                    continue

    threading.Thread(target=accept, daemon=True).start()


def _certificate(bits: int) -> Path:
    """Write a leaf with an RSA key of so many bits, signed by the play's root; return its file."""
    root = x509.load_pem_x509_certificate(Path("/run/root.pem").read_bytes())
    signer = load_pem_private_key(Path("/run/root.key").read_bytes(), None)
    key = rsa.generate_private_key(65537, bits)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    )
    file = Path(f"/run/rsa{bits}.pem")
    file.write_bytes(
        leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return file


def start_beside(part: str) -> subprocess.Popen[str]:
    """Start services of this file in the server's namespace."""
    command = ["ip", "netns", "exec", "server", sys.executable, __file__, part]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == READY
    return child


# --- plays ------------------------------------------------------------------------------------------------------------


def play_old_tls() -> dict[str, Any]:
    """Look at the chain and fetch the page of each kind of server."""
    told: dict[str, Any] = {}

    def plan(kind: str) -> Generator[Any, Any, tuple[()]]:
        target = Target(
            id=kind, service="old", role=TargetRole.WEB, host=NAME, port=PORT[kind], http_port=443, addresses=(SERVER,)
        )
        timeouts = Timeouts(connect=3.0, answer=3.0)
        task = Task(target=target, address=SERVER, timeouts=timeouts)
        told[kind] = yield from full_trial(task, Arm.SUBJECT, NAME)
        return ()

    def long_hello() -> Generator[Any, Any, tuple[()]]:
        connected = yield steps.Connect(address=SERVER, port=PORT["modern"], timeout=3.0)
        alpn = ("http/1.1", *(f"{number:03}" + "x" * 200 for number in range(15)))
        told["long_hello"] = yield steps.Handshake(handle=connected.handle, sni=NAME, timeout=3.0, alpn=alpn)
        told["long_hello_closed"] = yield steps.Close(handle=connected.handle)
        return ()

    server = start_beside("serve-old-tls")
    try:
        perform(*(plan(kind) for kind in KINDS), long_hello(), timeout=40.0)
    finally:
        server.kill()
        server.wait()
    return {"trials": msgspec.to_builtins(told)}


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {"old_tls": play_old_tls}

if __name__ == "__main__":
    if sys.argv[1] == "serve-old-tls":
        serve_old_tls()
    else:
        main(__file__, PLAYS)
