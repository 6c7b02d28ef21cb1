"""The bytes of ``throughput``: requests, one behind the other, and an upload.

Must not live here: what a response says beyond its status; nothing of a body is kept.
"""

import re
from typing import Final

_AGENT: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/112.0.0.0 Safari/537.36"
)
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")


def requests(path: str, host: str, most: int, repeat: int) -> bytes:
    """Return ``repeat`` GETs for one connection (RFC 9112 9.3.2), the last of which asks the server to close."""
    part = f"Range: bytes=0-{most - 1}"
    one = [f"GET {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {_AGENT}", "Accept: */*",
           "Accept-Encoding: identity", part]  # fmt: skip
    alike = "\r\n".join([*one, "Connection: keep-alive", "", ""])
    return (alike * (repeat - 1) + "\r\n".join([*one, "Connection: close", "", ""])).encode("ascii")


def upload(host: str, size: int) -> bytes:
    """Return a request that brings ``size`` bytes that say nothing; filled so that no compressor shortens them."""
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode("ascii")
    state, body = 0x9E3779B97F4A7C15, bytearray()
    while len(body) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        body += state.to_bytes(8, "big")
    return head + bytes(body[:size])


def status_of(head: bytes) -> int | None:
    """Return the status of the first response; ``None`` where none can be read (RFC 9112 4)."""
    found = _STATUS.match(head)
    return None if found is None else int(found[1])
