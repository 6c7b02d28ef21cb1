"""A lab brought up once for many tests, steered by one JSON object a line: {"do": name, ...} -> {"result": ...}.

Run inside the lab's namespaces as ``python -m tests.lab.clients`` (testbed.py starts it). Lives here: the small clients
the boxes are fired at, which share no code with the agent: real TLS by `ssl`, DNS by `struct`, TCP and HTTP by hand.
"""

import dataclasses
import json
import os
import signal
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from balise_agent.codec import call as codec
from balise_agent.codec.vpn.handshake import OVER_TCP as OVER_TCP_TOKEN
from balise_agent.codec.vpn.handshake import Handshake
from balise_agent.codec.vpn.registry import HANDSHAKES
from balise_lab.boxes.engine.box import Box, from_plain
from balise_lab.errors import ConfigError, LabError
from balise_lab.run.lab import Lab
from balise_lab.world import machine, wrapper
from balise_lab.world.layout import AccessNetwork, ForeignNetwork, HostSpec, Layout
from balise_lab.world.topology import UPLINK, build
from balise_wire.experiments.call import PORTS, CallShape
from balise_wire.experiments.vpn import OVER_TCP, VpnProtocol, VpnShape

LAYOUT = Layout(
    country="PK",
    isps={
        "asn64501": AccessNetwork(64501, 2, resolvers=2),
        "asn64502": AccessNetwork(64502, 1),
        "asn64503": AccessNetwork(64503, 2, routers=1),
    },
    abroad=(ForeignNetwork("DE", 1),),
    services={
        "twitter": {
            "web": (HostSpec("twitter.lab"),),
            "media-image": (HostSpec("pbs.twimg.lab", edge=True, body_bytes=200_000),),
        },
        "chat": {"web": (HostSpec("chat.lab"),), "signalling": (HostSpec("chat.lab", port=5223),)},
        "old": {
            "web": (HostSpec("old.lab", certificate="expired"),),
            "api": (HostSpec("strange.lab", certificate="untrusted"),),
        },
        "cdn": {
            "web": (HostSpec("cdn.lab", addresses=3),),
            "api": (HostSpec("tenant.lab", address_of="twitter.lab"),),
        },
    },
    hosters={"cdn": "cloud"},
    helper=True,
)


BROKER = 1883
ARP = 0x0806


def serve_broker(lab: Lab, folder: Path) -> None:
    """Start a broker that lets everybody in: what the boxes do to its port is tested here, not its rights."""
    path = folder / "open.conf"
    path.write_text(f"user root\nallow_anonymous true\nlistener {BROKER} {lab.topology.centre}\n")
    lab.servers.start_broker(path, BROKER)


VPN_PORTS = {
    "openvpn": 1_194,
    "wireguard": 51_820,
    "ikev2": 500,
    "openvpn_tcp": 1_194,
    "fully_encrypted": 8_388,
    "obfs4": 8_388,
}
"""Where the helper answers each protocol."""


class Clients:
    """The clients; each method is one thing a test may ask for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._trains = 0

    def _socket(self, place: str, kind: socket.SocketKind, timeout: float) -> socket.socket:
        with self.lab.inside(place):
            handle = socket.socket(socket.AF_INET, kind)
        handle.settimeout(timeout)
        return handle

    def tls(self, place: str, address: str, name: str, port: int = 443, timeout: float = 1.0) -> str:
        """Handshake and GET: the title of the page, or the name of what went wrong."""
        context = ssl.create_default_context(cafile=str(self.lab.ca_file))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname=name)
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                handle.connect((address, port))
                while True:
                    try:
                        session.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        handle.sendall(outgoing.read())
                        self._feed(handle, incoming)
                session.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                handle.sendall(outgoing.read())
                while True:
                    try:
                        return _title(session.read(65536))
                    except ssl.SSLWantReadError:
                        self._feed(handle, incoming)
            except ssl.SSLCertVerificationError as error:
                return f"certificate: {error.verify_message}"
            except (OSError, EOFError) as error:
                _abandon(handle)
                return type(error).__name__

    def _feed(self, handle: socket.socket, incoming: ssl.MemoryBIO) -> None:
        data = handle.recv(65536)
        if not data:
            raise EOFError
        incoming.write(data)

    def hello(self, place: str, address: str, name: str, split: int, timeout: float = 1.0) -> str:
        """A ClientHello cut in two segments: "answered", "ended" or the name of what went wrong."""
        outgoing = ssl.MemoryBIO()
        session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
        with suppress(ssl.SSLWantReadError):
            session.do_handshake()
        data = outgoing.read()
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                handle.connect((address, 443))
                handle.sendall(data[:split])
                handle.sendall(data[split:])
                return "answered" if handle.recv(5) else "ended"
            except OSError as error:
                _abandon(handle)
                return type(error).__name__

    def http(self, place: str, address: str, name: str, timeout: float = 1.0) -> str:
        """Plain HTTP: status and title, or the name of what went wrong."""
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            try:
                handle.connect((address, 80))
                handle.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                data = handle.recv(65536)
                return f"{data[9:12].decode()} {_title(data)}".strip() if data else "ended"
            except OSError as error:
                _abandon(handle)
                return type(error).__name__

    def whole(self, place: str, address: str, name: str, timeout: float = 1.0) -> str:
        """Plain HTTP to its end: "whole", or the name of what went wrong, with the bytes that came before."""
        came = 0
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            try:
                handle.connect((address, 80))
                handle.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                while data := handle.recv(65536):
                    came += len(data)
            except OSError as error:
                _abandon(handle)
                return f"{type(error).__name__} {'late' if came else 'at once'}"
        return "whole"

    def tcp(self, place: str, address: str, port: int, timeout: float = 1.0) -> str:
        """Connect: "connected" or the name of what went wrong."""
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            try:
                handle.connect((address, port))
            except OSError as error:
                return f"{type(error).__name__} {error.errno or ''}".strip()
            return "connected"

    def quic(self, place: str, address: str, name: str, timeout: float = 0.5) -> list[str]:
        """A client of aioquic greets a name, then asks the same flow for versions: what came to each, or ``silent``."""
        client = QuicConnection(configuration=QuicConfiguration(server_name=name, alpn_protocols=["h3"]))
        client.connect((address, 443), now=0.0)
        greeting = client.datagrams_to_send(now=0.0)[0][0]
        probe = b"\xc0\x1a\x2a\x3a\x4a\x08whatever\x08versions".ljust(1_200, b"\0")
        found = []
        with self._socket(place, socket.SOCK_DGRAM, timeout) as handle:
            handle.connect((address, 443))
            for data in (greeting, probe):
                handle.send(data)
                found.append(_quic_answer(handle, negotiated=data is probe))
        return found

    def stun(self, place: str, address: str, port: int = 3478, timeout: float = 0.4) -> list[str]:
        """A binding request with the magic cookie and one without, a socket each: ``bound`` or ``silent``."""
        found = []
        for request in (b"\0\1\0\0\x21\x12\xa4\x42twelve bytes", b"\0\1\0\0sixteen bytes it"):
            with self._socket(place, socket.SOCK_DGRAM, timeout) as handle:
                handle.connect((address, port))
                try:
                    handle.send(request)
                    found.append("bound" if handle.recv(2048)[4:20] == request[4:] else "strange")
                except OSError:
                    found.append("silent")
        return found

    def call(self, place: str, up: str, down: str, packets: int = 40) -> int | str:
        """A train of packets to the helper: how many came back, or what went wrong before."""
        address, shapes = self.lab.topology.helper, (CallShape(up), CallShape(down))
        with (
            self._socket(place, socket.SOCK_DGRAM, 0.5) as asking,
            self._socket(place, socket.SOCK_DGRAM, 0.5) as handle,
        ):
            try:
                asking.connect((address, PORTS[1]))
                asking.send(codec.hello(5))
                token = codec.read_token(asking.recv(2048), 5)
            except OSError as error:
                return type(error).__name__
            if token is None:
                return "no token"
            handle.connect((address, PORTS[1]))
            back: set[int | None] = set()
            self._trains += 1
            for number in range(packets):
                handle.send(codec.packet(token, self._trains, number, *shapes))
            try:
                while len(back) < packets:
                    back.add(codec.read_back(handle.recv(2048), self._trains))
            except OSError:
                pass
            return len(back - {None})

    def _vpn_over_tcp(self, place: str, target: tuple[str, int], handshake: Handshake) -> int | str:
        self._trains += 1
        mark, heard = handshake.mark(OVER_TCP_TOKEN, self._trains), list[bytes]()
        with self._socket(place, socket.SOCK_STREAM, 0.5) as handle:
            try:
                handle.connect(target)
                while len(heard) < len(handshake.rounds):
                    for data in handshake.ask(mark, len(heard), heard):
                        handle.sendall(data)
                    said = handle.recv(handshake.rounds[len(heard)][1], socket.MSG_WAITALL)
                    if not handshake.accepts(mark, len(heard), said):
                        break
                    heard.append(said)
            except OSError as error:
                return len(heard) or type(error).__name__
        return len(heard)

    def vpn(self, place: str, protocol: str, shape: str) -> int | str:
        """A handshake with the helper, or packets of its sizes: the rounds that were answered, or what went wrong."""
        handshake = HANDSHAKES[VpnProtocol(protocol), VpnShape(shape)]
        target = (self.lab.topology.helper, VPN_PORTS[protocol])
        if protocol in OVER_TCP:
            return self._vpn_over_tcp(place, target, handshake)
        with (
            self._socket(place, socket.SOCK_DGRAM, 0.3) as asking,
            self._socket(place, socket.SOCK_DGRAM, 0.3) as handle,
        ):
            asking.connect(target)
            handle.connect(target)
            try:
                asking.send(codec.hello(5))
                token = codec.read_token(asking.recv(2048), 5)
            except OSError as error:
                return type(error).__name__
            if token is None:
                return "no token"
            self._trains += 1
            mark, heard = handshake.mark(token, self._trains), list[bytes]()
            try:
                while len(heard) < len(handshake.rounds):
                    for data in handshake.ask(mark, len(heard), heard):
                        handle.send(data)
                    answer = handle.recv(2048)
                    if not handshake.accepts(mark, len(heard), answer):
                        return "another answer"
                    heard.append(answer)
            except OSError:
                pass
            return len(heard)

    def dns(self, place: str, server: str, name: str, window: float = 0.4, *, cd: bool = False) -> list[str]:
        """All answers to one question within the window: addresses joined by commas, or `rcode N`."""
        found: list[str] = []
        with self._socket(place, socket.SOCK_DGRAM, window) as handle:
            handle.connect((server, 53))
            handle.send(_query(name, cd=cd))
            try:
                while True:
                    found.append(_answer(handle.recv(1500)))
            except OSError as error:
                return found if isinstance(error, TimeoutError) else [*found, type(error).__name__]

    def dns_tcp(self, place: str, server: str, name: str, timeout: float = 0.5) -> str:
        """The answer to one question over TCP, or the name of what went wrong."""
        query = _query(name)
        with self._socket(place, socket.SOCK_STREAM, timeout) as handle:
            try:
                handle.connect((server, 53))
                handle.sendall(len(query).to_bytes(2) + query)
                return _answer(handle.recv(1500)[2:])
            except OSError as error:
                return type(error).__name__

    def arp(self, place: str, address: str, seconds: float = 0.5) -> bool:
        """Whether the machine with an address answers who-has on a place's link (RFC 826)."""
        with self.lab.inside(place):
            handle = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
        with handle:
            handle.bind((UPLINK, ARP))
            handle.settimeout(seconds)
            mac = handle.getsockname()[4]
            ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), socket.inet_aton(address))
            handle.send(b"\xff" * 6 + mac + ARP.to_bytes(2) + ask)
            with suppress(TimeoutError):
                while True:
                    said = handle.recv(64)
                    if said[20:22] == b"\0\2" and said[28:32] == socket.inet_aton(address):
                        return True
        return False

    def fetch_tls(self, place: str, address: str, name: str) -> dict[str, float]:
        """Bytes and real seconds of one whole page over TLS."""
        context = ssl.create_default_context(cafile=str(self.lab.ca_file))
        begun, size = time.monotonic(), 0
        with self._socket(place, socket.SOCK_STREAM, 20.0) as handle:
            handle.connect((address, 443))
            with context.wrap_socket(handle, server_hostname=name) as session:
                session.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                while data := session.recv(65536):
                    size += len(data)
        return {"bytes": size, "seconds": time.monotonic() - begun}

    def ping(self, place: str, address: str, count: int = 20, interval: float = 0.02) -> dict[str, float]:
        """Share of answered echo requests, their mean round trip in ms, and the least: a busy machine only adds."""
        argv = ["ping", "-q", "-n", "-c", str(count), "-i", str(interval), "-W", "1", address]
        said = self.lab.run(place, argv).stdout
        answered = int(said.split(" received")[0].rsplit(" ", 1)[-1])
        times = said.rsplit("= ", 1)[-1].split("/") if "= " in said else ["0", "0"]
        return {"share": answered / count, "ms": float(times[1]), "least_ms": float(times[0])}

    def fetch(self, place: str, address: str, name: str) -> dict[str, float]:
        """Bytes and real seconds of one whole page over plain HTTP."""
        begun, size = time.monotonic(), 0
        with self._socket(place, socket.SOCK_STREAM, 10.0) as handle:
            handle.connect((address, 80))
            handle.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            while data := handle.recv(65536):
                size += len(data)
        return {"bytes": size, "seconds": time.monotonic() - begun}

    def program(self, place: str, argv: list[str]) -> dict[str, Any]:
        """A program started by World.popen: exit code and output."""
        started = self.lab.popen(place, argv, stdout=-1, stderr=-1)
        out, err = started.communicate(timeout=10)
        return {"code": started.returncode, "out": out.decode(), "err": err.decode()}

    def start(self, **fields: Any) -> None:
        """Start a box; what is no field of every box is a parameter of its kind."""
        common = {field.name: fields.pop(field.name) for field in dataclasses.fields(Box) if field.name in fields}
        self.lab.boxes.start(from_plain({**common, "settings": fields}))

    def stop(self, identifier: str) -> dict[str, int]:
        """Stop a box and return what it counted."""
        self.lab.boxes.stop(identifier)
        return self.lab.boxes.counters()[identifier]

    def kill(self, identifier: str) -> int:
        """Kill a box's program as a crash would; returns its process id."""
        program = self.lab.boxes.program_of(identifier)  # a crash is nothing the public interface offers
        assert program is not None
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
        return program.pid

    def kill_server(self, identifier: str) -> None:
        """Kill one of the lab's servers."""
        self.lab.servers.kill(identifier)

    def restart_server(self, identifier: str) -> None:
        """Start it again."""
        self.lab.servers.restart(identifier)

    def counters(self) -> dict[str, dict[str, int]]:
        """What all boxes counted."""
        return self.lab.boxes.counters()

    def failures(self) -> list[str]:
        """What of the lab has died."""
        return self.lab.failures()

    def wait(self, seconds: float) -> None:
        """Let real time pass: for the kernel's timers only."""
        signal.sigtimedwait([], seconds)


def _quic_answer(handle: socket.socket, *, negotiated: bool) -> str:
    """Wait for an Initial, or for a list of versions; what else the server still sends is passed over."""
    try:
        while True:
            data = handle.recv(2048)
            if (data[1:5] == bytes(4)) is negotiated:
                return "versions" if negotiated else "greeted"
    except OSError:
        return "silent"


def _title(data: bytes) -> str:
    return data.split(b"<title>")[-1].split(b"</title>")[0].decode("latin-1") if b"<title>" in data else ""


def _query(name: str, *, cd: bool = False) -> bytes:
    """A question for an A record, with or without CD: checking disabled (RFC 4035 section 3.2.2)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0110 if cd else 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def _answer(data: bytes) -> str:
    code, count = data[3] & 15, struct.unpack_from("!H", data, 6)[0]
    if code or not count:
        return f"rcode {code}"
    at = data.index(0, 12) + 5
    found = []
    for _ in range(count):
        found.append(socket.inet_ntoa(data[at + 12 : at + 16]))
        at += 16
    return ",".join(sorted(found))


def _abandon(handle: socket.socket) -> None:
    """Let a connection end with the program's wish: else the kernel sends what is not answered to later boxes too."""
    with suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def main() -> int:
    """Bring the lab up and serve until the standard input ends."""
    wrapper.arrive()
    machine.take_precedence()  # as the scenarios that are played beside it do
    folder = Path(sys.argv[1])
    scale = float(sys.argv[2])
    with Lab(build(LAYOUT), folder, scale=scale) as lab:
        serve_broker(lab, folder)
        clients = Clients(lab)
        used = os.times()
        spent = used.user + used.system + used.children_user + used.children_system
        print(json.dumps({"result": spent}), flush=True)  # noqa: T201 - the protocol of this script
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                said = {"result": getattr(clients, asked.pop("do"))(**asked)}
            except (ConfigError, LabError) as error:
                said = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(said), flush=True)  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())
