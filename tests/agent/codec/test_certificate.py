"""The lenient reader of certificates against the strict one, and against anything."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec.certificate import told_by

KEY = ec.generate_private_key(ec.SECP256R1())


def made(issuer: list[x509.NameAttribute[str]], first: int = 2020, last: int = 2030) -> x509.Certificate:
    """Return a certificate by this issuer, valid from one year to another."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.org")]))
        .issuer_name(x509.Name(issuer))
        .public_key(KEY.public_key())
        .serial_number(2**158 - 1)
        .not_valid_before(dt.datetime(first, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(last, 1, 1, tzinfo=dt.UTC))
        .sign(KEY, hashes.SHA256())
    )


@pytest.mark.parametrize(
    "issuer",
    [
        [x509.NameAttribute(NameOID.COMMON_NAME, "Filter, Inc. <a+b>")],
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PK"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "\u06a9\u0645\u067e\u0646\u06cc"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Root 1"),
        ],
    ],
)
@pytest.mark.parametrize(("first", "last"), [(1960, 2049), (2020, 2050), (1951, 9998)])
def test_it_agrees_with_the_strict_reader(issuer: list[x509.NameAttribute[str]], first: int, last: int) -> None:
    """Names, dates on both sides of UTCTime's century and the key's bytes are those that the library reads."""
    certificate = made(issuer, first, last)
    told = told_by(certificate.public_bytes(Encoding.DER))
    assert told.issuer == certificate.issuer.rfc4514_string()
    assert told.subject == "www.example.org"
    assert told.not_before == certificate.not_valid_before_utc.timestamp()
    assert told.not_after == certificate.not_valid_after_utc.timestamp()
    assert told.key == KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


WHOLE = made([x509.NameAttribute(NameOID.COMMON_NAME, "Filter")]).public_bytes(Encoding.DER)


def test_what_is_cut_gives_less() -> None:
    """A certificate without its end tells what a reader can still be sure of: nothing, since no length holds."""
    # Not one test a size: a signature's length differs from run to run, and so would the list of tests.
    for size in range(0, len(WHOLE), 7):
        assert told_by(WHOLE[:size]).issuer == "", size


@given(junk=st.binary(max_size=200), at=st.integers(0, 500), kept=st.integers(0, 500))
def test_anything_is_read(junk: bytes, at: int, kept: int) -> None:
    """Junk, and junk in the middle of a certificate, never raise."""
    assert isinstance(told_by(junk).issuer, str)
    assert isinstance(told_by(WHOLE[:at] + junk + WHOLE[kept:]).key, bytes)
