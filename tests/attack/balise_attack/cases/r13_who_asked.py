"""Row 13: a network writes the host's address into what a probe reports: other scripts, encodings, names, digests."""

import base64
import hashlib
import json
import socket
import urllib.parse
from typing import Any

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.hostile import SERVER, HostileNetwork, name

HOST = "80.123.45.67"
"""The household's address, which nobody told the probe: that of its router."""


def _script(zero: int) -> str:
    return "".join(chr(zero + int(character)) if character.isdigit() else character for character in HOST)


FORMS = {
    "persian": _script(0x6F0),
    "arabic": _script(0x660),
    "devanagari": _script(0x966),
    "bengali": _script(0x9E6),
    "thai": _script(0xE50),
    "full width": _script(0xFF10).replace(".", "\uff0e"),
    "mathematical": _script(0x1D7CE),
    "commas": HOST.replace(".", ","),
    "blanks": HOST.replace(".", " "),
    "ideographic stops": HOST.replace(".", "\u3002"),
    "zero-width": HOST.replace(".", "\u200b.\u200b"),
    "zero-width in numbers": "8\u200b0.1\u200d23.4\u20605.6\ufeff7",
    "soft hyphens": HOST.replace(".", "\u00ad."),
    "percent": "".join(f"%{byte:02x}" for byte in HOST.encode()),
    "percent twice": urllib.parse.quote("".join(f"%{byte:02x}" for byte in HOST.encode())),
    "entities": "".join(f"&#{ord(character)};" for character in HOST),
    "base64": base64.b64encode(HOST.encode()).decode(),
    "base64 without padding": base64.b64encode(HOST.encode()).decode().rstrip("="),
    "escapes": "".join(f"\\u{ord(character):04x}" for character in HOST),
    "hexadecimal": "507b2d43",
    "hexadecimal with a mark": "0x507B2D43",
    "hexadecimal pairs": "50:7b:2d:43",
    "one number": "1350249795",
    "octal": "0120.0173.055.0103",
    "the word dot": HOST.replace(".", " dot "),
    "a letter": HOST.replace(".", "x"),
    "mapped": f"::ffff:{HOST}",
    "dashed IPv6": "2a02-8388-1-2-3-4-5-6",
}
_REDACT = """
import json, sys
from balise_agent.policy.redaction import redacted
print(json.dumps({key: redacted(text, 200) for key, text in json.loads(sys.argv[1]).items()}))
"""


def forms(bed: Bed) -> Outcome:
    """Print the address in a title in every form; no form may get past the scrubber."""
    dirty = {what: f"Your IP {text} is blocked" for what, text in FORMS.items()}
    left = bed.script(_REDACT, json.dumps(dirty))
    past = sorted(what for what in dirty if left.get(what, dirty[what]) == dirty[what])
    told = f"{len(dirty) - len(past)} of {len(dirty)} forms recognised"
    return Outcome(not past, told + (f"; past: {', '.join(past[:9])}" if past else ""))


def reports(bed: Bed) -> Outcome:
    """Print it in a page, a header, a CNAME and an answer; what the probe reports must not be searchable for it."""
    network = HostileNetwork(bed)
    body = f"<title>{FORMS['persian']}</title>Blocked for {HOST}.".encode()
    network.page = (
        b"HTTP/1.1 200 OK\r\nServer: box %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % (HOST.replace(".", ",").encode(), len(body))
    ) + body
    page = network.once("http", "--address", SERVER)
    alias = "80-123-45-67.dyn.isp.example"
    bed.address("198.18.1.2")
    network.records = lambda _name: [
        (b"\xc0\x0c", 5, name(alias)),
        (name(alias), 1, socket.inet_aton("198.18.1.2")),  # answers nothing: the home's own router, as this bed has it
    ]
    names = network.once("dns")
    found = {
        "title": _script(0x6F0) in json.dumps(page, ensure_ascii=False),
        "header": HOST.replace(".", ",") in json.dumps(page),
        "digest of the page": _has(page, hashlib.sha256(body).hexdigest()),
        "digest of its packet": _has(page, hashlib.sha256(network.page).hexdigest()[:16]),
        "CNAME": "80-123-45-67" in json.dumps(names),
        "answer of the router's own address": '"198.18.1.2"' in json.dumps(names),
    }
    measured = bool(page.get("observations")) and bool(names.get("observations"))
    past = [what for what, leaks in found.items() if leaks]
    told = f"{len(found) - len(past)} of {len(found)} places say nothing of the host"
    return Outcome(measured and not past, told + (f"; told in: {', '.join(past)}" if past else ""))


def _has(measured: dict[str, Any], digest: str) -> bool:
    return digest in json.dumps(measured)


CASES = (
    Case("13a", "writes the host's address in other scripts and encodings", forms),
    Case("13b", "writes the host's address into page, header, CNAME and answer", reports, seconds=90.0),
)
