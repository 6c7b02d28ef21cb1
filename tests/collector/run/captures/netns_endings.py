"""Endings that genuine kernels make, captured on the client's side: client - router - server, in namespaces.

Run inside a fresh network and mount namespace (fixture ``namespace_wrapper``): ``netns_endings.py FOLDER`` opens
connections to each port below, asking for a control name and for a subject that the server or a firewall does not like,
and writes FOLDER/PORT_control.pcap and FOLDER/PORT_subject.pcap. Must not live here: what the judge ought to make of
them (test_pairs.py).
"""

import ctypes
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

NAMES = {"control": b"CTRL", "subject": b"SUBJ"}
SERVER = "198.18.2.2"
UNREAD, LINGER, ALERT, FIN, ALERT_RST, LATE_RST, AT_ACCEPT, FIREWALL, ROUTER = range(4001, 4010)
"""Ways to end a connection for the subject's name; the control is answered, but for AT_ACCEPT."""
PORTS = (UNREAD, LINGER, ALERT, FIN, ALERT_RST, LATE_RST, AT_ACCEPT, FIREWALL, ROUTER)
TRIALS = 3
_NETWORK = 0x40000000
"""CLONE_NEWNET of sched.h."""
_RESET = struct.pack("ii", 1, 0)
_RULES = """table ip t {{ chain c {{ type filter hook {hook} priority 0;
  tcp dport {port} @th,256,32 0x5355424a reject with tcp reset
}}
}}"""
"""The first four bytes behind a TCP header of 32 bytes, as it is with time stamps."""


def build() -> None:
    """Make three namespaces; offloads off, so that captured packets are real ones."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for name in ("client", "router", "server"):
        subprocess.run(["ip", "netns", "add", name], check=True)
    for left, right, number in (("client", "router", 1), ("router", "server", 2)):
        link = ["ip", "link", "add", f"{left}{number}", "netns", left, "type", "veth", "peer", "name"]
        subprocess.run([*link, f"{right}{number}", "netns", right], check=True)
        for side, last in ((left, 1), (right, 2)):
            device = f"{side}{number}"
            for line in (f"addr add 198.18.{number}.{last}/24 dev {device}", f"link set {device} up"):
                subprocess.run(["ip", "-n", side, *line.split()], check=True)
            inside("ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", name=side)
    subprocess.run(["ip", "-n", "client", "route", "add", "default", "via", "198.18.1.2"], check=True)
    subprocess.run(["ip", "-n", "server", "route", "add", "default", "via", "198.18.2.1"], check=True)
    inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward", name="router")
    for name, hook, port in (("server", "input", FIREWALL), ("router", "forward", ROUTER)):
        inside("nft", "-f", "-", name=name, text=_RULES.format(hook=hook, port=port))


def inside(*command: str, name: str, text: str = "") -> None:
    """Run a program in a namespace."""
    subprocess.run(["ip", "netns", "exec", name, *command], input=text, text=True, check=True, capture_output=True)


def enter(name: str) -> None:
    """Move this thread into a namespace."""
    with Path(f"/run/netns/{name}").open(encoding="utf-8") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), f"setns {name}")


def serve(server: socket.socket, port: int) -> None:
    """Accept for ever, and end each connection as its port says."""
    while True:
        client, _ = server.accept()
        with suppress(OSError):
            end(client, port)
        client.close()


def end(client: socket.socket, port: int) -> None:
    """Answer the control; end the subject's connection."""
    if port == AT_ACCEPT:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return
    asked = client.recv(4, socket.MSG_PEEK)
    if asked != NAMES["subject"]:
        client.recv(4096)
        client.sendall(b"x" * 900)
        client.recv(1)
        return
    if port == UNREAD:
        return  # closing with unread data sends a RST (RFC 2525 2.17)
    client.recv(4096)
    if port in {ALERT, ALERT_RST}:
        client.sendall(b"\x15\x03\x03\x00\x02\x02\x70")
    if port in {LINGER, ALERT_RST}:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    if port == LATE_RST:
        threading.Event().wait(0.3)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def ask(port: int, name: bytes) -> None:
    """Open one connection, ask, read to its end."""
    with socket.socket() as talker, suppress(OSError):
        talker.settimeout(1.0)
        talker.connect((SERVER, port))
        talker.sendall(name + b"." * 500)
        talker.recv(4096)
        talker.settimeout(0.2)
        talker.recv(4096)


def capture(tap: socket.socket, path: Path) -> None:
    """Write what a packet socket holds as a capture of Ethernet frames."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    with suppress(BlockingIOError):
        while True:
            data, ancillary, _, _ = tap.recvmsg(65536, 128)
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            records.append(struct.pack("<IIII", seconds, nanoseconds // 1000, len(data), len(data)) + data)
    path.write_bytes(b"".join(records))


def main() -> int:
    """Build the ground and write the captures."""
    folder = Path(sys.argv[1])
    build()
    enter("server")
    for port in PORTS:
        server = socket.create_server((SERVER, port))
        threading.Thread(target=serve, args=(server, port), daemon=True).start()
    enter("client")
    for port in PORTS:
        for arm, name in NAMES.items():
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            tap.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_TIMESTAMPNS", 35), 1)
            tap.bind(("client1", 0))
            tap.setblocking(False)
            for _ in range(TRIALS):
                ask(port, name)
            threading.Event().wait(0.05)  # what is under way
            capture(tap, folder / f"{port}_{arm}.pcap")
            tap.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
