"""Trust in certificate chains at any date: made here, with a root of our own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.errors import ConfigError
from balise_agent.net.trust import TrustStore, matches
from balise_wire.failures import Failure

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2020, 5, 17, tzinfo=dt.UTC).timestamp()
YEAR = 366 * 86_400.0


@dataclass
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """Return the certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)


def sign(name: str, issuer: Signed | None = None, *, ca: bool = False, names: tuple[str, ...] = ()) -> Signed:
    """Make a certificate for the year 2020."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + dt.timedelta(days=366))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return Signed(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@pytest.fixture(scope="module")
def root() -> Signed:
    """Return a root."""
    return sign("Root", ca=True)


@pytest.fixture(scope="module")
def middle(root: Signed) -> Signed:
    """Return an intermediate."""
    return sign("Middle", root, ca=True)


@pytest.fixture(scope="module")
def leaf(middle: Signed) -> Signed:
    """Return a leaf for two names."""
    return sign("leaf", middle, names=("www.example.org", "*.cdn.example.org"))


@pytest.fixture
def store(root: Signed, tmp_path: Path) -> TrustStore:
    """Return a store that trusts nothing but the root."""
    path = tmp_path / "root.pem"
    path.write_bytes(b"comment\n" + root.certificate.public_bytes(Encoding.PEM))
    return TrustStore(str(path), root=tmp_path)


@pytest.mark.parametrize("name", ["www.example.org", "WWW.example.org.", "img.cdn.example.org", None])
def test_a_sound_chain_convinces(store: TrustStore, leaf: Signed, middle: Signed, name: str | None) -> None:
    """Names, wildcards and case; the second time from memory."""
    assert store.verify([leaf.der, middle.der], name, NOW) is None
    assert store.verify([leaf.der, middle.der], name, NOW + 1) is None


@pytest.mark.parametrize("name", ["example.org", "a.b.cdn.example.org", "cdn.example.org", "twitter.com"])
def test_another_name_does_not(store: TrustStore, leaf: Signed, middle: Signed, name: str) -> None:
    """A name that the leaf does not cover is named as such, although the chain is sound."""
    assert store.verify([leaf.der, middle.der], name, NOW) is Failure.SSL_INVALID_HOSTNAME


@pytest.mark.parametrize("now", [NOW - YEAR, NOW + YEAR, 0.0, 1e18])
def test_dates_follow_the_given_clock(store: TrustStore, leaf: Signed, middle: Signed, now: float) -> None:
    """The scenario's clock decides, also for a chain that convinced before."""
    assert store.verify([leaf.der, middle.der], "www.example.org", NOW) is None
    assert store.verify([leaf.der, middle.der], "www.example.org", now) is Failure.SSL_INVALID_CERTIFICATE


def test_an_unknown_root_does_not_convince(store: TrustStore) -> None:
    """An interceptor's own root is an unknown authority."""
    forged_root = sign("Root", ca=True)
    forged = sign("leaf", forged_root, names=("www.example.org",))
    assert store.verify([forged.der, forged_root.der], "www.example.org", NOW) is Failure.SSL_UNKNOWN_AUTHORITY


def test_a_missing_intermediate_does_not_convince(store: TrustStore, leaf: Signed) -> None:
    """The server must send the way to the root."""
    assert store.verify([leaf.der], "www.example.org", NOW) is Failure.SSL_UNKNOWN_AUTHORITY


def test_a_leaf_signs_nothing(store: TrustStore, leaf: Signed, middle: Signed) -> None:
    """A certificate without the CA flag is no authority, whatever it signed."""
    forged = sign("forged", leaf, names=("twitter.com",))
    assert store.verify([forged.der, leaf.der, middle.der], "twitter.com", NOW) is Failure.SSL_UNKNOWN_AUTHORITY


def test_nothing_is_trusted_without_roots(tmp_path: Path, leaf: Signed, middle: Signed) -> None:
    """A machine without a trust store convinces itself of nothing."""
    store = TrustStore(root=tmp_path)
    assert store.verify([leaf.der, middle.der], "www.example.org", NOW) is Failure.SSL_UNKNOWN_AUTHORITY


def test_a_missing_ca_file_is_the_operators(tmp_path: Path, leaf: Signed, middle: Signed) -> None:
    """A configured file that cannot be read is told with its key."""
    store = TrustStore(str(tmp_path / "absent.pem"), root=tmp_path)
    with pytest.raises(ConfigError, match=r"tls\.ca_file: .*absent\.pem"):
        store.verify([leaf.der, middle.der], "www.example.org", NOW)


def test_a_chain_is_described(store: TrustStore, leaf: Signed, middle: Signed) -> None:
    """Hashes, names and dates of every certificate, verified or not."""
    first, second = store.describe([leaf.der, middle.der])
    assert (first.subject, first.issuer, second.issuer) == ("leaf", "CN=Middle", "CN=Root")
    assert (first.not_before, len(first.sha256), len(first.spki_sha256)) == (START.timestamp(), 64, 64)
    assert store.describe([leaf.der])[0] is first


@given(junk=st.binary(max_size=60))
def test_junk_is_described_by_its_hash(junk: bytes) -> None:
    """A certificate that nobody can read is still a fact, and never convinces."""
    store = TrustStore(root=Path("/nonexistent"))
    (record,) = store.describe([junk])
    assert (len(record.sha256), record.subject) == (64, "")
    assert store.verify([junk], "www.example.org", NOW) is Failure.SSL_INVALID_CERTIFICATE


def test_an_empty_chain_does_not_convince() -> None:
    """A server that sent no certificate convinces nobody."""
    assert TrustStore(root=Path("/nonexistent")).verify([], "a.b", NOW) is Failure.SSL_INVALID_CERTIFICATE


@pytest.mark.parametrize(
    ("pattern", "name", "covers"),
    [
        ("a.b", "a.b", True),
        ("*.b", "a.b", True),
        ("*.b", "b", False),
        ("*.b", "a.a.b", False),
        ("a*.b", "ab.b", False),
        ("", "", False),
        ("*.", "a.", False),
    ],
)
def test_wildcards(pattern: str, name: str, covers: bool) -> None:
    """RFC 9525 6.3: the asterisk is a whole left-most label."""
    assert matches(pattern, name) is covers
