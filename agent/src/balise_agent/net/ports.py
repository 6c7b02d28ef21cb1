"""The source ports that are ours, and who has which.

The tap's filter lives in the kernel and cannot know single sockets, so everything the probe sends leaves from one
range, above the kernel's own ephemeral ports (32768-60999): crafted packets from the lower part, kernel sockets from
the upper. An ICMP echo's identifier is taken from the same range. Here only numbers are handed out; no sockets.
"""

from typing import Final

from balise_agent.system.errors import LinkUnusable

CRAFTED: Final = range(61000, 62000)
"""For packets outside the kernel's TCP."""
KERNEL: Final = range(62000, 65500)
"""For kernel sockets, bound before they connect so that the tap hears the first SYN."""
FIRST: Final = CRAFTED.start
LAST: Final = KERNEL.stop - 1


class PortPool:
    """Hands out the ports of one range, each as long unused as possible."""

    def __init__(self, ports: range, start: int) -> None:
        """Begin at ``start`` modulo the range: chance is the caller's."""
        self._ports = ports
        self._next = start % len(ports)
        self._taken: set[int] = set()

    def take(self, wanted: int = 0) -> int:
        """Return a port that nobody holds: the wanted one where it is such a one.

        Raises:
            LinkUnusable: all are held, which is a leak of ours.
        """
        if wanted in self._ports and wanted not in self._taken:
            self._taken.add(wanted)
            return wanted
        for _ in range(len(self._ports)):
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            if port not in self._taken:
                self._taken.add(port)
                return port
        raise LinkUnusable(f"all {len(self._ports)} source ports are in use; fewer targets at once would help")

    def give(self, port: int) -> None:
        """Take a port back."""
        self._taken.discard(port)
