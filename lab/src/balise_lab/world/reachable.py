"""Whether a server answers, asked from the current namespace.

Lives here: one attempt each, with a time limit. Must not live here: asking again (waiting).
"""

import socket
import struct
from contextlib import suppress

_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 0.2


def listens(address: str, port: int) -> bool:
    """Whether a TCP connection to a port comes about."""
    with socket.socket() as handle:
        handle.settimeout(_CONNECT_SECONDS)
        return handle.connect_ex((address, port)) == 0


def resolves(address: str, name: str) -> bool:
    """Whether a name server answers a question for a name without an error (RFC 1035 section 4.1.1)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.settimeout(_ANSWER_SECONDS)
        with suppress(OSError):
            handle.sendto(query, (address, 53))
            return handle.recv(512)[3] & 15 == 0
    return False
