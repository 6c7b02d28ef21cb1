"""A probe, five routers and a server in a row, with a box on one of the links between routers; plays of sweeps.

Run inside a fresh network and mount namespace (fixture ``namespace_wrapper``), ``netns_way.py LINK [FAULT]`` builds the
row, puts the box on the link behind router LINK, sweeps towards one port of the server for each kind of box in both
families, and prints the trials as JSON. The box is a wire with a mind: it copies frames from one side to the other, so
that it is no hop of its own, and it sees both families alike. Must not live here: where it ought to be found.
"""

import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import msgspec

from balise_agent.experiments.path.plan import PLAN
from balise_agent.experiments.task import Task
from balise_agent.measure.conductor import Conductor, Outcome
from balise_agent.net.link import Link
from balise_agent.system.clock import Clock
from balise_agent.system.config import Timeouts
from balise_agent.system.reactor import Reactor
from balise_agent.testing import OpenGate, hurried
from balise_wire.assignment import Target
from balise_wire.words import Experiment, TargetRole

ROUTERS = 5
ROW = ("probe", *(f"r{number}" for number in range(1, ROUTERS + 1)), "server")
KINDS = {
    9001: "none",
    9002: "on",
    9003: "in",
    9004: "drop",
    9005: "copying-on",
    9006: "copying-in",
}
"""What the box does to the name on a port: nothing; a RST beside it; a RST in its place; nothing in its place; the same
RSTs with the TTL of the packet that they answer."""
NAME = "forbidden.example"
READY = "ready"
_LINKS = tuple(enumerate(itertools.pairwise(ROW)))
_SETTINGS = (
    ("ipv4/ip_forward", 1),
    ("ipv6/conf/all/forwarding", 1),
    ("ipv6/conf/default/accept_dad", 0),
    ("ipv4/icmp_ratelimit", 0),
    ("ipv6/icmp/ratelimit", 0),
)


def server(family: int) -> str:
    """Return the server's address in one family."""
    return f"198.18.{ROUTERS}.2" if family == 4 else f"2001:db8:{ROUTERS}::2"


def say(line: str) -> None:
    """Write one line to whoever started this program."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# --- the row ----------------------------------------------------------------------------------------------------------


def ip(namespace: str, *lines: str) -> None:
    """Carry out commands of ``ip`` in a namespace; an empty name is this one."""
    where = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def build(link: int, fault: str) -> None:
    """Make the namespaces and links, with the box's in the place of one of them."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    ip("", *(f"netns add {name}" for name in (*ROW, "box")))
    for name in ROW:
        settings = "; ".join(f"echo {value} > /proc/sys/net/{key}" for key, value in _SETTINGS)
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", settings], check=True)
    pairs = []
    for number, (left, right) in _LINKS:
        if number == link:
            pairs.append(f"link add l{number} netns {left} type veth peer name left netns box")
            pairs.append(f"link add u{number} netns {right} type veth peer name right netns box")
        else:
            pairs.append(f"link add l{number} netns {left} type veth peer name u{number} netns {right}")
    ip("", *pairs)
    ip("box", "link set left up", "link set right up")
    for place, name in enumerate(ROW):
        inside = ["link set lo up"]
        if place < len(ROW) - 1:
            inside += [
                f"addr add 198.18.{place}.1/24 dev l{place}",
                f"addr add 2001:db8:{place}::1/64 dev l{place} nodad",
                f"link set l{place} up",
                *([] if place == ROUTERS else [f"route add default via 198.18.{place}.2"]),
                *([] if place == ROUTERS else [f"route add default via 2001:db8:{place}::2"]),
            ]
        if place:
            inside += [
                f"addr add 198.18.{place - 1}.2/24 dev u{place - 1}",
                f"addr add 2001:db8:{place - 1}::2/64 dev u{place - 1} nodad",
                f"link set u{place - 1} up",
                *(f"route add 198.18.{far}.0/24 via 198.18.{place - 1}.1" for far in range(place - 1)),
                *(f"route add 2001:db8:{far}::/64 via 2001:db8:{place - 1}::1" for far in range(place - 1)),
            ]
        ip(name, *inside)
    for name in (*ROW, "box"):
        shown = subprocess.run(["ip", "-n", name, "-j", "link"], capture_output=True, text=True, check=True)
        for device in json.loads(shown.stdout):
            switch = ["ethtool", "-K", device["ifname"], "tso", "off", "gso", "off", "gro", "off", "tx", "off"]
            subprocess.run(["ip", "netns", "exec", name, *switch], check=False, capture_output=True)
    break_something(fault)


def break_something(fault: str) -> None:
    """Let routers be as they often are: one that tells nothing, all that tell one copy in a second."""
    if fault == "silent":
        rules = "add table inet t\nadd chain inet t o { type filter hook output priority 0; }\n"
        rules += "add rule inet t o icmp type time-exceeded drop\nadd rule inet t o icmpv6 type time-exceeded drop\n"
        subprocess.run(["ip", "netns", "exec", "r3", "nft", "-f", "-"], input=rules, text=True, check=True)
    if fault == "limited":
        for name in ROW[1:-1]:
            limits = "echo 1000 > /proc/sys/net/ipv4/icmp_ratelimit; echo 1000 > /proc/sys/net/ipv6/icmp/ratelimit"
            subprocess.run(["ip", "netns", "exec", name, "sh", "-c", limits], check=True)


def spawn(namespace: str, *arguments: str) -> subprocess.Popen[str]:
    """Start this script again inside a namespace, and wait until it says that it is ready."""
    command = ["ip", "netns", "exec", namespace, sys.executable, __file__, *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == READY
    return child


# --- the server -------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answer the first bytes on every port with the beginning of a ServerHello."""

    def talk(peer: socket.socket) -> None:
        with peer:
            try:
                if peer.recv(4096):
                    peer.sendall(b"\x16\x03\x03\x00\x7a\x02" + bytes(60))
                peer.settimeout(30.0)
                while peer.recv(4096):
                    pass
            except OSError:
                return

    def accept(listener: socket.socket) -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=talk, args=(peer,), daemon=True).start()

    for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        for port in KINDS:
            listener = socket.create_server((server(family), port), family=kind, backlog=64)
            threading.Thread(target=accept, args=(listener,), daemon=True).start()
    say(READY)
    signal.pause()


# --- the box ----------------------------------------------------------------------------------------------------------


def box() -> None:
    """Copy frames between two devices, and act on those from the left that show the name."""
    sides = {}
    for device in ("left", "right"):
        sides[device] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        sides[device].bind((device, 3))
    killed: set[bytes] = set()
    selector = DefaultSelector()
    for device, handle in sides.items():
        selector.register(handle, EVENT_READ, device)
    say(READY)
    while True:
        for key, _ in selector.select():
            frame, address = sides[key.data].recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if key.data == "right":
                sides["left"].send(frame)
            elif passes(frame, killed, sides):
                sides["right"].send(frame)


def passes(frame: bytes, killed: set[bytes], sides: dict[str, socket.socket]) -> bool:
    """Act on a frame of the probe's; tell whether it goes on."""
    version = frame[14] >> 4 if frame[12:14] in {b"\x08\x00", b"\x86\xdd"} else 0
    start = 14 + ((frame[14] & 15) * 4 if version == 4 else 40)
    if version == 0 or frame[23 if version == 4 else 20] != 6 or len(frame) < start + 20:
        return True
    kind = KINDS.get(int.from_bytes(frame[start + 2 : start + 4], "big"), "none")
    flow = frame[start : start + 4] + bytes([version])
    if frame[start + 13] & 2:
        killed.discard(flow)
    if NAME.encode() not in frame or kind == "none":
        return flow not in killed
    on_path = kind in {"on", "copying-on"}
    if kind != "drop":
        ttl = frame[22 if version == 4 else 21] if kind.startswith("copying") else 64
        sides["left"].send(reset(frame, version, start, ttl, back=True))
        if on_path:
            sides["right"].send(reset(frame, version, start, 64, back=False))
    if not on_path:
        killed.add(flow)
    return on_path


def reset(frame: bytes, version: int, start: int, ttl: int, *, back: bool) -> bytes:
    """Return the frame of a RST, to the sender of a frame in its receiver's name, or the other way round."""
    source, target = (frame[26:30], frame[30:34]) if version == 4 else (frame[22:38], frame[38:54])
    ports, ethernet = (frame[start : start + 2], frame[start + 2 : start + 4]), frame[:12]
    seq, ack = struct.unpack("!II", frame[start + 4 : start + 12])
    header = start + (frame[start + 12] >> 4) * 4
    total = 14 + int.from_bytes(frame[16:18], "big") if version == 4 else 54 + int.from_bytes(frame[18:20], "big")
    if back:
        source, target, ports, ethernet = target, source, ports[::-1], frame[6:12] + frame[:6]
        seq, ack = ack, seq + total - header
    else:
        seq += total - header
    tcp = b"".join(ports) + struct.pack("!IIBBHHH", seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, 0x14, 8192, 0, 0)
    tcp = tcp[:16] + checksum(source + target + struct.pack("!HH", 6, 20) + tcp) + tcp[18:]
    if version == 6:
        return ethernet + b"\x86\xdd" + struct.pack("!IHBB", 0x60000000, 20, 6, ttl) + source + target + tcp
    network = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0x9916, 0, ttl, 6, 0) + source + target
    return ethernet + b"\x08\x00" + network[:10] + checksum(network) + network[12:] + tcp


def checksum(data: bytes) -> bytes:
    """Return the internet checksum of data of even length."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


# --- the play ---------------------------------------------------------------------------------------------------------


def task(family: int, port: int) -> Task:
    """Return the task of one port in one family."""
    target = Target(
        id=f"way/web/{NAME}/{family}", service="way", role=TargetRole.WEB, host=NAME, port=port,
        addresses=(server(family),), experiments=(Experiment.TLS,), neighbour="",
    )  # fmt: skip
    return Task(
        target=target, address=server(family), family=family, control_name="permitted.example",
        timeouts=msgspec.structs.replace(Timeouts(), connect=8.0), seed=7,
    )  # fmt: skip


def await_ways() -> None:
    """Wait until both families pass."""
    deadline = time.monotonic() + 20.0
    for family in (4, 6):
        while True:
            with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET) as caller:
                caller.settimeout(0.3)
                if caller.connect_ex((server(family), 9001)) == 0:
                    break
            assert time.monotonic() < deadline, f"no way in IPv{family}"


def play(wanted: list[str]) -> None:
    """Sweep every port in both families at the same time, and print what was observed."""
    await_ways()
    reactor = Reactor(Clock.from_environment())
    conductor = Conductor(Link(reactor, OpenGate()), reactor)
    found: dict[str, list[Any]] = {}
    failures: list[Exception] = []

    def ended(key: str) -> Any:
        def done(outcome: Outcome) -> None:
            found[key] = [msgspec.to_builtins(one) for one in outcome.observations]
            if outcome.error is not None:
                failures.append(outcome.error)

        return done

    for family in (4, 6):
        for port, kind in KINDS.items():
            if not wanted or kind in wanted:
                plan = hurried(PLAN.on_demand(task(family, port)))
                conductor.start(plan, on_done=ended(f"{kind}/{family}"))
    assert conductor.run_until(lambda: not conductor.busy, 150.0), "the plans did not end"
    if failures:
        raise failures[0]
    say(json.dumps(found))


def main() -> None:
    """Build the row and play on it, or be one of its programs."""
    what = sys.argv[1]
    if what in {"box", "serve"}:
        {"box": box, "serve": serve}[what]()
        return
    if what == "play":
        play(sys.argv[2:])
        return
    build(int(what), sys.argv[2])
    children = [spawn("server", "serve"), spawn("box", "box")]
    try:
        command = ["ip", "netns", "exec", "probe", sys.executable, __file__, "play", *sys.argv[3:]]
        done = subprocess.run(command, check=False, env=os.environ)
    finally:
        for child in children:
            child.kill()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
