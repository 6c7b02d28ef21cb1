"""Plays of a hostile network on the ground of netns_plays.py: floods, streams without end, odd certificates and heads.

``netns_hostile.py NAME`` plays like netns_plays.py does. Lives here: the services of these plays, which run in the
server's namespace, and the plays. Must not live here: what they ought to be (the tests).
"""

import datetime as dt
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_agent.experiments import REGISTRY, steps
from balise_agent.experiments.task import Task
from balise_agent.system.config import Timeouts
from balise_wire.assignment import Target
from balise_wire.observations import Observation
from balise_wire.words import Experiment, TargetRole

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # as pytest's settings do
from tests.testbed.neighbours import beside

GROUND = beside(__file__, "netns_plays")
READY, SERVER, main, say, stage = GROUND.READY, GROUND.SERVER, GROUND.main, GROUND.say, GROUND.stage
NAME = "hostile.play.lab"
HOSTILE = "198.18.3.66"
"""An address of the server for the hostile services."""
PORTS = {"hello": 4431, "stream": 443, "page": 8081, "odd": 4434}
DATAGRAM = 1200
FLOOD = 20_000_000
"""Bytes of a flood: the day of a standard line."""


# --- services ---------------------------------------------------------------------------------------------------------


def serve_hostile() -> None:
    """Serve every hostile service, one thread each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/run/leaf.pem")
    odd = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    odd.load_cert_chain(_odd_certificate())
    _listen(PORTS["hello"], _pour(b"\x16\x03\x03\x02\x00\x02"))
    _listen(PORTS["page"], _pour(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"))
    _listen(PORTS["stream"], _stream(context))
    _listen(PORTS["odd"], _odd(odd))
    threading.Thread(target=_flooding_resolver, daemon=True).start()
    say(READY)
    signal.pause()


def _listen(port: int, handler: Callable[[socket.socket], None]) -> None:
    listener = socket.create_server((HOSTILE, port), backlog=64)

    def guarded(peer: socket.socket) -> None:
        with peer:
            try:
                peer.settimeout(20.0)
                handler(peer)
            except OSError:
                return

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=guarded, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _pour(start: bytes) -> Callable[[socket.socket], None]:
    """Answer anything with a beginning and then as much as the other side takes."""

    def handler(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(start + bytes(FLOOD))

    return handler


def _stream(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Over TLS: a head, and a body without end."""

    def handler(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                tls.sendall(b"1\r\nx\r\n" * 2000)

    return handler


def _odd(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)

    return handler


def _odd_certificate() -> str:
    """Write a certificate that ``cryptography`` refuses by its version and OpenSSL does not, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Interceptor")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2040, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    der = made.public_bytes(Encoding.DER).replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020117"), 1)
    file = "/run/odd.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    Path(file).write_text(ssl.DER_cert_to_PEM_cert(der) + private.decode())
    return file


def _flooding_resolver() -> None:
    """Answer a question with the genuine answer, and then with datagrams of junk as fast as they leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOSTILE, 53))
        while True:
            question, peer = server.recvfrom(4096)
            end = question.index(b"\0", 12) + 5
            head = question[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0" + question[12:end]
            server.sendto(head + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 1]), peer)
            for number in range(FLOOD // DATAGRAM):
                with_noise = question[:2] + b"\x81\x80" + struct.pack("!I", number) + bytes(DATAGRAM - 8)
                try:
                    server.sendto(with_noise, peer)
                except OSError:
                    break


# --- plays ------------------------------------------------------------------------------------------------------------


def task(**changes: Any) -> Task:
    """Return a task for the hostile server."""
    target = Target(
        id="hostile/web/hostile.play.lab/4",
        service="hostile",
        role=TargetRole.WEB,
        host=NAME,
        addresses=(HOSTILE,),
        **{key: value for key, value in changes.items() if key in Target.__struct_fields__},
    )
    rest = {key: value for key, value in changes.items() if key not in Target.__struct_fields__}
    timeouts = Timeouts(dns=3.0, linger=1.0, connect=3.0, answer=3.0, syn=2.0)
    return Task(
        target=target, address=HOSTILE, addresses=(HOSTILE,), laboratory=("198.18.0.0/15",), timeouts=timeouts, **rest
    )


def honest(told: dict[str, Any]) -> Generator[Any, Any, tuple[()]]:
    """Ask the honest server for a page again and again, beside whatever happens; keep the longest time one took."""
    longest = 0.0
    failures = 0
    for _ in range(12):
        began = time.monotonic()
        connected = yield steps.Connect(address=SERVER, port=80, timeout=3.0)
        if isinstance(connected, steps.Failed):
            failures += 1
            continue
        yield steps.Send(handle=connected.handle, data=b"GET / HTTP/1.1\r\n\r\n")
        read = yield steps.Receive(handle=connected.handle, most=400, timeout=3.0, until=b"hello")
        failures += not isinstance(read, steps.Received)
        yield steps.Close(handle=connected.handle)
        longest = max(longest, time.monotonic() - began)
        yield steps.Rest(seconds=0.1)
    told["honest"] = {"longest": longest, "failures": failures}
    return ()


def play_floods() -> dict[str, Any]:
    """Every experiment against what floods it, an honest plan beside, and the account of the gate afterwards."""
    server = subprocess.Popen(
        ["nsenter", "--net=/run/netns/server", sys.executable, __file__, "hostile"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline().strip() == READY
    told: dict[str, Any] = {"trials": {}, "errors": []}
    try:
        plans: dict[str, Callable[[], Generator[Any, Any, tuple[Observation, ...]]]] = {
            "dns": lambda: REGISTRY[Experiment.DNS].plan.sentinel(task()),
            "hello": lambda: REGISTRY[Experiment.TLS].plan.sentinel(task(port=PORTS["hello"])),
            "page": lambda: REGISTRY[Experiment.HTTP].plan.sentinel(task(http_port=PORTS["page"])),
            "stream": lambda: REGISTRY[Experiment.HTTP].plan.sentinel(task(http_port=PORTS["stream"])),
            "odd": lambda: REGISTRY[Experiment.TLS].plan.sentinel(task(port=PORTS["odd"], full=True)),
        }
        for name, plan in plans.items():
            _, link, conductor = stage()
            link.context.resolvers._configured = (HOSTILE,)
            gate = link.context.gate
            told["trials"][name] = _carried(conductor, link, gate, plan(), told)
            link.close()
    finally:
        server.kill()
        server.wait()
    return dict(msgspec.to_builtins(told))


def _carried(conductor: Any, link: Any, gate: Any, plan: Any, told: dict[str, Any]) -> dict[str, Any]:
    """Carry one plan and the honest one out."""
    found: dict[str, Any] = {}

    def done(outcome: Any) -> None:
        found["observations"] = outcome.observations
        if outcome.error is not None:
            told["errors"].append(f"{type(outcome.error).__name__}: {outcome.error}")

    began = time.monotonic()
    conductor.start(plan, on_done=done)
    conductor.start(honest(found), on_done=lambda _outcome: None)
    assert conductor.run_until(lambda: not conductor.busy, 60.0), "the plans did not end"
    found["seconds"] = time.monotonic() - began
    found["counted"] = gate.bytes_in
    found["beyond"] = gate.bytes_beyond
    found["muted"] = link.tap.muted
    return found


def play_spoofed() -> dict[str, Any]:
    """Packets that nobody asked for, to every port of ours, from a router on the way, while an honest plan runs."""
    script = (
        "import socket, struct, itertools, time\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n"
        "end = time.monotonic() + 3.0\n"
        "body = bytes(1000)\n"
        "for n in itertools.count():\n"
        "    if not n % 100 and time.monotonic() > end: break\n"
        "    port = 61000 + n % 4500\n"
        "    ends = socket.inet_aton('198.18.3.2'), socket.inet_aton('198.18.1.1')\n"
        "    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 1028, n & 0xffff, 0, 60, 17, 0, *ends)\n"
        "    try: s.sendto(head + struct.pack('!HHHH', 53, port, 1008, 0) + body, ('198.18.1.1', 0))\n"
        "    except OSError: time.sleep(0.001)\n"
    )
    flooder = subprocess.Popen(["nsenter", "--net=/run/netns/near", sys.executable, "-c", script])
    try:
        _, link, conductor = stage()
        found: dict[str, Any] = {}
        conductor.start(honest(found), on_done=lambda _outcome: None)
        assert conductor.run_until(lambda: not conductor.busy, 60.0), "the plans did not end"
        found |= {"strange": link.tap.strange, "counted": link.context.gate.bytes_in}
        found["beyond"] = link.context.gate.bytes_beyond
        link.close()
        return found
    finally:
        flooder.kill()
        flooder.wait()


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {"floods": play_floods, "spoofed": play_spoofed}

if __name__ == "__main__":
    if sys.argv[1] == "hostile":
        subprocess.run(["ip", "addr", "add", f"{HOSTILE}/24", "dev", "server3"], check=True)
        serve_hostile()
    else:
        main(__file__, PLAYS)
