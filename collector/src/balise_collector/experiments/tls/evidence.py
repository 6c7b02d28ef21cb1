"""One greeting as people see it, with the certificates that were shown. Pure.

Must not live here: marks of packets, verdicts.
"""

from datetime import UTC, datetime
from typing import Final

from balise_collector.experiments.shown import Simple, proxied
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.tls import Certificate, TlsObservation

_LATEST: Final = 2e11
"""UNIX seconds near the year 8300: what lies beyond cannot be written as a day, and a certificate may say anything."""


class TlsEvidence(Simple[TlsObservation]):
    """A hello, and what came back."""

    public = True

    def told(self, one: TlsObservation, say: Say) -> tuple[str, str]:
        """Return the name and where it was said, and the first record back with its size."""
        asked = say("hello without a name to {address} port {port}")
        if one.sni:
            asked = say("hello with the name {name} to {address} port {port}")
        came = one.record.replace("_", " ").replace(":", " ") or say("answer")
        size = say("{what}, {bytes} bytes").format(what=came, bytes=one.bytes_received)
        where = asked.format(name=one.sni, address=one.address, port=one.port)
        return (where if one.through is None else f"{where}, {proxied(one.through, say)}"), size

    def also(self, one: TlsObservation, say: Say) -> list[str]:
        """Return how far the handshake went, and the chain that was shown."""
        agreed = ", ".join(filter(None, (printable(one.version), printable(one.alpn))))
        told = [say("whole handshake") + (f": {agreed}" if agreed else "")] if one.full else [agreed] if agreed else []
        return [*told, *(_certificate(certificate, say) for certificate in one.chain)]


def _certificate(one: Certificate, say: Say) -> str:
    """Return one certificate in a line; days are UTC, and no date where it says one that no clock has."""
    return say("certificate {subject}, by {issuer}, {first} to {last}, SHA-256 {digest}").format(
        subject=printable(one.subject) or "-",
        issuer=printable(one.issuer) or "-",
        first=_day(one.not_before),
        last=_day(one.not_after),
        digest=one.sha256[:16] or "-",
    )


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if 0 < at < _LATEST else "-"


EVIDENCE: Final = TlsEvidence()
