"""The name that a request asks for: server_name of a ClientHello, or Host of an HTTP request. Pure, hostile bytes."""

import re
from typing import Final

_HOST: Final = re.compile(rb"\r?\nhost[ \t]*:[ \t]*([^\r\n\s]{1,255})", re.IGNORECASE)
_METHOD: Final = re.compile(rb"[A-Z]{3,12} ")
_MOST: Final = 16_384


def asked_name(sent: bytes) -> str:
    """Return the name in lower case; empty where the first bytes that were sent tell none."""
    sent = sent[:_MOST]
    if _METHOD.match(sent):
        found = _HOST.search(sent)
        return found[1].decode("ascii", "replace").lower().rsplit(":", 1)[0] if found else ""
    try:
        return _server_name(sent)
    except IndexError:
        return ""


def _server_name(sent: bytes) -> str:
    """Read extension 0 of a ClientHello (RFC 8446 4.1.2, RFC 6066 3)."""
    if sent[0] != 22 or sent[5] != 1:
        return ""
    at = 5 + 4 + 2 + 32
    at += 1 + sent[at]
    at += 2 + int.from_bytes(sent[at : at + 2], "big")
    at += 1 + sent[at]
    end = at + 2 + int.from_bytes(sent[at : at + 2], "big")
    at += 2
    while at + 4 <= min(end, len(sent)):
        kind, size = int.from_bytes(sent[at : at + 2], "big"), int.from_bytes(sent[at + 2 : at + 4], "big")
        if kind == 0:
            length = int.from_bytes(sent[at + 7 : at + 9], "big")
            return sent[at + 9 : at + 9 + length].decode("ascii", "replace").lower()
        at += 4 + size
    return ""
