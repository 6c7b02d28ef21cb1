"""Which name servers this network handed to the machine, read from resolv.conf, never through the C library.

``getaddrinfo`` is banned: it blocked the thread for 6.1 s on a silent resolver, and hides every answer but one. Must
not live here: asking them (net/udp.py, lookup.py).
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

_STUBS: Final = frozenset({"127.0.0.53", "127.0.0.54"})
"""systemd-resolved's own; it would hide what the provider's resolver says."""
_FILES: Final = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")


_NO_EDNS_SECONDS: Final = 3600.0
"""For how long a resolver is believed to do without EDNS: another network may have the same address."""
_MOST_HABITS: Final = 64


class Habits:
    """What was learned of single servers while asking them; times are monotonic seconds."""

    def __init__(self) -> None:
        self._no_edns: dict[str, float] = {}

    def note_no_edns(self, server: str, now: float) -> None:
        """Remember that a server answers only questions without EDNS."""
        if len(self._no_edns) >= _MOST_HABITS:
            self._no_edns.clear()
        self._no_edns[server] = now + _NO_EDNS_SECONDS

    def refuses_edns(self, server: str, now: float) -> bool:
        """Whether a server is to be asked without EDNS from the start."""
        return now < self._no_edns.get(server, float("-inf"))


class Resolvers:
    """The provider's resolvers, read again whenever the file changed."""

    def __init__(self, configured: tuple[str, ...] = (), root: Path = Path("/")) -> None:
        """Take the configured ones, or learn them below ``root`` (an argument so that a test can bring its own)."""
        self._configured = configured
        self._files = [root / name for name in _FILES]
        self._root = root
        self.habits = Habits()
        self._seen: list[tuple[int, int]] = []
        self._learned: tuple[str, ...] = ()

    def addresses(self) -> tuple[str, ...]:
        """Return the addresses in the system's order; empty where the system knows none."""
        if self._configured:
            return tuple(self._zoned(address) for address in self._configured)
        seen = [_state(path) for path in self._files]
        if seen != self._seen:
            self._seen = seen
            self._learned = self._learn()
        return tuple(self._zoned(address) for address in self._learned)

    def _zoned(self, address: str) -> str:
        """Give a link-local address without zone the interface that IPv6 leaves by: no way leads to it without one."""
        if "%" in address or ":" not in address or not ip_address(address).is_link_local:
            return address
        zone = _outward_interface(self._root / "proc/net")
        return f"{address}%{zone}" if zone else address

    def _learn(self) -> tuple[str, ...]:
        """Read the files in turn until one names more than a local stub."""
        stubs: tuple[str, ...] = ()
        for path in self._files:
            found = nameservers(_read(path))
            real = tuple(address for address in found if address not in _STUBS)
            if real:
                return real
            stubs = stubs or found
        return stubs


def nameservers(text: str) -> tuple[str, ...]:
    """Return the ``nameserver`` addresses of a resolv.conf; a line that holds no address is passed over."""
    found: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and _is_address(words[1]):
            found.append(words[1])
    return tuple(dict.fromkeys(found))


def _outward_interface(proc: Path) -> str:
    """Return the interface of IPv6's default route, else the first that has a link-local address (proc(5))."""
    for fields in (line.split() for line in _read(proc / "ipv6_route").splitlines()):
        if len(fields) >= 10 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            return fields[9]
    fields_of = (line.split() for line in _read(proc / "if_inet6").splitlines())
    return next((fields[5] for fields in fields_of if len(fields) >= 6 and fields[0].startswith("fe80")), "")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
