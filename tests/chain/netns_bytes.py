"""A probe's home, nine routers and a server's network: what each run really sends and gets, by a tap at the interface.

Run inside a fresh network and mount namespace (fixture ``namespace_wrapper``), ``netns_bytes.py FOLDER [WORD...]``
builds the row, starts real servers (nginx, dnsmasq, coturn, microsocks, aioquic, the operator's helper) and carries out
every run of bytes_cases.py in a namespace of its own. It prints what a packet socket at that namespace's one interface
saw, which shares no code with the probe: the lengths that the IP headers state, without Ethernet, ARP and neighbour
discovery. Must not live here: what it ought to be (test_netns_bytes.py).
"""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.net.link import Link
from balise_agent.system.clock import Clock
from balise_agent.system.reactor import Reactor
from balise_agent.testing import OpenGate, hurried
from balise_lab.world.namespaces import enter, inside
from balise_wire.experiments.call import PORTS, SHORT
from balise_wire.experiments.vpn import TCP_PORTS, UDP_PORTS
from balise_wire.words import Experiment
from tests.chain import bytes_cases as cases
from tests.chain.bytes_cases import Kind, Spent

ROUTERS = 9
ROW = (*(f"r{number}" for number in range(1, ROUTERS + 1)), "server")
AT_ONCE = 12
QUIET_SECONDS = 12.0
"""How long a tap listens behind the end of a run: what the kernel still sends was caused by it too."""
MOST_TRIES = 12
RATE = "20mbit"
EDGE = "edge7.delivery.example"
"""To which the subject's name leads, as most names do."""
_SETTINGS = (
    ("ipv4/ip_forward", 1),
    ("ipv6/conf/all/forwarding", 1),
    ("ipv6/conf/default/accept_dad", 0),
    ("ipv6/conf/default/router_solicitations", 0),
    ("ipv4/icmp_ratelimit", 0),
    ("ipv6/icmp/ratelimit", 0),
)
_LIVE = (
    cases.SUBJECT, cases.DEAD, cases.NEAR, cases.FAR, *cases.CONTROLS, cases.PORTAL, cases.RESOLVER, cases.PUBLIC,
    cases.NO_RESOLVER, cases.DEAD_RESOLVER, cases.HELPER, cases.DEAD_HELPER, cases.PROXY, *cases.STRANGERS,
)  # fmt: skip
_DEAD = (cases.DEAD, cases.NO_RESOLVER, cases.DEAD_RESOLVER, cases.DEAD_HELPER)
_WEB = (cases.SUBJECT, cases.NEAR, cases.FAR, *cases.CONTROLS, cases.PORTAL)
_ALONE = frozenset({"throughput", "call"})
_NEIGHBOURS = range(133, 138)
_LISTENERS = 143


def ip(namespace: str, *lines: str) -> None:
    """Carry out commands of ``ip`` in a namespace; an empty name is this one."""
    where = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def within(namespace: str, *command: str, text: str | None = None) -> None:
    """Run a program in a namespace to its end."""
    subprocess.run(["ip", "netns", "exec", namespace, *command], input=text, text=True, check=True)


# --- the row ----------------------------------------------------------------------------------------------------------


def settle(namespace: str) -> None:
    """Set what a namespace needs before it has links."""
    within(namespace, "sh", "-c", "; ".join(f"echo {value} > /proc/sys/net/{key}" for key, value in _SETTINGS))


def quieten(namespace: str, device: str) -> None:
    """Let nothing merge packets."""
    switches = ("tso", "off", "gso", "off", "gro", "off", "tx", "off")
    subprocess.run(
        ["ip", "netns", "exec", namespace, "ethtool", "-K", device, *switches], capture_output=True, check=True
    )


def build() -> None:
    """Make routers and server, each known to the next by a link of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    ip("", *(f"netns add {name}" for name in ROW))
    for name in ROW:
        settle(name)
        ip(name, "link set lo up")
    for number, (left, right) in enumerate(itertools.pairwise(ROW), 1):
        ip("", f"link add d{number} netns {left} type veth peer name u{number} netns {right}")
        for place, device, host in ((left, f"d{number}", 1), (right, f"u{number}", 2)):
            ip(place, f"addr add 198.19.{number}.{host}/30 dev {device}",
               f"addr add 2001:db8:f{number}::{host}/64 dev {device} nodad", f"link set {device} up")  # fmt: skip
        ip(left, f"route add 198.18.0.0/16 via 198.19.{number}.2", f"route add 2001:db8::/33 via 2001:db8:f{number}::2")
        ip(right, f"route add 198.19.128.0/17 via 198.19.{number}.1",
           f"route add 2001:db8:8000::/33 via 2001:db8:f{number}::1")  # fmt: skip
        for name, device in ((left, f"d{number}"), (right, f"u{number}")):
            quieten(name, device)
    ip("server", *(f"addr add {cases.at(n, 4)}/32 dev lo" for n in _LIVE),
       *(f"addr add {cases.at(n, 6)}/128 dev lo nodad" for n in _LIVE))  # fmt: skip
    dead = [
        f"add rule inet t i {proto} daddr {cases.at(number, family)} drop"
        for number in _DEAD for proto, family in (("ip", 4), ("ip6", 6))
    ]  # fmt: skip
    within("server", "nft", "-f", "-", text="\n".join(
        ["add table inet t", "add chain inet t i { type filter hook input priority 0; }", *dead, ""]
    ))  # fmt: skip


_EXTENSIONS: Final = ("fe0d00ba", "fe0d00da", "fe0d00fa", "fe0d011a", "ffce016e")
"""Type and length of ECH in each of its sizes, and of ESNI."""


def cut(home: str, kind: Kind) -> None:
    """Lose at the first router what one home sends: what shows the subject's name; in no other's way.

    Of a long hello it is the full segment alone, of forms of a hello what has the extension, and of what a helper
    answers everything but tokens and the handshakes of TCP.
    """
    if kind.helper and kind.word in {"call", "vpn"}:
        ports, over_tcp = (", ".join(map(str, sorted(each))) for each in ({*PORTS, *UDP_PORTS}, TCP_PORTS))
        within("r1", "nft", "-f", "-", text="\n".join([
            f"add table inet {home}", f"add chain inet {home} f {{ type filter hook forward priority 0; }}",
            f"add rule inet {home} f iifname {home} udp dport {{ {ports} }} udp length != {8 + SHORT} drop",
            f"add rule inet {home} f iifname {home} tcp dport {{ {over_tcp} }} tcp flags & psh != 0 drop", "",
        ]))  # fmt: skip
        return
    if kind.long:
        for table in ("iptables", "ip6tables"):
            within("r1", table, "-A", "FORWARD", "-i", home, "-m", "length", "--length", "1300:1500", "-j", "DROP")
        return
    if kind.word is Experiment.CLIENTHELLO:
        for table in ("iptables", "ip6tables"):
            for begins in _EXTENSIONS:
                within("r1", table, "-A", "FORWARD", "-i", home, "-m", "string", "--hex-string", f"|{begins}|",
                       "--algo", "bm", "-j", "DROP")  # fmt: skip
        return
    for table in ("iptables", "ip6tables"):
        within("r1", table, "-A", "FORWARD", "-i", home, "-m", "string", "--string", cases.HOST, "--algo", "bm",
               "-j", "DROP")  # fmt: skip


def add_home(number: int) -> str:
    """Make a namespace for one run, behind the first router; return its name."""
    name, net = f"p{number}", 4 * number
    gateway, own = (f"198.19.{128 + net // 256}.{net % 256 + host}" for host in (1, 2))
    ip("", f"netns add {name}")
    settle(name)
    ip("", f"link add wan0 netns {name} type veth peer name h{number} netns r1")
    ip("r1", f"addr add {gateway}/30 dev h{number}", f"addr add 2001:db8:{0x8000 + number:x}::1/64 dev h{number} nodad",
       f"link set h{number} up")  # fmt: skip
    ip(name, "link set lo up", f"addr add {own}/30 dev wan0",
       f"addr add 2001:db8:{0x8000 + number:x}::2/64 dev wan0 nodad", "link set wan0 up",
       f"route add default via {gateway}", f"route add default via 2001:db8:{0x8000 + number:x}::1")  # fmt: skip
    for place, device in ((name, "wan0"), ("r1", f"h{number}")):
        quieten(place, device)
        within(
            place, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", RATE, "burst", "16kb", "latency", "400ms"
        )
    return name


# --- the servers ------------------------------------------------------------------------------------------------------


def certificates(folder: Path) -> None:
    """Write a root, and a chain of leaf and intermediate as most sites have one: RSA with 2,048 bits, thirty names."""
    begin, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
    names = [cases.HOST, cases.NEIGHBOUR, "*.example", *(f"site{number}.cdn.example" for number in range(27))]
    keys = [rsa.generate_private_key(65_537, 2_048) for _ in range(3)]
    titles = [
        x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tap"), x509.NameAttribute(NameOID.COMMON_NAME, one)])
        for one in ("Tap Root", "Tap Issuing Authority", cases.HOST)
    ]
    made = []
    for place, title in enumerate(titles):
        signer = max(place - 1, 0)
        builder = (
            x509.CertificateBuilder().subject_name(title).issuer_name(titles[signer])
            .public_key(keys[place].public_key()).serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=place < 2, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[place].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[signer].public_key()), False)
        )  # fmt: skip
        if place == len(titles) - 1:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
            )
        made.append(builder.sign(keys[signer], hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "ca.pem").write_bytes(made[0])
    private = keys[-1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "chain.pem").write_bytes(private + made[2] + made[1])
    (folder / "chain.pem").chmod(0o600)


def nginx(folder: Path) -> list[str]:
    """Write pages and configuration; return the command."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_bytes(b"<title>A page</title>" + os.urandom(40_000).hex().encode())
    (pages / cases.LONG_PATH[1:]).write_bytes(os.urandom(262_144))
    (pages / "portal.txt").write_bytes(cases.PAGE + b".\n")
    listening = []
    for number in _WEB:
        for place in (cases.at(number, 4), f"[{cases.at(number, 6)}]"):
            listening += [f"listen {place}:443 ssl;", f"listen {place}:80;"]
    temp = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    (folder / "nginx.conf").write_text("\n".join([
        "daemon off; master_process off; user root root;", f"pid {folder}/nginx.pid; error_log {folder}/error.log;",
        "events { worker_connections 512; }", "http {", "access_log off; default_type text/html; server_tokens off;",
        *temp, f"server {{ {' '.join(listening)}", "server_name _;", f"ssl_certificate {folder}/chain.pem;",
        f"ssl_certificate_key {folder}/chain.pem;", f"root {pages}; }}", "}", "",
    ]), encoding="ascii")  # fmt: skip
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def dnsmasq() -> list[str]:
    """Return the command: each name with both its addresses."""
    named = {cases.HOST: cases.SUBJECT, cases.NEIGHBOUR: cases.SUBJECT, cases.CONTROL: cases.CONTROLS[0]}
    named |= {f"control{number}.example": number for number in cases.CONTROLS}
    named |= {f"stun{number}.example": number for number in cases.STRANGERS}
    records = [f"--cname={cases.HOST},{EDGE}"]
    named[EDGE] = named.pop(cases.HOST)
    records += [f"--host-record={name},{cases.at(number, 4)},{cases.at(number, 6)}" for name, number in named.items()]
    places = [
        f"--listen-address={cases.at(number, family)}" for number in (cases.RESOLVER, cases.PUBLIC) for family in (4, 6)
    ]
    return ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root",
            "--pid-file=", "--bind-interfaces", "--local=/example/", *places, *records]  # fmt: skip


def servers(folder: Path) -> Iterator[list[str]]:
    """Yield the command of each server."""
    both = [(number, cases.at(number, family)) for number in _LIVE for family in (4, 6)]
    certificates(folder)
    yield nginx(folder)
    yield dnsmasq()
    speaks = [address for number, address in both if number in {cases.SUBJECT, *cases.CONTROLS}]
    yield [
        sys.executable,
        "-m",
        "balise_lab.counterparts.engine.quic_server",
        str(folder / "chain.pem"),
        "443",
        *speaks,
    ]
    quiet = ["--log-file", "stdout", "--simple-log", "--no-stdout-log", "--pidfile", str(folder / "turn.pid")]
    only = ["--no-tcp", "--no-tls", "--no-dtls", "--no-tcp-relay", "--no-cli", "--stun-only"]
    for port in dict.fromkeys(cases.STRANGER_PORTS):
        mine = [
            a
            for n, p in zip(cases.STRANGERS, cases.STRANGER_PORTS, strict=True)
            if p == port
            for m, a in both
            if m == n
        ]
        mine += [address for number, address in both if number == cases.SUBJECT and port == cases.STRANGER_PORTS[0]]
        places = [word for address in mine for word in ("--listening-ip", address)]
        yield ["turnserver", "-n", "--listening-port", str(port), *places, *only, "--relay-threads", "0", "--userdb",
               str(folder / f"turn{port}"), *quiet]  # fmt: skip
    for address in (cases.at(cases.PROXY, 4), cases.at(cases.PROXY, 6)):
        yield ["microsocks", "-i", address, "-p", str(cases.PROXY_PORT), "-u", cases.USER, "-P", cases.PASSWORD]
    for family in (4, 6):
        state = folder / f"helper{family}"
        state.mkdir()
        yield [sys.executable, "-m", "balise_agent", "helper", "--address", cases.at(cases.HELPER, family), "--state",
               str(state), "--vpn-ports", *map(str, UDP_PORTS), "--vpn-tcp-ports", *map(str, TCP_PORTS)]  # fmt: skip


def await_servers(seconds: float = 90.0) -> None:
    """Wait until what speaks TCP does, and what speaks UDP holds its ports."""
    deadline = time.monotonic() + seconds
    wanted = [(cases.at(number, family), port) for number, port in (
        (cases.SUBJECT, 443), (cases.HELPER, 443), (cases.PROXY, cases.PROXY_PORT), (cases.RESOLVER, 53),
    ) for family in (4, 6)]  # fmt: skip
    with inside("server"):
        for address, port in wanted:
            while True:
                with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as caller:
                    caller.settimeout(0.3)
                    if caller.connect_ex((address, port)) == 0:
                        break
                assert time.monotonic() < deadline, f"nothing answers at {address} port {port}"
                time.sleep(0.05)  # noqa: TID251 - real programs are waited for, in a program of its own
        while True:
            told = subprocess.run(["ss", "-Hlun"], capture_output=True, text=True, check=False).stdout
            if not told or all(f":{port} " in told for port in (443, 3_478, 19_302, 51_820)):
                break
            assert time.monotonic() < deadline, f"a server holds no port:\n{told}"
            time.sleep(0.05)  # noqa: TID251 - real programs are waited for, in a program of its own


# --- the tap ----------------------------------------------------------------------------------------------------------


class Tap:
    """Counts the IP packets of one interface."""

    def __init__(self, home: str) -> None:
        """Listen at a home's one interface, from now on."""
        with inside(home):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self.socket.setsockopt(socket.SOL_SOCKET, 33, 16_000_000)  # SO_RCVBUFFORCE
            self.socket.bind(("wan0", 3))
        self.socket.setblocking(False)
        self.sent = self.came = self.lost = 0
        self.opened = set[bytes]()
        """Connections that the probe asked for: its port and the address and port there."""
        self.again = 0
        self._ends = dict[bytes, int]()
        """By flow and direction: the sequence number behind the last byte that was seen."""

    def turn(self) -> None:
        """Count what lies there."""
        while True:
            try:
                data, (_, _, kind, _, _) = self.socket.recvfrom(2_048)
            except BlockingIOError:
                return
            size = measured(data)
            if kind == socket.PACKET_OUTGOING:
                self.sent += size
                if flow := opened(data):
                    self.opened.add(flow)
            else:
                self.came += size
            self.again += size * self._repeats(data)

    def _repeats(self, data: bytes) -> bool:
        """Tell whether an IP packet is a TCP segment with nothing but bytes that were seen before."""
        flow, sequence, length = segment(data)
        if not length:
            return False
        end, before = (sequence + length) % 2**32, self._ends.get(flow)
        if before is not None and (before - end) % 2**32 < 2**31:
            return True
        self._ends[flow] = end
        return False

    def close(self) -> None:
        """Count the rest, and ask what was lost."""
        self.turn()
        self.lost = int.from_bytes(self.socket.getsockopt(263, 6, 8)[4:], sys.byteorder)  # PACKET_STATISTICS
        self.socket.close()


def opened(data: bytes) -> bytes:
    """Return address and ports of a TCP connection that an IP packet asks for; nothing where it asks for none."""
    there, start = (data[16:20], 4 * (data[0] & 15)) if data[0] >> 4 == 4 else (data[24:40], 40)
    if data[9 if data[0] >> 4 == 4 else 6] != socket.IPPROTO_TCP or data[start + 13 : start + 14] != b"\x02":
        return b""
    return there + data[start : start + 4]


def segment(data: bytes) -> tuple[bytes, int, int]:
    """Return addresses and ports, sequence number and payload bytes of a TCP segment; no bytes where it is none."""
    four = data[0] >> 4 == 4
    addresses, start = (data[12:20], 4 * (data[0] & 15)) if four else (data[8:40], 40)
    if data[9 if four else 6] != socket.IPPROTO_TCP or len(data) < start + 20:
        return b"", 0, 0
    whole = int.from_bytes(data[2:4]) if four else 40 + int.from_bytes(data[4:6])
    flow, sequence = addresses + data[start : start + 4], int.from_bytes(data[start + 4 : start + 8])
    return flow, sequence, whole - start - 4 * (data[start + 12] >> 4)


def measured(data: bytes) -> int:
    """Return the bytes of an IP packet as its header states them; 0 for what never leaves a home's network."""
    if data[0] >> 4 == 4 and len(data) >= 20:
        return int.from_bytes(data[2:4])
    if data[0] >> 4 != 6 or len(data) < 41:
        return 0
    about_neighbours = data[6] == 58 and data[40] in _NEIGHBOURS
    about_listeners = data[24] == 0xFF
    return 0 if about_neighbours or about_listeners else 40 + int.from_bytes(data[4:6])


# --- the runs ---------------------------------------------------------------------------------------------------------


def carry_out(kind: Kind, family: int, situation: str, home: str, folder: Path) -> dict[str, Any]:
    """Carry a run out in its home, and return what the probe counted."""
    enter(home)
    gate, reactor = OpenGate(), Reactor(Clock.from_environment())
    resolver = cases.DEAD_RESOLVER if situation == cases.SILENT and kind.word == "dns" else cases.RESOLVER
    link = Link(reactor, gate, resolvers=(cases.at(resolver, family),), ca_file=str(folder / "ca.pem"))
    conductor, ended = Conductor(link, reactor), list[Outcome]()
    conductor.start(hurried(cases.run(kind, family, situation).plan()), on_done=ended.append)
    done = conductor.run_until(lambda: bool(ended), 240.0)
    failure = "it did not end" if not done else str(ended[0].error or "")
    told = [f"{one.arm}: {one.failure}" for one in (ended[0].observations if done else ())]
    return {"counted": gate.bytes_out + gate.bytes_in, "failure": failure, "told": told}


class Running:
    """One run under way: its child, its home's tap, and what is to be told of it."""

    def __init__(self, number: int, kind: Kind, family: int, situation: str, folder: Path) -> None:
        """Make a home and begin in it."""
        self.kind, self.family, self.situation = kind, family, situation
        self.home = add_home(number)
        if situation == cases.CUT:
            cut(f"h{number}", kind)
        self.tap = Tap(self.home)
        self.answer, theirs = socket.socketpair()
        self.child = os.fork()
        if self.child == 0:
            said: dict[str, Any] = {"counted": 0, "failure": "it broke", "told": []}
            try:
                said = carry_out(kind, family, situation, self.home, folder)
            except Exception as error:  # noqa: BLE001 - told, and the run counts as failed
                said["failure"] = repr(error)
            theirs.sendall(json.dumps(said).encode())
            os._exit(0)
        theirs.close()
        self.ended_at: float | None = None
        self.said: dict[str, Any] = {}

    def turn(self, now: float) -> bool:
        """Note the end of the run; tell whether it is over and silent."""
        if self.ended_at is None and os.waitpid(self.child, os.WNOHANG)[0]:
            self.ended_at = now
            self.said = json.loads(self.answer.recv(1 << 20) or b'{"counted": 0, "failure": "it died", "told": []}')
        return self.ended_at is not None and now - self.ended_at >= QUIET_SECONDS

    @property
    def asked_again(self) -> bool:
        """Whether a pair of transfers was made twice where all was well: this machine was too busy to tell a rate."""
        pairs = 2 if self.kind.helper else 1
        sentinel = self.kind.word == "throughput" and self.kind.design == "sentinel"
        return sentinel and self.situation == cases.ANSWERED and len(self.said["told"]) > 2 * pairs

    def spent(self) -> Spent:
        """Return what was seen."""
        self.tap.close()
        return Spent(
            kind=self.kind.name, family=self.family, situation=self.situation, sent=self.tap.sent, came=self.tap.came,
            counted=self.said["counted"], at_most=cases.run(self.kind, self.family, self.situation).cost,
            lost=self.tap.lost, failure=self.said["failure"], connections=len(self.tap.opened), again=self.tap.again,
        )  # fmt: skip


def wanted(words: list[str]) -> Iterator[tuple[Kind, int, str]]:
    """Yield what is carried out: a name that is hidden from a box is cut by none, and helpers hear none."""
    shows = {"tls", "http", "throughput", "path", "call", "vpn", "clienthello"}
    for kind in cases.kinds():
        if words and kind.word not in words:
            continue
        for family in (4, 6):
            for situation in cases.SITUATIONS:
                if situation == cases.CUT and kind.word not in shows:
                    continue
                if kind.word == "line" and situation != cases.ANSWERED:
                    continue
                yield kind, family, situation


def play(folder: Path, words: list[str]) -> list[Spent]:
    """Carry all runs out, a few at once."""
    all_of_them = list(wanted(words))
    alone = [one for one in all_of_them if one[0].word in _ALONE and one[2] == cases.ANSWERED]
    waiting, found = [one for one in all_of_them if one not in alone], list[Spent]()
    busy: list[Running] = []
    taps = DefaultSelector()
    number, tries = 0, MOST_TRIES
    while waiting or alone or busy:
        under_way = sum(one.ended_at is None for one in busy)
        if not waiting and alone and not under_way:
            # What measures a rate would say that a busy machine is a slow line, and ask again.
            waiting, alone = alone[:1], alone[1:]
        while waiting and sum(one.ended_at is None for one in busy) < AT_ONCE:
            busy.append(Running(number, *waiting.pop(0), folder))
            taps.register(busy[-1].tap.socket, EVENT_READ, busy[-1].tap)
            number += 1
        for key, _ in taps.select(0.02):
            key.data.turn()
        now = time.monotonic()
        for one in [one for one in busy if one.turn(now)]:
            busy.remove(one)
            taps.unregister(one.tap.socket)
            if one.asked_again and tries:
                tries -= 1
                alone.append((one.kind, one.family, one.situation))
                one.tap.close()
                continue
            found.append(one.spent())
            if os.environ.get("TAP_TOLD"):
                sys.stderr.write(f"{found[-1]} {one.said['told']}\n")
    return found


def main() -> None:
    """Build, serve, play, and print."""
    folder = Path(sys.argv[1])
    os.environ.pop("BALISE_CLOCK", None)
    build()
    running = [
        subprocess.Popen(["ip", "netns", "exec", "server", *command], stdout=subprocess.DEVNULL)
        for command in servers(folder)
    ]
    try:
        await_servers()
        sys.stdout.write(msgspec.json.encode(play(folder, sys.argv[2:])).decode() + "\n")
    finally:
        for one in running:
            one.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    main()
