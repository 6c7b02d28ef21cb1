"""Which receive offloads an interface has on: they merge packets before the tap hears them (ethtool(8)).

Lives here: asking the kernel with SIOCETHTOOL, which needs no right. Must not live here: changing them; the shipped
.link file does that before we start.
"""

import array
import fcntl
import socket
import struct
from typing import Final

_SIOCETHTOOL: Final = 0x8946
_GGRO: Final = 0x0000002B
_GFLAGS: Final = 0x00000025
_FLAG_LRO: Final = 1 << 15
"""linux/ethtool.h."""


def receive_offloads(interface: str) -> tuple[str, ...]:
    """Return the names of those that are on; empty as well where the driver does not say."""
    gro, flags = _ask(interface, _GGRO), _ask(interface, _GFLAGS)
    return tuple(name for name, on in (("gro", gro != 0), ("lro", bool(flags & _FLAG_LRO))) if on)


def _ask(interface: str, command: int) -> int:
    """Return one number (struct ethtool_value) of an interface; 0 where there is no answer."""
    value = array.array("I", [command, 0])
    request = struct.pack("16sP", interface.encode()[:15], value.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, _SIOCETHTOOL, request.ljust(40, b"\0"))
        except OSError:
            return 0
    return value[1]
