"""A proxy of the field: what it answers to who asks it for a connection, and who answers behind it.

It is asked as the agent asks (RFC 1928, RFC 9110 9.3.6) and sees the far server from its own country: what acts on
homes does not act on it. Must not live here: segments, boxes between a home and the proxy (answering.py).
"""

import ipaddress
from typing import Final, NamedTuple

from balise_lab.field.network import answering
from balise_lab.field.network.answering import Answer, Arrival
from balise_lab.field.network.home_network import HomeNetwork
from balise_lab.field.network.hosts import Server
from balise_lab.field.network.passing import Way
from balise_lab.field.network.reading import Shown

_THINKS: Final = 0.002
_REFUSED, _UNREACHABLE = 5, 4
_V4, _V6 = 1, 4
_SERVED: Final = 443
"""The port by which it is asked whether a relay's server is reached: one that every server has."""


class Onward(NamedTuple):
    """The connection that a proxy made."""

    server: Server
    port: int
    home: HomeNetwork
    """The far server's network as the proxy sees it."""
    way: Way


def asked(home: HomeNetwork, proxy: Server, there: Way, data: bytes) -> tuple[Answer, Onward | None]:
    """Return what a proxy answers, and the connection that it made if that is what it was asked for.

    Args:
        home: of the probe.
        proxy: that is asked.
        there: the way to it.
        data: what it is told.
    """
    if data[:1] == b"\5" and len(data) == 3:
        return _said(there.seconds, b"\5" + data[2:3]), None
    if data[:1] == b"\1":
        return _said(there.seconds, b"\1\0"), None
    socks = data[:1] == b"\5"
    place = _of_socks(data) if socks else _of_connect(data)
    if place is None:
        return answering.SILENCE, None
    beyond = home.seen_from(proxy)
    way = beyond.way(place[0])
    fate = beyond.fate(place[0], place[1], way)
    server = beyond.server(place[0])
    if fate is None and server is not None:
        words = b"\5\0\0\1" + bytes(6) if socks else b"HTTP/1.1 200 Connection established\r\n\r\n"
        return _said(there.seconds + way.seconds, words), Onward(server, place[1], beyond, way)
    if fate is None or not fate.after:
        return answering.SILENCE, None
    code = _REFUSED if fate.word in {"refused", "rst"} else _UNREACHABLE
    words = bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]) if socks else b"HTTP/1.1 502 Bad Gateway\r\n\r\n"
    return _said(there.seconds + fate.after, words), None


def handed_on(home: HomeNetwork, proxy: Server, to: tuple[str, int]) -> Onward | None:
    """Return the connection that a relay made to where it always leads; ``None`` where nobody answers there."""
    beyond = home.seen_from(proxy)
    address = next(iter(home.world.addresses_of(to[0])), "")
    server, way = beyond.server(address), beyond.way(address)
    if server is None or beyond.fate(address, _SERVED, way) is not None:
        return None
    return Onward(server, to[1], beyond, way)


def chat(onward: Onward, there: Way, data: bytes) -> Answer:
    """Return what WhatsApp's chat says behind its relay: the server's hello to a client's, and nothing else."""
    if data[:2] != b"WA" or data[7:11] != b"\x12\x22\x0a\x20":
        return answering.SILENCE
    fields = b"\x0a\x20" + data[11:43] + b"\x12\x30" + bytes(48)
    hello = b"\x1a" + bytes([len(fields)]) + fields
    return _said(there.seconds + onward.way.seconds, len(hello).to_bytes(3, "big") + hello)


def behind(onward: Onward, there: Way, shown: Shown) -> Answer:
    """Return what comes back from behind a proxy to a client's first bytes."""
    way = onward.way._replace(seconds=onward.way.seconds + there.seconds)
    return answering.answer(onward.home, onward.server, onward.port, way, shown)


def _said(seconds: float, words: bytes) -> Answer:
    return Answer((Arrival(seconds + _THINKS, "PA", words),))


def _of_socks(data: bytes) -> tuple[str, int] | None:
    size = {_V4: 4, _V6: 16}.get(data[3] if len(data) > 3 else 0, 0)
    if not size or len(data) != 6 + size:
        return None
    return str(ipaddress.ip_address(data[4 : 4 + size])), int.from_bytes(data[4 + size :])


def _of_connect(data: bytes) -> tuple[str, int] | None:
    words = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    host, _, port = (words[1] if len(words) > 1 else "").rpartition(":")
    if words[0] != "CONNECT" or not port.isdigit():
        return None
    return host.strip("[]"), int(port)
