"""The networks this machine itself stands in: never measured, never named.

Lives here: reading the kernel's tables of directly connected prefixes. Must not live here: the rule that refuses them
(limits.py) or hides them (scrub.py).
"""

import ipaddress
import socket
from pathlib import Path
from typing import Final

_LOOPBACK: Final = "lo"


def own_prefixes(root: Path = Path("/")) -> tuple[str, ...]:
    """Return the prefixes that are reached without a router, loopback and link-local aside; sorted."""
    found = {*_version_4(root / "proc/net/route"), *_version_6(root / "proc/net/if_inet6")}
    return tuple(sorted(found))


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="ascii", errors="replace").splitlines()]
    except OSError:
        return []


def _version_4(path: Path) -> list[str]:
    """Read connected routes: those without a gateway. A mask of 0 is a tunnel's default route, not a household."""
    found: list[str] = []
    for fields in _lines(path)[1:]:
        if len(fields) < 8 or fields[0] == _LOOPBACK or fields[2] != "00000000" or fields[7] == "00000000":
            continue
        address, mask = (socket.inet_ntoa(int(word, 16).to_bytes(4, "little")) for word in (fields[1], fields[7]))
        found.append(str(ipaddress.ip_network(f"{address}/{mask}", strict=False)))
    return found


def _version_6(path: Path) -> list[str]:
    """Read our own addresses with their prefix lengths (proc(5))."""
    found: list[str] = []
    for fields in _lines(path):
        if len(fields) < 6 or fields[5] == _LOOPBACK:
            continue
        network = ipaddress.ip_network((bytes.fromhex(fields[0]), int(fields[2], 16)), strict=False)
        if not network.is_link_local:
            found.append(str(network))
    return found
