"""What else a trial saw, in short sentences: facts that no table has a column for. Pure; for the operator's eyes.

They leave the probe with every measurement, so somebody must be able to look at them: who doubts a verdict, and who
writes the next rule. Must not live here: what follows from them (judge/), what the public sees (sanitised.py).
"""

from typing import Final

from balise_collector.pages.views.formatting import machine_time
from balise_collector.system.harmless import printable
from balise_collector.words.translation import Say, noted
from balise_wire.evidence import Packet
from balise_wire.observations import (
    Certificate,
    DnsAnswer,
    DnsObservation,
    Hop,
    HttpObservation,
    LineObservation,
    Observation,
    PathObservation,
    TcpObservation,
    TlsObservation,
)

_LATEST: Final = 2e11
"""UNIX seconds near the year 8300: what lies beyond cannot be written as a day, and a certificate may say anything."""


def particulars(one: Observation, say: Say = noted) -> tuple[str, ...]:
    """Return the particulars of one trial; names and texts of strangers are printable."""
    told: list[str] = []
    if isinstance(one, DnsObservation):
        told = _dns(one, say)
    elif isinstance(one, TcpObservation):
        told = [say("{n} ICMP errors").format(n=one.icmp_errors)] if one.icmp_errors else []
    elif isinstance(one, TlsObservation):
        told = _tls(one, say)
    elif isinstance(one, HttpObservation):
        told = [say("cut off at our own limit")] if one.truncated else []
        told += [say("its head breaks the rules, as browsers forgive")] if one.malformed else []
    elif isinstance(one, LineObservation):
        failed = [printable(control.name) for control in one.controls if control.failure is not None]
        told = [say("without an answer: {names}").format(names=", ".join(failed))] if failed else []
    elif isinstance(one, PathObservation):
        told = [say("probes carried {what}").format(what=printable(one.payload))] if one.payload else []
        told += [_hop(hop) for hop in one.hops]
    if one.flood_bytes:
        told.append(say("flooded with {n} bytes that nobody had asked for").format(n=f"{one.flood_bytes:,}"))
    told += [say("an ICMP error came from {hop}").format(hop=printable(hop)) for hop in _routers(one.packets)]
    return tuple(told)


def _dns(one: DnsObservation, say: Say) -> list[str]:
    """Return which resolvers were asked in vain, what was tried with TLS, and what else the answers say."""
    told = []
    if one.silent_resolvers:
        told.append(say("{n} resolvers before it were silent").format(n=one.silent_resolvers))
    if one.tls_address:
        fits = {
            True: say("{address} shows the service's certificate"),
            False: say("{address} does not show the service's certificate"),
            None: say("{address} was tried with TLS, and shows nothing"),
        }
        told.append(fits[one.tls_consistent].format(address=one.tls_address))
    flags = list(dict.fromkeys(filter(None, (_flags(answer) for answer in one.answers))))
    lasts = sorted({answer.rr_ttl for answer in one.answers if answer.rr_ttl >= 0})
    if flags:
        told.append(say("answered with {flags}").format(flags=say(", then ").join(flags)))
    if lasts:
        told.append(say("to be kept for {seconds} s").format(seconds=", ".join(map(str, lasts))))
    if any(answer.cut for answer in (*one.answers, *one.set_aside)):
        told.append(say("of an answer only the first fragment came"))
    return told


def _flags(answer: DnsAnswer) -> str:
    """Return a header's bits (RFC 1035 4.1.1) and the OPT record (RFC 6891) by their names."""
    bits = {"AA": answer.aa, "TC": answer.tc, "RA": answer.ra, "EDNS": answer.edns}
    return " ".join(name for name, there in bits.items() if there)


def _tls(one: TlsObservation, say: Say) -> list[str]:
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
    return machine_time(at)[:10] if 0 < at < _LATEST else "-"


def _hop(one: Hop) -> str:
    """Return one hop of a path in a line."""
    time = "" if one.rtt_ms is None else f" {one.rtt_ms:.1f} ms"
    return f"{one.ttl}: {printable(one.address) or '*'}{time} {printable(one.answer)}".rstrip()


def _routers(packets: tuple[Packet, ...]) -> list[str]:
    """Return the routers that reported an error, each once."""
    return list(dict.fromkeys(packet.hop for packet in packets if packet.hop))
