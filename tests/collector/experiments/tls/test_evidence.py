"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.tls.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.tls import Certificate, TlsObservation
from balise_wire.words import Arm

AT = 1_700_000_000.0
TRIAL = TlsObservation(arm=Arm.SUBJECT, at=AT, address="198.51.100.1", port=443, sni="a.example")


def certificate(**facts: object) -> Certificate:
    """Return a certificate of one year."""
    known = {"sha256": "ab" * 32, "subject": "CN=a", "issuer": "CN=b", "not_before": AT, "not_after": AT + 31_536_000}
    return Certificate(**{**known, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, []),
        ({"version": "TLSv1.3"}, ["TLSv1.3"]),
        ({"full": True, "version": "TLSv1.3", "alpn": "h2"}, ["whole handshake: TLSv1.3, h2"]),
        (
            {"chain": (certificate(),)},
            ["certificate CN=a, by CN=b, 2023-11-14 to 2024-11-13, SHA-256 abababababababab"],
        ),
    ],
)
def test_a_fact_without_a_column_has_a_sentence(facts: dict[str, object], told: list[str]) -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    assert EVIDENCE.also(msgspec.structs.replace(TRIAL, **facts), gettext_noop) == told


@pytest.mark.parametrize("at", [0.0, -1e300, 1e300, 253_402_300_800.0])
def test_a_date_that_no_clock_has_is_no_date(at: float) -> None:
    """A certificate of a stranger says whatever it likes; the page stands."""
    (told,) = EVIDENCE.also(msgspec.structs.replace(TRIAL, chain=(certificate(not_after=at),)), gettext_noop)
    assert "2023-11-14 to -, SHA-256" in told


def test_a_stranger_writes_no_control_characters() -> None:
    """Subjects and protocols are printed as text: no line of theirs begins a line of ours."""
    hostile = "a\n\u202eb\x1b[31m"
    trial = msgspec.structs.replace(TRIAL, alpn=hostile, chain=(certificate(subject=hostile, issuer=hostile),))
    for told in EVIDENCE.also(trial, gettext_noop):
        assert all(letter.isprintable() for letter in told), told


def test_a_hello_without_a_name_is_told_as_one() -> None:
    """The absent arm says no name; what came back is told by its first record."""
    one = msgspec.structs.replace(TRIAL, sni=None, record="alert:40", bytes_received=7)
    assert EVIDENCE.told(one, gettext_noop) == ("hello without a name to 198.51.100.1 port 443", "alert 40, 7 bytes")
