"""The networks this machine itself stands in: never measured, never named.

Lives here: reading the kernel's tables of directly connected prefixes. A prefix without a router is not yet a
household: tunnels take the whole internet as "directly connected" (WireGuard by halves, 0.0.0.0/1 and 128.0.0.0/1, or
all of it but a few holes), and blackhole routes have no router either. Must not live here: the rule that refuses
households (limits.py) or hides them (scrub.py), where packets leave by (net/routes.py).
"""

import ipaddress
import re
import socket
from pathlib import Path
from typing import Final

from balise_agent.net.routes import RTF_REJECT

_LOOPBACK: Final = "lo"
_WIDEST: Final = 16
"""Least prefix length of a household with public addresses; what is wider is somebody's way to the world."""
_WIDEST_6: Final = 48
"""RFC 6177: no site has more."""
_LEAF: Final = re.compile(r"\|-- (\S+)((?:\n\s+/\d+ .*)+)")
_LOCAL: Final = re.compile(r"/32 host LOCAL")


def own_prefixes(root: Path = Path("/")) -> tuple[str, ...]:
    """Return the prefixes that are reached without a router, loopback and link-local aside; sorted."""
    found = {*_version_4(root / "proc/net"), *_version_6(root / "proc/net/if_inet6")}
    return tuple(sorted(found))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _lines(path: Path) -> list[list[str]]:
    return [line.split() for line in _text(path).splitlines()]


def _version_4(proc: Path) -> list[str]:
    """Read connected routes: those without a gateway that one of our own addresses lies in, and no wider than a site.

    Where the kernel does not tell our addresses (proc(5): fib_trie), every such route counts.
    """
    own = _own_addresses(_text(proc / "fib_trie"))
    found: list[str] = []
    for fields in _lines(proc / "route")[1:]:
        if len(fields) < 8 or fields[0] in {_LOOPBACK, "*"} or fields[2] != "00000000" or fields[7] == "00000000":
            continue
        if int(fields[3], 16) & RTF_REJECT:
            continue
        address, mask = (socket.inet_ntoa(int(word, 16).to_bytes(4, "little")) for word in (fields[1], fields[7]))
        network = ipaddress.IPv4Network(f"{address}/{mask}", strict=False)
        ours = not own or any(one in network for one in own)
        if ours and (network.prefixlen >= _WIDEST or network.is_private):
            found.append(str(network))
    return found


def _own_addresses(trie: str) -> list[ipaddress.IPv4Address]:
    """Return our addresses by the kernel's own tree of routes."""
    return [ipaddress.IPv4Address(name) for name, kinds in _LEAF.findall(trie) if _LOCAL.search(kinds)]


def _version_6(path: Path) -> list[str]:
    """Read our own addresses with their prefix lengths (proc(5))."""
    found: list[str] = []
    for fields in _lines(path):
        if len(fields) < 6 or fields[5] == _LOOPBACK:
            continue
        length = max(int(fields[2], 16), _WIDEST_6)
        network = ipaddress.ip_network((bytes.fromhex(fields[0]), length), strict=False)
        if not network.is_link_local:
            found.append(str(network))
    return found
