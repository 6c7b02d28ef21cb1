"""Responses for the tests of http."""

from __future__ import annotations


def page(status: int = 200, body: bytes = b"<title>Home</title>", **headers: str) -> bytes:
    """Return a response with a content length."""
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Length: {len(body)}",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
