"""A network card of its own for the real systemd-networkd, and a tap on what leaves by it.

Run inside fresh network and mount namespaces: ``netns_quiet.py SECONDS NETWORKD SHIPPED LINKS`` gives networkd the
folders SHIPPED and LINKS as /etc/systemd/network and /run/systemd/network, lets it live that long, and prints every
frame that left as a line of hex digits, then the flags of the card. Must not live here: what ought to be in them.
"""

import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

_ALL, _OUTGOING = 3, 4
OWN = "b8:27:eb:12:34:56"
"""The card's own address: one of a well-known maker of boards."""


def prepare(shipped: Path, links: Path) -> None:
    """Put the files where networkd reads them; /sys read-only tells it that no udev is to be waited for."""
    for words in ("--make-rprivate /", "-t sysfs -o ro sysfs /sys", "-t tmpfs run /run", "-t tmpfs etc /etc/systemd"):
        subprocess.run(["mount", *words.split()], check=True)
    # A card has a number from its first start on; a fresh machine's is empty, and without one networkd makes no secret
    # for RFC 7217 and falls back to addresses with the hardware address in them.
    Path("/run/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    subprocess.run(["mount", "--bind", "/run/machine-id", "/etc/machine-id"], check=True)
    shutil.copytree(links, "/run/systemd/network")
    Path("/etc/systemd/network").mkdir()
    for path in shipped.glob("*.network"):
        # Only here the card is half of a veth pair, which is a kind of device that the file leaves alone.
        text = path.read_text().replace("Kind=!*\n", "").replace("Type=ether", "Name=eth0")
        (Path("/etc/systemd/network") / path.name).write_text(text)
    for words in (
        "link set lo up",
        f"link add eth0 address {OWN} type veth peer name far0",
        "link set far0 up",
    ):
        subprocess.run(["ip", *words.split()], check=True)


def main() -> int:
    """Build, run, tell."""
    seconds, networkd = float(sys.argv[1]), sys.argv[2]
    prepare(Path(sys.argv[3]), Path(sys.argv[4]))
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    tap.bind(("eth0", _ALL))
    with subprocess.Popen([networkd], stderr=subprocess.DEVNULL) as process, selectors.DefaultSelector() as selector:
        selector.register(tap, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0 and process.poll() is None:
            for _ in selector.select(left):
                try:
                    frame, where = tap.recvfrom(65535)
                except OSError:  # the card went down, as it should without consent
                    continue
                if where[2] == _OUTGOING:
                    sys.stdout.write(f"{frame.hex()}\n")
        alive = process.poll() is None
        flags = Path("/sys/class/net/eth0/flags").read_text().strip()
        sys.stdout.write(f"flags {flags} {'alive' if alive else 'dead'}\n")
        process.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
