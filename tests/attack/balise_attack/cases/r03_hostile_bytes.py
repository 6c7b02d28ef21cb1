"""Row 3: bytes that no reader expects: certificates that hide interception, heads for browsers only; own failures."""

import json
import socket
from typing import Any

from cryptography import x509

from balise_attack.bed import Bed
from balise_attack.board import Board
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_attack.hostile import HostileNetwork, certificate

ISSUER = "Interceptor"
_NAMES = x509.ObjectIdentifier("2.5.29.17")
CERTIFICATES: dict[str, Any] = {
    "version 24": {"change": ("a003020102", "a003020117")},
    "an X.400 address as name": {"names": x509.UnrecognizedExtension(_NAMES, bytes.fromhex("3004a3023000"))},
    "an unknown signature": {"change": ("06082a8648ce3d040302", "06082a8648ce3d04037f")},
    "the thirteenth month": {"change": ("3230303130313030303030305a", "3230313330313030303030305a")},
    "no text in its names": {"names": x509.UnrecognizedExtension(_NAMES, bytes.fromhex("30068204fffefdfc"))},
    "a negative serial number": {"change": ("020107", "0201f9")},
}


def certificates(bed: Bed) -> Outcome:
    """Intercept a name with certificates that readers dislike; each must be a failed certificate with its issuer."""
    network = HostileNetwork(bed)
    files = {
        what: certificate(bed.folder / f"{n}.pem", ISSUER, **how) for n, (what, how) in enumerate(CERTIFICATES.items())
    }
    addresses = {what: f"198.18.2.{number}" for number, what in enumerate(CERTIFICATES, 1)}
    for what, address in addresses.items():
        bed.address(address)
        network.shows(files[what], address)
    network.shows(files["version 24"])
    measured, names = network.once_each("tls", addresses), network.once("dns")
    lost = [f"{what}: {found.get('raised', 'no issuer')[:60]}" for what, found in measured.items() if not _told(found)]
    checked = any(trial.get("tls_consistent") is False for trial in names.get("observations", ()))
    if not checked:
        lost.append(f"dns: {names.get('raised', 'unchecked')[:60]}")
    told = sum(map(_told, measured.values()))
    figure = f"{told} of {len(measured)} hostile certificates told with their issuer, answer of dns checked: {checked}"
    return Outcome(not lost, figure + (f"; lost: {'; '.join(lost[:2])}" if lost else ""))


def _told(measured: dict[str, Any]) -> bool:
    """Whether a measurement shows a chain that did not convince, and by whom it was made."""
    chains = [trial for trial in measured.get("observations", ()) if trial.get("chain")]
    return any(not trial.get("verified") and ISSUER in trial["chain"][0].get("issuer", "") for trial in chains)


_TITLE = b"<html><head><title>Service</title></head><body>hello</body></html>"
HEADS = {
    "a folded field": b"HTTP/1.1 200 OK\r\nX-Long: first\r\n second part\r\nContent-Length: 66\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nSet-Cookie : a=b; path=/\r\nContent-Length: 66\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nThis line has no colon\r\nContent-Length: 66\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nServer:nginx\0\r\nContent-Length: 66\r\n\r\n",
    "17 KB": b"HTTP/1.1 200 OK\r\nPolicy: " + b"https://a.example.com " * 800 + b"\r\nContent-Length: 66\r\n\r\n",
    "130 fields": b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-%d: v\r\n" % n for n in range(130))
    + b"Content-Length: 66\r\n\r\n",
    "a length told twice": b"HTTP/1.1 200 OK\r\nContent-Length: 66, 66\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 66\r\n\r\n",
    "bare line feeds": b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 66\r\n\r\n",
}


def heads(bed: Bed) -> Outcome:
    """Answer with heads that break a rule and that every browser reads; each must be a page with its status."""
    network = HostileNetwork(bed)
    addresses = {what: f"198.18.3.{number}" for number, what in enumerate(HEADS, 1)}
    for what, address in addresses.items():
        network.writes(HEADS[what] + _TITLE, address)
    measured = network.once_each("http", addresses)
    lost = [what for what, found in measured.items() if not _is_page(found)]
    figure = f"{len(HEADS) - len(lost)} of {len(HEADS)} heads read"
    return Outcome(not lost, figure + (f"; not: {', '.join(lost[:4])}" if lost else ""))


def _is_page(measured: dict[str, Any]) -> bool:
    trials = measured.get("observations", ())
    fine = [t for t in trials if (t.get("status"), t.get("title"), t.get("failure")) == (200, "Service", None)]
    return bool(trials) and len(fine) == len(trials)


_CATALOGUE = {
    "lab.toml": """
service = "lab"
version = "laboratory"
[[target]]
role = "web"
host = "a.lab"
addresses = ["198.18.0.10"]
experiments = ["tcp"]
"""
}
_SETTINGS = '[network]\nlaboratory = ["198.18.0.0/15"]\n[timetable]\ninterval = 60\nline = 30\nhealth = 60\n'
_SCALE = 30


def own_failures(bed: Bed) -> Outcome:
    """Let the probe's own machine refuse its packets; its runs must say so, accuse nobody, and be no silence."""
    bed.address("198.18.0.10")
    socket.create_server(("198.18.0.10", 443))
    centre = Centre(bed, catalogue=_CATALOGUE, settings=_SETTINGS, scale=_SCALE)
    centre.start()
    probe = centre.enrol(FieldProbe("probe0001"))
    board = Board(bed, centre, probe)
    rules = "table inet t {\n chain o {\n type filter hook output priority 0\n ip daddr 198.18.0.10 drop\n }\n}\n"
    file = bed.folder / "rules.nft"
    file.write_text(rules, encoding="ascii")
    done = bed.call([bed.tool("nft"), "-f", file])
    if done.returncode:
        return Outcome(held=False, figure=f"nft: {done.stderr.strip()[:100]}")
    board.start()
    bed.until(lambda: board.said().count("own failure") >= 3, 30.0)
    bed.until(lambda: len(_verdicts(centre)) >= 2, 20.0)
    found = _verdicts(centre)
    ours = [one for one in found if one == ("insufficient", "own.failure")]
    said = board.said().count("own failure")
    return Outcome(
        len(ours) >= 2 and len(ours) == len(found),
        f"{said} runs that the probe's own firewall ended: {len(ours)} measurements say so, "
        f"{len(found) - len(ours)} say anything else",
    )


def _verdicts(centre: Centre) -> list[tuple[str, str]]:
    """Return state and rule of every verdict on the target."""
    rows = centre.rows("SELECT state, body FROM verdict WHERE layer = 'tcp'", file="derived.sqlite")
    return [(state, json.loads(body)["rule"]) for state, body in rows]


CASES = (
    Case("3a", "intercepts a name with certificates that readers dislike", certificates, seconds=120.0),
    Case("3b", "answers with heads that break a rule and that browsers read", heads, seconds=120.0),
    Case("3c", "the probe's own machine refuses its packets", own_failures, seconds=120.0),
)
