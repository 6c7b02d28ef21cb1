"""A world of one interface for ``balise-agent once``: a resolver, a web server and a silent address on loopback.

Run inside a fresh network namespace (fixture ``namespace_wrapper``): ``netns_once.py COMMAND...`` brings the ground up,
runs the command with ``{folder}`` replaced, and ends with its exit code. Must not live here: what the command ought to
print (test_netns_once.py).
"""

import datetime as dt
import socket
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

SERVER = "198.18.1.1"
RESOLVER = "198.18.53.53"
NAMES = ("www.test.example", "www.microsoft.com")
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 34\r\nConnection: close\r\n\r\n<title>A page</title>Good morning."


def certificate(folder: Path) -> Path:
    """Write certificate and key of the server into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


def answer_names(server: socket.socket) -> None:
    """Answer every A question with the server's address."""
    while True:
        question, client = server.recvfrom(2000)
        end = question.index(b"\0", 12) + 5
        known = question[end - 4 : end - 2] == b"\0\1"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(SERVER) if known else b""
        head = question[:2] + b"\x81\x80\0\1" + struct.pack("!HHH", int(known), 0, 0)
        server.sendto(head + question[12:end] + record, client)


def answer_pages(server: socket.socket, context: ssl.SSLContext | None) -> None:
    """Send the page to whoever asks; a client that hangs up in the middle is none of our concern."""
    while True:
        client, _ = server.accept()
        try:
            talk = context.wrap_socket(client, server_side=True) if context else client
            talk.recv(4096)
            talk.sendall(PAGE)
            talk.close()
        except OSError:
            client.close()


def main() -> int:
    """Build, run, and return the command's exit code."""
    folder = Path(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (SERVER, RESOLVER):
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((RESOLVER, 53))
    jobs = [
        threading.Thread(target=answer_names, args=(names,), daemon=True),
        threading.Thread(target=answer_pages, args=(socket.create_server((SERVER, 443)), context), daemon=True),
        threading.Thread(target=answer_pages, args=(socket.create_server((SERVER, 80)), None), daemon=True),
    ]
    for job in jobs:
        job.start()
    return subprocess.run(sys.argv[2:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
