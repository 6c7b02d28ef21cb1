"""A server of QUIC made of data, for plans and codec of the probe: it answers Initials and asks for versions.

It is built on the probe's own codec; that another reader finds the same in its packets is tests/lab's. Must not live
here: expectations.
"""

from __future__ import annotations

from typing import NamedTuple

from balise_agent.codec import quic
from balise_agent.codec.clienthello import varint

HELLO = b"\x02\x00\x00\x56\x03\x03" + bytes(84)


class Seen(NamedTuple):
    """What an Initial shows."""

    ids: quic.ConnectionIds
    name: str | None


def read_initial(data: bytes) -> Seen | None:
    """Read a client's Initial; ``None`` where it is none."""
    if data[:1] and data[0] & 0xF0 == 0xC0 and data[1:5] == quic.VERSION_1:
        ids = quic.ConnectionIds(data[6:14], data[15:23])
        length, at = quic._number(data, 24)
        plain = quic._unprotect(quic._keys(ids.server, "client in"), data, at, length)
        return Seen(ids, _name(plain))
    return None


def _name(plain: bytes) -> str | None:
    """Find the host_name extension by its three lengths (RFC 6066 3)."""
    hello = plain[4:]
    for at in range(len(hello) - 9):
        size = int.from_bytes(hello[at + 7 : at + 9])
        shape = hello[at : at + 2] + hello[at + 6 : at + 7] == bytes(3)
        if shape and int.from_bytes(hello[at + 2 : at + 4]) == size + 5 and size:
            found = hello[at + 9 : at + 9 + size]
            if found.isascii() and b"." in found and len(found) == size:
                return found.decode()
    return None


def server_initial(seen: Seen, close: int = -1) -> bytes:
    """Return a server's first packet: an acknowledgement, and a ServerHello or a refusal."""
    frames = b"\x02\x00\x00\x00\x00"
    frames += b"\x1c" + varint(close) + b"\0\0" if close >= 0 else b"\x06\x00" + varint(len(HELLO)) + HELLO
    head = b"\xc3" + quic.VERSION_1 + b"\x08" + seen.ids.client + b"\x04abcd\0"
    room = quic.SIZE - len(head) - 2 - 4 - 16
    head += (0x4000 | room + 20).to_bytes(2, "big") + bytes(4)
    return quic._protect(quic._keys(seen.ids.server, "server in"), head, 0, frames.ljust(room, b"\0"))


def version_negotiation(data: bytes) -> bytes:
    """Return a server's list of versions (RFC 9000 17.2.1)."""
    return b"\xcf" + bytes(4) + b"\x08" + data[15:23] + b"\x08" + data[6:14] + quic.VERSION_1


class Server:
    """A server, and a box before it that drops by name."""

    def __init__(self, *names: str, after: bool = False, negotiates: bool = True) -> None:
        """Drop flows that show one of ``names``.

        Args:
            names: that a box looks for.
            after: the name itself is still answered.
            negotiates: whether what asks for versions is answered.
        """
        self.names = names
        self.negotiates = negotiates
        self.after = after
        self.cut = False

    def __call__(self, data: bytes) -> tuple[bytes, ...]:
        """Answer one datagram."""
        seen = read_initial(data)
        if seen is not None and self.cut and seen.name is None:
            return ()
        if seen is not None:
            self.cut = seen.name in self.names
            return (server_initial(seen),) if self.after or not self.cut else ()
        is_long = data[0] & 0xC0 == 0xC0
        return (version_negotiation(data),) if is_long and self.negotiates and not self.cut else ()
