"""A line of its own for an agent: one interface with a default route, and a tap that counts every packet on it.

Run inside a fresh network namespace: ``netns_silence.py SECONDS COMMAND...`` starts the command, lets it live that
long, ends it, and prints one line for each packet that it sent: protocol and destination port. Must not live here: how
many ought to be there (test_netns_silence.py).
"""

import selectors
import signal
import socket
import subprocess
import sys
import time

_ALL = 3
_LENGTH = 14


def told(frame: bytes) -> str:
    """Name one Ethernet frame."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0806:
        return "arp"
    if kind != 0x0800:
        return f"ethertype {kind:#06x}"
    body = frame[_LENGTH + (frame[_LENGTH] & 15) * 4 :]
    protocol = {6: "tcp", 17: "udp"}.get(frame[_LENGTH + 9], f"ip {frame[_LENGTH + 9]}")
    return f"{protocol} {int.from_bytes(body[2:4], 'big')}"


def main() -> int:
    """Build, run, count."""
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    for words in (
        "link set lo up",
        "link add line0 type veth peer name far0",
        "link set far0 up",
        "link set line0 address 02:00:00:00:00:01 up",
        "addr add 198.18.0.2/24 dev line0",
        "route add default via 198.18.0.1",
        "neigh add 198.18.0.1 lladdr 02:00:00:00:00:02 dev line0",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    tap.bind(("far0", _ALL))
    process = subprocess.Popen(command)
    selector = selectors.DefaultSelector()
    selector.register(tap, selectors.EVENT_READ)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0.0 and process.poll() is None:
        for _ in selector.select(left):
            frame = tap.recv(65535)
            if frame[12:14] != b"\x86\xdd":  # the kernel's own router solicitations
                sys.stdout.write(f"{told(frame)}\n")
    process.send_signal(signal.SIGTERM)
    return process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
