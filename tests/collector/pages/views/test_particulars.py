"""What a trial saw beside the columns of the tables: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.pages.views.particulars import particulars
from balise_wire.evidence import Direction, Packet
from balise_wire.failures import Failure
from balise_wire.observations import (
    Certificate,
    ControlResult,
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
from balise_wire.words import Arm, Scope

AT = 1_700_000_000.0


def answer(**facts: object) -> DnsAnswer:
    """Return an answer of a resolver."""
    return DnsAnswer(**{"rtt_ms": 1.0, **facts})  # type: ignore[arg-type]


def certificate(**facts: object) -> Certificate:
    """Return a certificate of one year."""
    known = {"sha256": "ab" * 32, "subject": "CN=a", "issuer": "CN=b", "not_before": AT, "not_after": AT + 31_536_000}
    return Certificate(**{**known, **facts})  # type: ignore[arg-type]


DNS = DnsObservation(arm=Arm.SUBJECT, at=AT, name="a.example")
TCP = TcpObservation(arm=Arm.SUBJECT, at=AT, address="198.51.100.1", port=443)
TLS = TlsObservation(arm=Arm.SUBJECT, at=AT, address="198.51.100.1", port=443, sni="a.example")
HTTP = HttpObservation(arm=Arm.SUBJECT, at=AT, address="198.51.100.1", port=80, host="a.example")
PATH = PathObservation(arm=Arm.SUBJECT, at=AT, address="198.51.100.1", port=443)
LINE = LineObservation(arm=Arm.SUBJECT, at=AT)

TOLD: list[tuple[Observation, dict[str, object], tuple[str, ...]]] = [
    (DNS, {}, ()),
    (DNS, {"silent_resolvers": 2}, ("2 resolvers before it were silent",)),
    (DNS, {"tls_address": "192.0.2.1"}, ("192.0.2.1 was tried with TLS, and shows nothing",)),
    (
        DNS,
        {"tls_address": "192.0.2.1", "tls_consistent": False},
        ("192.0.2.1 does not show the service's certificate",),
    ),
    (DNS, {"answers": (answer(aa=True, ra=True, edns=True),)}, ("answered with AA RA EDNS",)),
    (DNS, {"answers": (answer(ra=True), answer(tc=True))}, ("answered with RA, then TC",)),
    (DNS, {"answers": (answer(rr_ttl=60), answer(rr_ttl=0))}, ("to be kept for 0, 60 s",)),
    (DNS, {"set_aside": (answer(cut=True),)}, ("of an answer only the first fragment came",)),
    (TCP, {"icmp_errors": 3}, ("3 ICMP errors",)),
    (TCP, {"flood_bytes": 1_000_000}, ("flooded with 1,000,000 bytes that nobody had asked for",)),
    (
        TCP,
        {"packets": (Packet(t_us=1, direction=Direction.IN, protocol="icmp", icmp="3/13", hop="192.0.2.9"),) * 2},
        ("an ICMP error came from 192.0.2.9",),
    ),
    (TLS, {"version": "TLSv1.3"}, ("TLSv1.3",)),
    (TLS, {"full": True, "version": "TLSv1.3", "alpn": "h2"}, ("whole handshake: TLSv1.3, h2",)),
    (
        TLS,
        {"chain": (certificate(),)},
        ("certificate CN=a, by CN=b, 2023-11-14 to 2024-11-13, SHA-256 abababababababab",),
    ),
    (
        HTTP,
        {"truncated": True, "malformed": True},
        ("cut off at our own limit", "its head breaks the rules, as browsers forgive"),
    ),
    (
        LINE,
        {
            "controls": (
                ControlResult(name="one", scope=Scope.DOMESTIC, failure=Failure.GENERIC_TIMEOUT),
                ControlResult(name="two", scope=Scope.DOMESTIC),
            )
        },
        ("without an answer: one",),
    ),
    (
        PATH,
        {
            "payload": "ClientHello",
            "hops": (Hop(ttl=1, address="192.0.2.1", rtt_ms=1.25, answer="time exceeded"), Hop(ttl=2)),
        },
        ("probes carried ClientHello", "1: 192.0.2.1 1.2 ms time exceeded", "2: *"),
    ),
]


@pytest.mark.parametrize(("trial", "facts", "told"), TOLD)
def test_a_fact_without_a_column_has_a_sentence(
    trial: Observation, facts: dict[str, object], told: tuple[str, ...]
) -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    assert particulars(msgspec.structs.replace(trial, **facts)) == told


@pytest.mark.parametrize("at", [0.0, -1e300, 1e300, 253_402_300_800.0])
def test_a_date_that_no_clock_has_is_no_date(at: float) -> None:
    """A certificate of a stranger says whatever it likes; the page stands."""
    (told,) = particulars(msgspec.structs.replace(TLS, chain=(certificate(not_after=at),)))
    assert "2023-11-14 to -, SHA-256" in told


def test_a_stranger_writes_no_control_characters() -> None:
    """Subjects, protocols and hops are printed as text: no line of theirs begins a line of ours."""
    hostile = "a\n\u202eb\x1b[31m"
    trials = (
        msgspec.structs.replace(TLS, alpn=hostile, chain=(certificate(subject=hostile, issuer=hostile),)),
        msgspec.structs.replace(PATH, payload=hostile, hops=(Hop(ttl=1, address=hostile, answer=hostile),)),
    )
    for told in (fact for trial in trials for fact in particulars(trial)):
        assert all(letter.isprintable() for letter in told), told
