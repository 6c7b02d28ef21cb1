"""What the kernel knows of the way out: the source address towards a destination, and the default gateway.

Lives here: reading it, and keeping it for a short while. Must not live here: a name server or a packet.
"""

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from balise_agent.net.classify import failure_of
from balise_agent.system.errors import LinkUnusable
from balise_wire.failures import Failure

_REMEMBERED: Final = 30.0
"""Seconds for which a source address is believed; a new lease changes it."""
_MOST_REMEMBERED: Final = 4096
_RTF_UP, _RTF_GATEWAY = 1, 2
RTF_REJECT: Final = 0x200
"""A route that takes packets and refuses or swallows them: blackhole, unreachable, prohibit (linux/route.h)."""


_TUNNEL_TYPES: Final = frozenset({"768", "769", "776", "778", "823"})
"""ARPHRD_TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE (linux/if_arp.h)."""


class NoRoute(Exception):
    """The kernel has no way to the destination: the network's failure, so it becomes data."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Gateway(NamedTuple):
    """The next hop of the default route."""

    address: str
    interface: str


class Sources:
    """The source address that the kernel would choose, per destination."""

    def __init__(self, monotonic: Callable[[], float], interface: str = "") -> None:
        self._monotonic = monotonic
        self._interface = interface
        self._known: dict[str, tuple[float, bytes]] = {}

    def towards(self, address: str) -> bytes:
        """Return our packed address towards ``address`` (NoRoute where there is none).

        Connecting a UDP socket asks the routing table and sends nothing.
        """
        now = self._monotonic()
        known = self._known.get(address)
        if known is not None and now - known[0] < _REMEMBERED:
            return known[1]
        family = family_of(address)
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            bind_device(asking, self._interface)
            try:
                asking.connect((address, 9))
            except OSError as error:
                raise NoRoute(failure_of(error)) from None
            source = socket.inet_pton(family, asking.getsockname()[0].partition("%")[0])
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[address] = (now, source)
        return source


def family_of(address: str) -> socket.AddressFamily:
    """Return the socket family of what must be an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def sockaddr(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return what the socket module takes for an address; a link-local one needs its zone (RFC 4007 11).

    ``fe80::1%eth0`` as one text is read as an address without zone, to which there is no way.

    Raises:
        OSError: EADDRNOTAVAIL, which says what it means: no interface here has that name, or there is no zone.
    """
    host, _, zone = address.partition("%")
    try:
        if ":" not in host or not (zone or ip_address(host).is_link_local):
            return host, port
        return host, port, 0, int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    except OSError:
        raise OSError(errno.EADDRNOTAVAIL, f"no way to {address}: its zone is no interface here") from None


def bind_device(sock: socket.socket, interface: str) -> None:
    """Tie a socket to the configured interface; an empty name leaves it to the routing table (LinkUnusable)."""
    if not interface:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError as error:
        raise LinkUnusable(f"[network] interface = {interface!r}: {error.strerror}; see `ip link`") from None


def default_gateway(interface: str = "", proc: Path = Path("/proc/net")) -> Gateway | None:
    """Return the default gateway, IPv4 before IPv6; ``None`` where there is none (a tunnel has none either).

    Args:
        interface: only routes out of this interface; empty for any.
        proc: the folder of the kernel's tables, so that a test can bring its own.
    """
    found: list[tuple[int, Gateway]] = []
    for fields in _table(proc / "route", 8):
        flags = int(fields[3], 16)
        if fields[1] == "00000000" and fields[7] == "00000000" and flags & _RTF_GATEWAY and flags & _RTF_UP:
            address = socket.inet_ntoa(int(fields[2], 16).to_bytes(4, "little"))
            found.append((int(fields[6]), Gateway(address, fields[0])))
    if not found:
        for fields in _table(proc / "ipv6_route", 10):
            flags = int(fields[8], 16)
            if fields[0] == "0" * 32 and fields[1] == "00" and flags & _RTF_GATEWAY and flags & _RTF_UP:
                address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[4]))
                found.append((int(fields[5], 16), Gateway(address, fields[9])))
    usable = [one for one in found if interface in {"", one[1].interface}]
    return min(usable)[1] if usable else None


def interface_towards(address: str, proc: Path = Path("/proc/net")) -> str | None:
    """Return the interface that the main table sends an address to, ``None`` where it has no route for it.

    An empty text: a route takes it and refuses it (blackhole, unreachable, prohibit). The longest prefix wins, then the
    least metric, as in the kernel; other tables (policy routing) are not in these files.
    """
    wanted = int(ip_address(address))
    found: list[tuple[int, int, str]] = []
    if ":" in address:
        for fields in _table(proc / "ipv6_route", 10):
            length, flags = int(fields[1], 16), int(fields[8], 16)
            if (wanted ^ int(fields[0], 16)) >> (128 - length) == 0 and (fields[9] != "lo" or flags & RTF_REJECT):
                found.append((-length, int(fields[5], 16), "" if flags & RTF_REJECT else fields[9]))
    else:
        for fields in _table(proc / "route", 8):
            target, mask = (int.from_bytes(int(fields[at], 16).to_bytes(4, "little"), "big") for at in (1, 7))
            if wanted & mask == target:
                refused = fields[0] == "*" or int(fields[3], 16) & RTF_REJECT
                found.append((-mask.bit_count(), int(fields[6]), "" if refused else fields[0]))
    return min(found)[2] if found else None


def is_tunnel(interface: str, sys: Path = Path("/sys/class/net")) -> bool:
    """Whether an interface leads through somebody else's network: WireGuard, tun and tap, tunnels of IP in IP.

    PPP and the modems of phones have no broadcast either, and are lines.
    """
    folder = sys / interface
    if (folder / "tun_flags").exists():
        return True
    try:
        kind = (folder / "type").read_text(encoding="ascii").strip()
        event = (folder / "uevent").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "DEVTYPE=wireguard" in event or kind in _TUNNEL_TYPES


def _table(path: Path, width: int) -> list[list[str]]:
    """Read a routing table of /proc, without its heading; an absent file (no IPv6) is an empty table."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [fields for fields in (line.split() for line in lines) if len(fields) >= width and fields[0] != "Iface"]
