"""OpenVPN itself on loopback, without a tunnel's interface: what our packets are held against.

Must not live here: expectations.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_lab.world import tools

_LISTENS = {False: b"link remote", True: b"Listening for incoming TCP"}
"""What it says once it hears us."""


def credentials(folder: Path) -> tuple[Path, Path]:
    """Write a key and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vpn.example")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret, public = folder / "key.pem", folder / "certificate.pem"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(made.public_bytes(Encoding.PEM))
    return secret, public


@contextlib.contextmanager
def serving(folder: Path, *, tcp: bool = False) -> Iterator[int]:
    """Run a server and yield its port, of UDP unless TCP is asked for."""
    secret, public = credentials(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        tools.find("openvpn"), "--dev", "null", "--proto",
        "tcp4-server" if tcp else "udp4", "--local", "127.0.0.1", "--port", str(port),
        "--tls-server", "--dh", "none", "--ca", str(public), "--cert", str(public), "--key", str(secret),
        "--ifconfig-noexec", "--route-noexec", "--verb", "3",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder) as program:
        try:
            assert program.stdout is not None
            said = next((line for line in program.stdout if _LISTENS[tcp] in line), b"")
            assert said, "openvpn ended before it listened"
            yield port
        finally:
            program.terminate()
