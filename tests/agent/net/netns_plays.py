"""A probe, two routers and a server in namespaces of their own, and the plays that are tried on them.

Run inside a fresh network and mount namespace (fixture ``namespace_wrapper``), ``netns_plays.py NAME`` builds the
chain probe - near - far - server, starts the services and the play's boxes, runs the play in the probe's namespace, and
prints its findings as JSON. Lives here: ground and plays. Must not live here: what they ought to be (the tests).
"""

import datetime as dt
import io
import json
import os
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

from balise_agent.codec.packets import UDP
from balise_agent.experiments import steps
from balise_agent.measure.conductor import Conductor
from balise_agent.net.context import packed
from balise_agent.net.kernel import bound_socket
from balise_agent.net.link import Link
from balise_agent.net.share import Share
from balise_agent.system.clock import Clock
from balise_agent.system.reactor import Reactor
from balise_agent.testing import OpenGate
from balise_wire.words import Resolver

SERVER = "198.18.3.2"
SILENT = "198.18.3.3"
"""An address of the server that answers nothing but "port unreachable" over UDP."""
PROHIBITED = "198.18.4.1"
UNREACHABLE = "198.18.4.2"
BLACK = "198.18.4.3"
SERVER6 = "2001:db8:3::2"
FORGED = b"forbidden"
READY = "ready"

_SETTINGS = (
    ("ipv4/ip_forward", 1),
    ("ipv6/conf/all/forwarding", 1),
    ("ipv6/conf/default/accept_dad", 0),
    ("ipv4/icmp_ratelimit", 0),
)
_LINKS = (("probe", "near", 1), ("near", "far", 2), ("far", "server", 3))
"""Left, right and the network's number: 198.18.N.1 and .2, 2001:db8:N::1 and ::2."""


def say(line: str) -> None:
    """Write one line to whoever started this program."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def stranger(port: int, data: bytes = b"") -> None:
    """Talk to the server from an ordinary socket: traffic of this machine that is not the probe's."""
    with socket.socket() as talker:
        talker.settimeout(3.0)
        talker.connect((SERVER, port))
        talker.sendall(data)
        talker.recv(999)


# --- the ground -------------------------------------------------------------------------------------------------------


def build() -> None:
    """Make the namespaces, the links and the routes; offloads off, so that captured packets are real ones."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    names = ("probe", "near", "far", "server")
    lines = [f"netns add {name}" for name in names]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for name in names:
        settings = "; ".join(f"echo {value} > /proc/sys/net/{key}" for key, value in _SETTINGS)
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", settings], check=True)
    lines = [
        f"link add {left}{number} netns {left} type veth peer name {right}{number} netns {right}"
        for left, right, number in _LINKS
    ]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for name in names:
        inside = ["link set lo up"]
        for left, right, number in _LINKS:
            if name in (left, right):
                device, last = (f"{name}{number}", 1 if name == left else 2)
                inside += [
                    f"addr add 198.18.{number}.{last}/24 dev {device}",
                    f"addr add 2001:db8:{number}::{last}/64 dev {device} nodad",
                    f"link set {device} up",
                ]
        inside += _routes(name)
        subprocess.run(["ip", "-n", name, "-batch", "-"], input="\n".join(inside), text=True, check=True)
        for left, right, number in _LINKS:
            if name in (left, right):
                switch = ["ethtool", "-K", f"{name}{number}", "tso", "off", "gso", "off", "gro", "off", "tx", "off"]
                subprocess.run(["ip", "netns", "exec", name, *switch], check=False, capture_output=True)


def _routes(name: str) -> list[str]:
    """Return the routes of one namespace; near refuses three addresses in three ways."""
    if name == "probe":
        return ["route add default via 198.18.1.2", "route add default via 2001:db8:1::2"]
    if name == "server":
        return [
            "route add default via 198.18.3.1",
            "route add default via 2001:db8:3::1",
            f"addr add {SILENT}/24 dev server3",
        ]
    if name == "near":
        return [
            "route add 198.18.3.0/24 via 198.18.2.2",
            "route add 2001:db8:3::/64 via 2001:db8:2::2",
            f"route add prohibit {PROHIBITED}",
            f"route add unreachable {UNREACHABLE}",
            f"route add blackhole {BLACK}",
        ]
    return ["route add 198.18.1.0/24 via 198.18.2.1", "route add 2001:db8:1::/64 via 2001:db8:2::1"]


def spawn(namespace: str, *arguments: str) -> subprocess.Popen[str]:
    """Start this script again inside a namespace, and wait until it says that it is ready."""
    command = ["ip", "netns", "exec", namespace, sys.executable, __file__, *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == READY
    return child


# --- the server -------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Run every service, one thread each connection; ``/`` of the counter service tells what the others saw."""
    seen: dict[str, int] = {"bytes": 0, "resets": 0, "ends": 0}
    for host in (SERVER, SERVER6):
        _listen(host, 80, _hello(seen))
        _listen(host, 81, _reset)
        _listen(host, 82, _swallow(seen))
        _listen(host, 83, _tell(seen))
        threading.Thread(target=_name_server, args=(host,), daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/run/leaf.pem")
    context.set_alpn_protocols(["http/1.1"])
    _listen(SERVER, 443, _secure(context))
    threading.Thread(target=_burster, daemon=True).start()
    for host in (SERVER, SERVER6):
        threading.Thread(target=_echoer, args=(host,), daemon=True).start()
    say(READY)
    signal.pause()


def _listen(host: str, port: int, handler: Callable[[socket.socket], None]) -> None:
    """Serve a port: a thread that accepts, and one for each connection."""
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
    )

    def guarded(peer: socket.socket) -> None:
        with peer:
            try:
                handler(peer)
            except OSError:
                return

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=guarded, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _hello(seen: dict[str, int]) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        data = peer.recv(65536)
        seen["bytes"] += len(data)
        if FORGED in data:  # a server abroad: at zero distance a box beside the way loses four races of five
            threading.Event().wait(0.05)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    return handler


def _reset(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _swallow(seen: dict[str, int]) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        while True:
            try:
                data = peer.recv(65536)
            except ConnectionResetError:
                seen["resets"] += 1
                return
            seen["bytes"] += len(data)
            if not data:
                seen["ends"] += 1
                return

    return handler


def _tell(seen: dict[str, int]) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(json.dumps(seen).encode())


def _secure(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handler(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    return handler


def _name_server(host: str) -> None:
    """Answer every question with 192.0.2.1.

    Where the name begins with ``raced``, a forged 192.0.2.66 comes first; where it begins with ``deaf``, the first two
    copies of a question are lost.
    """
    deaf: dict[object, int] = {}
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind((host, 53))
        while True:
            question, peer = server.recvfrom(4096)
            if question[13:17] == b"deaf" and deaf.setdefault(peer, 0) < 2:
                deaf[peer] += 1
                continue
            end = question.index(b"\0", 12) + 5
            head = question[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0" + question[12:end]
            addresses = [bytes([192, 0, 2, 1])]
            if question[13:18] == b"raced":
                addresses.insert(0, bytes([192, 0, 2, 66]))
            for address in addresses:
                server.sendto(head + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address, peer)


def _burster() -> None:
    """Answer a datagram ``count size`` with that many datagrams at full speed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, 5000))
        while True:
            order, peer = server.recvfrom(4096)
            count, size = (int(word) for word in order.split())
            for index in range(count):
                server.sendto(struct.pack("!I", index) + bytes(size - 4), peer)


def _echoer(host: str) -> None:
    """Answer each datagram twice; one that begins with ``mute`` silences its peer from then on."""
    muted: set[object] = set()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((host, 5001))
        while True:
            data, peer = server.recvfrom(4096)
            for _ in range(0 if peer in muted else 2):
                server.sendto(b"re " + data, peer)
            if data[:4] == b"mute":
                muted.add(peer)


def make_certificates() -> None:
    """Write a root and a leaf for ``*.play.lab`` to /run."""
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    span = dt.timedelta(days=20000)

    def builder(name: str, issuer: x509.Name | None, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key)
        return made.serial_number(x509.random_serial_number()).not_valid_before(now - span).not_valid_after(now + span)

    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = builder("Play Root", None, root_key.public_key())
    root_certificate = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        root_key, hashes.SHA256()
    )
    leaf = builder("play", root_certificate.subject, leaf_key.public_key())
    names = x509.SubjectAlternativeName([x509.DNSName("*.play.lab")])
    leaf_certificate = leaf.add_extension(names, critical=False).sign(root_key, hashes.SHA256())
    Path("/run/root.pem").write_bytes(root_certificate.public_bytes(Encoding.PEM))
    Path("/run/leaf.pem").write_bytes(
        leaf_certificate.public_bytes(Encoding.PEM)
        + leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


# --- boxes on the way -------------------------------------------------------------------------------------------------


def forger() -> None:
    """On the near router: whoever sends the forbidden word gets a RST that the server never sent, with a TTL of 200."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    say(READY)
    while True:
        data, address = tap.recvfrom(65536)
        if address[2] == socket.PACKET_OUTGOING or data[9] != 6 or FORGED not in data:
            continue
        start = (data[0] & 15) * 4
        header = start + (data[start + 12] >> 4) * 4
        seq, ack = struct.unpack("!II", data[start + 4 : start + 12])
        length = int.from_bytes(data[2:4], "big") - header
        tcp = data[start + 2 : start + 4] + data[start : start + 2]
        tcp += struct.pack("!IIBBHHH", ack, (seq + length) & 0xFFFFFFFF, 0x50, 0x14, 8192, 0, 0)
        pseudo = data[16:20] + data[12:16] + struct.pack("!HH", 6, 20) + tcp
        total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0x9916, 0, 200, 6, 0, data[16:20], data[12:16])
        raw.sendto(ip + tcp[:16] + struct.pack("!H", total) + tcp[18:], (socket.inet_ntoa(data[12:16]), 0))


def observer() -> None:
    """On one device (an argument): the time from each SYN to its SYN-ACK by the kernel's timestamps.

    Ends on SIGTERM and writes one line ``{port: nanoseconds}``.
    """
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    tap.bind((sys.argv[2], 3))
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    tap.setsockopt(socket.SOL_SOCKET, 35, 1)
    tap.settimeout(0.2)
    gone = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: gone.set())
    say(READY)
    began: dict[int, int] = {}
    took: dict[int, int] = {}
    while not gone.is_set():
        try:
            data, ancillary, _, _ = tap.recvmsg(2048, 64)
        except TimeoutError:
            continue
        if len(data) < 40 or data[0] != 0x45 or data[9] != 6:
            continue
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        moment = seconds * 1_000_000_000 + nanoseconds
        source, target = struct.unpack("!HH", data[20:24])
        if data[33] == 0x02:
            began[source] = moment
        elif data[33] == 0x12 and target in began:
            took[target] = moment - began[target]
    say(json.dumps(took))


def await_ways() -> None:
    """Wait until both families pass: a new veth has no carrier for up to a second, and then neighbours are asked."""
    deadline = time.monotonic() + 20.0
    for host in (SERVER, SERVER6, SILENT):
        while True:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as caller:
                caller.settimeout(0.1)
                if caller.connect_ex((host, 83 if host != SILENT else 9)) in {0, 111}:
                    break
            assert time.monotonic() < deadline, f"no way to {host}"


# --- plays ------------------------------------------------------------------------------------------------------------


def stage(**options: Any) -> tuple[Any, Any, Any]:
    """Open reactor, link and conductor in the probe's namespace."""
    reactor = Reactor(Clock.from_environment())
    link = Link(reactor, OpenGate(), resolvers=(SERVER,), ca_file="/run/root.pem", **options)
    return reactor, link, Conductor(link, reactor)


def perform(*plans: Generator[Any, Any, Any], timeout: float = 30.0) -> dict[str, Any]:
    """Carry plans to their ends; raise what went wrong on our side, return the tap's counters."""
    _, link, conductor = stage()
    failures: list[Exception] = []
    for plan in plans:
        conductor.start(plan, on_done=lambda outcome: failures.append(outcome.error) if outcome.error else None)
    assert conductor.run_until(lambda: not conductor.busy, timeout), "the plans did not end"
    if failures:
        raise failures[0]
    found = {"heard": link.tap.heard, "strange": link.tap.strange, "drops": link.tap.drops()}
    link.close()
    return found


def play_steps() -> dict[str, Any]:
    """Every step once, IPv4 and IPv6; the replies by name."""
    told: dict[str, Any] = {}

    def whole(address: str, key: str) -> Generator[Any, Any, tuple[()]]:
        connected = yield steps.Connect(address=address, port=80, timeout=3.0)
        told[f"connect{key}"] = connected
        told[f"send{key}"] = yield steps.Send(handle=connected.handle, data=b"GET / HTTP/1.1\r\n\r\n")
        told[f"head{key}"] = yield steps.Receive(handle=connected.handle, most=999, timeout=3.0, until=b"\r\n\r\n")
        told[f"rest{key}"] = yield steps.Receive(handle=connected.handle, most=999, timeout=3.0)
        told[f"close{key}"] = yield steps.Close(handle=connected.handle, linger=0.1)
        told[f"syn{key}"] = yield steps.Exchange(
            packets=(
                steps.SynProbe(address=address, port=80),
                steps.SynProbe(address=address, port=9),
                steps.SynProbe(address=address, port=80, ttl=1),
                steps.EchoProbe(address=address),
            ),
            window=0.4,
        )
        told[f"query{key}"] = yield steps.Query(
            name="raced.play.lab", resolver=Resolver.PUBLIC, server=address, timeout=2.0, linger=0.2
        )
        return ()

    def failures() -> Generator[Any, Any, tuple[()]]:
        told["refused"] = yield steps.Connect(address=SERVER, port=9, timeout=3.0)
        told["prohibited"] = yield steps.Connect(address=PROHIBITED, port=80, timeout=3.0)
        told["unreachable"] = yield steps.Connect(address=UNREACHABLE, port=80, timeout=3.0)
        told["black"] = yield steps.Connect(address=BLACK, port=80, timeout=0.3)
        connected = yield steps.Connect(address=SERVER, port=81, timeout=3.0)
        yield steps.Send(handle=connected.handle, data=b"reset me")
        told["reset"] = yield steps.Receive(handle=connected.handle, most=99, timeout=3.0)
        told["after"] = yield steps.Close(handle=connected.handle)
        connected = yield steps.Connect(address=SERVER, port=82, timeout=3.0)
        told["silence"] = yield steps.Receive(handle=connected.handle, most=99, timeout=0.2)
        told["provider"] = yield steps.Query(name="plain.play.lab", timeout=2.0, linger=0.1)
        told["deaf"] = yield steps.Query(name="deaf.play.lab", timeout=1.2, linger=0.1)
        told["closed"] = yield steps.Query(
            name="plain.play.lab", resolver=Resolver.SILENT, server=SILENT, timeout=2.0, linger=0.2
        )
        told["gateway"] = yield steps.AskGateway(timeout=2.0)
        subprocess.run(["ip", "-6", "route", "add", "unreachable", "2001:db8:ffff::/48"], check=True)
        nowhere = steps.SynProbe(address="2001:db8:ffff::1", port=80)
        told["mixed"] = yield steps.Exchange(
            packets=(steps.SynProbe(address=SERVER, port=80), nowhere), window=5.0, enough=True
        )
        told["nowhere"] = yield steps.Exchange(packets=(nowhere, nowhere), window=5.0, enough=True)
        return ()

    def secure() -> Generator[Any, Any, tuple[()]]:
        for name in ("www.play.lab", "other.lab"):
            connected = yield steps.Connect(address=SERVER, port=443, timeout=3.0)
            told[f"tls {name}"] = yield steps.Handshake(handle=connected.handle, sni=name, timeout=3.0)
            yield steps.Send(handle=connected.handle, data=b"GET / HTTP/1.1\r\n\r\n")
            told[f"page {name}"] = yield steps.Receive(handle=connected.handle, most=999, timeout=3.0, until=b"hello")
            yield steps.Close(handle=connected.handle)
        connected = yield steps.Connect(address=SERVER, port=80, timeout=3.0)
        told["tls nonsense"] = yield steps.Handshake(handle=connected.handle, sni="www.play.lab", timeout=3.0)
        return ()

    counters = perform(whole(SERVER, ""), whole(SERVER6, "6"), failures(), secure())
    return {"replies": msgspec.to_builtins(told), "counters": counters}


def report(address: str, ends: int) -> Generator[Any, Any, dict[str, int]]:
    """Ask the server what it saw, until it has seen that many connections end."""
    for _ in range(50):
        asked = yield steps.Connect(address=address, port=83, timeout=3.0)
        reply = yield steps.Receive(handle=asked.handle, most=999, timeout=3.0)
        seen: dict[str, int] = json.loads(reply.data)
        if seen["ends"] >= ends:
            return seen
        yield steps.Rest(seconds=0.05)
    raise AssertionError("the server saw no end")


def play_datagrams() -> dict[str, Any]:
    """Exchanges of datagrams that are answered, are not, die halfway, and have no way."""
    told: dict[str, Any] = {}

    def exchange(address: str, port: int, *datagrams: steps.Outgoing, window: float = 0.5, enough: bool = True) -> Any:
        return steps.Datagram(address=address, port=port, datagrams=datagrams, window=window, enough=enough)

    def plan() -> Generator[Any, Any, tuple[()]]:
        first, copy = steps.Outgoing(data=b"x" * 1200), steps.Outgoing(data=b"y", after=0.1, unless_heard=0.0)
        for key, address in (("4", SERVER), ("6", SERVER6)):
            told[f"answered{key}"] = yield exchange(address, 5001, first, copy, enough=False)
        told["enough"] = yield exchange(SERVER, 5001, first, copy, window=20.0)
        mute, later = steps.Outgoing(data=b"mute"), steps.Outgoing(data=b"later", after=0.2)
        again = steps.Outgoing(data=b"again", after=0.3, unless_heard=0.2)
        told["late"] = yield exchange(SERVER, 5001, mute, later, again)
        train = tuple(steps.Outgoing(data=b"%03d" % n + b"z" * 200, after=n * 0.01) for n in range(60))
        for key, most, expects in (("train", 120, 60_000), ("few", 32, 0)):
            told[key] = yield steps.Datagram(
                address=SERVER, port=5001, datagrams=train, window=1.5, most=most, expects=expects
            )
        told["begun"] = yield exchange(SERVER, 5001, first, enough=False)
        told["gone_on"] = yield steps.Datagram(
            address=SERVER, port=5001, datagrams=(first,), window=0.5, source=told["begun"].source
        )
        told["closed"] = yield exchange(SILENT, 9, first, copy)
        told["prohibited"] = yield exchange(PROHIBITED, 443, first, copy)
        told["black"] = yield exchange(BLACK, 443, first, copy, window=0.2)
        subprocess.run(["ip", "-6", "route", "add", "unreachable", "2001:db8:fffe::/48"], check=True)
        told["nowhere"] = yield exchange("2001:db8:fffe::1", 443, first, copy)
        return ()

    counters = perform(plan())
    return {"replies": msgspec.to_builtins(told), "counters": counters}


def play_inject() -> dict[str, Any]:
    """A payload that dies at the first router, inside a live connection, in both families; then a clean end."""
    told: dict[str, Any] = {}

    def plan() -> Generator[Any, Any, tuple[()]]:
        for key, address in (("4", SERVER), ("6", SERVER6)):
            connected = yield steps.Connect(address=address, port=82, timeout=3.0)
            told[f"injected{key}"] = yield steps.Inject(
                handle=connected.handle, payload=b"sensitive words", ttl=1, window=1.0
            )
            # The soft error of the ICMP must not end a healthy connection.
            told[f"waited{key}"] = yield steps.Receive(handle=connected.handle, most=9, timeout=0.3)
            connected = yield steps.Connect(address=address, port=82, timeout=3.0)
            yield steps.Inject(handle=connected.handle, payload=b"sensitive words", ttl=1, window=0.3)
            told[f"sent{key}"] = yield steps.Send(handle=connected.handle, data=b"four")
            told[f"closed{key}"] = yield steps.Close(handle=connected.handle, linger=0.3)
            told[f"seen{key}"] = yield from report(address, ends=len(told) // 5 + 1)
        return ()

    counters = perform(plan())
    return {"replies": msgspec.to_builtins(told), "counters": counters}


def play_forged() -> dict[str, Any]:
    """The forbidden word draws a forged RST, and the server's own answer comes too late; the control word does not."""
    told: dict[str, Any] = {}

    def plan(key: str, word: bytes) -> Generator[Any, Any, tuple[()]]:
        connected = yield steps.Connect(address=SERVER, port=80, timeout=3.0)
        yield steps.Send(handle=connected.handle, data=word)
        told[key] = yield steps.Receive(handle=connected.handle, most=999, timeout=3.0)
        told[f"{key} closed"] = yield steps.Close(handle=connected.handle, linger=0.1)
        return ()

    box = subprocess.Popen(
        ["nsenter", "--net=/run/netns/near", sys.executable, __file__, "forger"], stdout=subprocess.PIPE, text=True
    )
    assert box.stdout is not None
    assert box.stdout.readline().strip() == READY
    try:
        counters = perform(plan("control", b"anything"), plan("subject", FORGED))
    finally:
        box.kill()
        box.wait()
    return {"replies": msgspec.to_builtins(told), "counters": counters}


def play_burst() -> dict[str, Any]:
    """5,000 datagrams of 1,200 bytes at full speed into one flow of the tap, while it is read as usual."""
    count, size = 5000, 1200
    reactor, link, _ = stage()
    sock, port = bound_socket(link.context, SERVER, socket.SOCK_DGRAM)
    seen: list[int] = []
    flow = link.tap.open(UDP, port, packed(SERVER), 5000, lambda packet: None if packet.out else seen.append(
        int.from_bytes(packet.data[28:32], "big")
    ), Share(count * size * 2))  # fmt: skip
    sock.connect((SERVER, 5000))
    sock.send(f"{count} {size}".encode())
    reactor.run_until(lambda: len(seen) >= count, 5.0)
    kept = len(flow.captured)
    return {
        "sent": count,
        "heard": len(seen),
        "in order": seen == sorted(seen),
        "drops": link.tap.drops(),
        "kept": kept,
    }


def play_filter() -> dict[str, Any]:
    """A stranger on the same machine talks; none of it reaches us."""
    reactor, link, _ = stage()
    stranger(80, b"GET / HTTP/1.1\r\n\r\n")
    reactor.step(0.1)
    return {"heard": link.tap.heard, "drops": link.tap.drops()}


def play_batteries() -> dict[str, Any]:
    """50 plans whose every step times out, together, against one alone (P6)."""

    def plan(index: int) -> Generator[Any, Any, tuple[()]]:
        address = f"198.18.3.{100 + index}"
        yield steps.Connect(address=BLACK, port=1000 + index, timeout=0.6)
        yield steps.Exchange(packets=(steps.SynProbe(address=BLACK, port=2000 + index),), window=0.4)
        yield steps.Query(name="silent.play.lab", server=address, timeout=0.5, linger=0.2)
        return ()

    took: dict[str, float] = {}
    for key, count in (("alone", 1), ("together", 50)):
        began = time.monotonic()
        perform(*(plan(index) for index in range(count)))
        took[key] = time.monotonic() - began
    return dict(took)


def play_rtt() -> dict[str, Any]:
    """200 SYNs; our round trips against those at the other end of the probe's wire. Microseconds, ours minus theirs."""
    watcher = subprocess.Popen(
        ["nsenter", "--net=/run/netns/near", sys.executable, __file__, "observer", "near1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout is not None
    assert watcher.stdout.readline().strip() == READY
    reactor, link, conductor = stage()
    ours: dict[int, float] = {}
    opened = link.tap.open

    def noting(protocol: int, port: int, *rest: Any) -> Any:
        ports.append(port)
        return opened(protocol, port, *rest)

    link.tap.open = noting
    ports: list[int] = []

    def plan() -> Generator[Any, Any, tuple[()]]:
        for _ in range(20):
            ports.clear()
            probes = tuple(steps.SynProbe(address=SERVER, port=80) for _ in range(10))
            reply = yield steps.Exchange(packets=probes, window=0.5, spacing=0.002, enough=True)
            ours.update({ports[answer.probe]: answer.rtt_ms * 1000.0 for answer in reply.answers})
        return ()

    conductor.start(plan(), on_done=lambda _: None)
    assert conductor.run_until(lambda: not conductor.busy, 20.0)
    reactor.step(0.3)
    watcher.terminate()
    theirs = {int(port): took / 1000.0 for port, took in json.loads(watcher.stdout.readline()).items()}
    watcher.wait()
    return {"errors_us": [round(ours[port] - theirs[port], 3) for port in ours if port in theirs]}


def play_gateway() -> dict[str, Any]:
    """Gateways of every kind: IPv4, IPv6 (global and link-local), none, and one that is not there."""

    def plan(key: str, timeout: float) -> Generator[Any, Any, tuple[()]]:
        found[key] = yield steps.AskGateway(timeout=timeout)
        return ()

    def configure(*lines: str) -> None:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)

    found: dict[str, Any] = {}
    perform(plan("v4", 2.0))
    configure("route del default")
    perform(plan("v6", 2.0))
    shown = subprocess.run(
        ["nsenter", "--net=/run/netns/near", "ip", "-6", "-o", "addr", "show", "dev", "near1", "scope", "link"],
        capture_output=True,
        text=True,
        check=True,
    )
    link_local = shown.stdout.split()[3].partition("/")[0]
    configure("route del default via 2001:db8:1::2", f"route add default via {link_local} dev probe1")
    perform(plan("link-local", 2.0))
    configure(f"route del default via {link_local} dev probe1")
    perform(plan("none", 2.0))
    configure("route add default via 198.18.1.77")
    perform(plan("dead", 0.3))
    configure("route del default", "route add default via 2001:db8:1::77")
    perform(plan("dead6", 0.3))
    return {key: [reply.ok, reply.rtt_ms is not None, round(reply.elapsed_ms)] for key, reply in found.items()}


def play_down() -> dict[str, Any]:
    """One interface by name: it carries, it goes down under us, it comes back."""

    def plan(key: str) -> Generator[Any, Any, tuple[()]]:
        found[key] = yield steps.Exchange(
            packets=(steps.SynProbe(address="198.18.1.2", port=9),) * 5, window=2.0, spacing=0.3, enough=True
        )
        return ()

    def carry(key: str) -> None:
        conductor.start(plan(key), on_done=errors.append)
        assert conductor.run_until(lambda: not conductor.busy, 10.0)

    found: dict[str, Any] = {}
    errors: list[Any] = []
    reactor, link, conductor = stage(interface="probe1")
    carry("before")
    subprocess.run(["ip", "link", "set", "probe1", "down"], check=True)
    turns = reactor.turns
    reactor.run_until(lambda: False, 0.3)
    turns = reactor.turns - turns
    carry("down")
    subprocess.run(["ip", "link", "set", "probe1", "up"], check=True)
    link.context.sources._known.clear()
    carry("after")
    return {
        "turns while down": turns,
        "answers": {key: len(getattr(reply, "answers", ())) for key, reply in found.items()},
        "failure": getattr(found["down"], "failure", None),
        "errors": [str(outcome.error) for outcome in errors if outcome.error],
    }


def play_cancel() -> dict[str, Any]:
    """Plans stopped in the middle of every kind of step leave nothing open."""

    def connected(step: Callable[[int], Any]) -> Generator[Any, Any, tuple[()]]:
        reply = yield steps.Connect(address=SERVER, port=82, timeout=3.0)
        yield step(reply.handle)
        return ()

    def single(step: Any) -> Generator[Any, Any, tuple[()]]:
        yield step
        return ()

    reactor, link, conductor = stage()
    before = len(list(Path("/proc/self/fd").iterdir()))
    plans = [
        connected(lambda handle: steps.Receive(handle=handle, most=9, timeout=60.0)),
        connected(lambda handle: steps.Close(handle=handle, linger=60.0)),
        connected(lambda handle: steps.Inject(handle=handle, payload=b"x", ttl=1, window=60.0)),
        connected(lambda handle: steps.Handshake(handle=handle, sni="a.b", timeout=60.0)),
        single(steps.Connect(address=BLACK, port=1, timeout=60.0)),
        single(steps.Exchange(packets=(steps.SynProbe(address=BLACK, port=1),) * 3, window=60.0, spacing=0.2)),
        single(steps.Query(name="a.b", resolver=Resolver.PUBLIC, server=BLACK, timeout=60.0, linger=60.0)),
        single(steps.Rest(seconds=60.0)),
    ]
    outcomes: list[Any] = []
    running = [conductor.start(plan, on_done=outcomes.append) for plan in plans]
    reactor.run_until(lambda: False, 0.4)
    open_then = len(list(Path("/proc/self/fd").iterdir()))
    for one in running:
        conductor.cancel(one)
    reactor.step(0.0)
    return {
        "cancelled": sum(outcome.cancelled for outcome in outcomes),
        "more than before": open_then - before,
        "left open": len(list(Path("/proc/self/fd").iterdir())) - before,
        "flows": len(link.tap._flows),
        "busy": conductor.busy,
    }


def play_pcap() -> dict[str, Any]:
    """Write a pcap of one connection while a stranger talks too, and read it with scapy."""

    def plan() -> Generator[Any, Any, tuple[()]]:
        connected = yield steps.Connect(address=SERVER, port=80, timeout=3.0)
        yield steps.Send(handle=connected.handle, data=b"GET / HTTP/1.1\r\n\r\n")
        stranger(83)
        yield steps.Receive(handle=connected.handle, most=999, timeout=3.0)
        yield steps.Close(handle=connected.handle, linger=0.1)
        return ()

    _, link, conductor = stage()
    file = io.BytesIO()
    link.record(file)
    conductor.start(plan(), on_done=lambda _: None)
    assert conductor.run_until(lambda: not conductor.busy, 10.0)
    link.record(None)
    Path("/run/flow.pcap").write_bytes(file.getvalue())
    # Only here: scapy is the oracle of this one play, and costs half a second.
    from scapy.layers.inet import TCP  # noqa: PLC0415 - as said
    from scapy.utils import PcapReader  # noqa: PLC0415 - as said

    with PcapReader("/run/flow.pcap") as reader:
        packets = list(reader)
    return {
        "link_type": int.from_bytes(file.getvalue()[20:24], "little"),
        "flags": [str(packet[TCP].flags) for packet in packets],
        "ports": sorted({min(packet[TCP].sport, packet[TCP].dport) for packet in packets}),
        "payloads": b"".join(bytes(packet[TCP].payload) for packet in packets).decode(),
    }


def main(script: str, plays: dict[str, Callable[[], dict[str, Any]]]) -> None:
    """Run one part of a play, or the whole of it.

    Args:
        script: the program that knows the plays; it is started again in the probe's namespace.
        plays: by name.
    """
    part = sys.argv[1]
    parts: dict[str, Callable[[], None]] = {"serve": serve, "forger": forger, "observer": observer}
    if part in parts:
        parts[part]()
        return
    if part == "inside":
        await_ways()
        say(json.dumps(plays[sys.argv[2]]()))
        return
    build()
    make_certificates()
    server = spawn("server", "serve")
    try:
        command = ["ip", "netns", "exec", "probe", sys.executable, script, "inside", *sys.argv[1:]]
        subprocess.run(command, check=True, env={**os.environ})
    finally:
        server.kill()
        server.wait()


PLAYS: dict[str, Callable[[], dict[str, Any]]] = {
    "steps": play_steps,
    "datagrams": play_datagrams,
    "inject": play_inject,
    "forged": play_forged,
    "burst": play_burst,
    "filter": play_filter,
    "batteries": play_batteries,
    "rtt": play_rtt,
    "pcap": play_pcap,
    "gateway": play_gateway,
    "cancel": play_cancel,
    "down": play_down,
}

if __name__ == "__main__":
    main(__file__, PLAYS)
