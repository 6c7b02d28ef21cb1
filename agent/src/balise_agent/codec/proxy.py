"""What is said to a proxy, and what it answers: SOCKS 5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 9.3.6).

Lives here: bytes, written and read; reading is strict, and what is cut short is ``None``, never an exception. Must not
live here: sockets, proxies' addresses, what an answer means for the service.
"""

import base64
import ipaddress
from typing import Final

from balise_wire.through import ProxyStage

ADMITTED: Final = b"\1\0"
"""The answer of a proxy that takes a name and its password (RFC 1929 2)."""
REPLY_HEAD: Final = 5
"""Bytes of the answer to a request up to the first of its address."""
HTTP_HEAD: Final = 4_096
"""Most bytes of an answer to CONNECT."""
HTTP_END: Final = b"\r\n\r\n"
_SOCKS: Final = 5
_NONE, _NAME = 0, 2
_V4, _DOMAIN, _V6 = 1, 3, 4
_NO_WAY: Final = frozenset({1, 3, 4, 5, 6})
"""General failure, network unreachable, host unreachable, refused, TTL expired (RFC 1928 6)."""
_GATEWAY: Final = frozenset({502, 503, 504})


# --- SOCKS 5 ----------------------------------------------------------------------------------------------------------


def greeting(*, named: bool) -> bytes:
    """Return the methods that we offer: with a name that alone, or else none."""
    return bytes([_SOCKS, 1, _NAME if named else _NONE])


def method(*, named: bool) -> bytes:
    """Return the answer of a proxy that takes the method."""
    return bytes([_SOCKS, _NAME if named else _NONE])


def credentials(username: str, password: str) -> bytes:
    """Return a name and its password (RFC 1929 2)."""
    name, secret = username.encode(), password.encode()
    return b"\1" + bytes([len(name)]) + name + bytes([len(secret)]) + secret


def request(address: str, port: int) -> bytes:
    """Return what asks for a connection to an IP address."""
    parsed = ipaddress.ip_address(address)
    kind = _V4 if parsed.version == 4 else _V6
    return bytes([_SOCKS, 1, 0, kind]) + parsed.packed + port.to_bytes(2)


def rest_of_reply(head: bytes) -> int | None:
    """Return how many bytes of an answer follow its first five; ``None`` where it is none."""
    if len(head) != REPLY_HEAD or head[0] != _SOCKS:
        return None
    return {_V4: 3 + 2, _V6: 15 + 2, _DOMAIN: head[4] + 2}.get(head[3])


def stage_of_reply(head: bytes) -> ProxyStage:
    """Return how far a request led."""
    if head[1] == 0:
        return ProxyStage.OPEN
    return ProxyStage.NO_WAY if head[1] in _NO_WAY else ProxyStage.REFUSED


# --- HTTP CONNECT -----------------------------------------------------------------------------------------------------


def connect(address: str, port: int, username: str, password: str) -> bytes:
    """Return a CONNECT to an IP address, with basic credentials where there is a name."""
    authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if username:
        word = base64.b64encode(f"{username}:{password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {word}")
    return "\r\n".join([*lines, "", ""]).encode()


def stage_of_answer(data: bytes) -> ProxyStage:
    """Return how far a CONNECT led."""
    words = data.split(b"\r\n", 1)[0].split(b" ", 2)
    if HTTP_END not in data or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        return ProxyStage.REFUSED
    status = int(words[1])
    if 200 <= status < 300:
        return ProxyStage.OPEN
    return ProxyStage.NO_WAY if status in _GATEWAY else ProxyStage.REFUSED
