"""Trust in certificate chains at any date: made here, with a root of our own."""

from __future__ import annotations

import base64
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

from balise_agent.net.trust import TrustStore, matches
from balise_agent.system.errors import ConfigError
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


def changed(der: bytes, old: str, new: str) -> bytes:
    """Return a certificate in which some bytes are others; lengths stay."""
    before, after = bytes.fromhex(old), bytes.fromhex(new)
    assert len(before) == len(after)
    assert before in der, "the change changes nothing"
    return der.replace(before, after, 1)


HOSTILE = {
    "version 23": ("a003020102", "a003020117"),
    "no version that is a number": ("a003020102", "a0030201ff"),
    "an unknown curve": ("06082a8648ce3d030107", "06082a8648ce3d03017f"),
    "a key that is no key": ("06072a8648ce3d0201", "06072a8648ce3d0277"),
    "an unknown signature": ("06082a8648ce3d040302", "06082a8648ce3d04037f"),
    "a date of letters": ("3230303130313030303030305a", "6162636465666768696a6b6c5a"),
    "the thirteenth month": ("3230303130313030303030305a", "3230313330313030303030305a"),
    "no extension that has a name": ("0603551d11", "0603551d7f"),
    "a NUL in the name": ("7777772e6578616d706c65", "777777006578616d706c65"),
    "a name of no letters": ("7777772e6578616d706c65", "ffffffffffffffffffffff"),
    "an issuer of no text": ("0c064d6964646c65", "0c06ff00c3286c65"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_certificates_are_facts(store: TrustStore, middle: Signed, what: str) -> None:
    """Whatever a certificate holds, it fails to convince; its issuer is told, by whom a name is intercepted."""
    leaf = changed(sign("leaf", middle, names=("www.example.org",)).der, *HOSTILE[what])
    assert isinstance(store.verify([leaf, middle.der], "www.example.org", NOW), Failure)
    assert isinstance(store.verify([leaf, middle.der], None, NOW), Failure)
    (record,) = store.describe([leaf])
    assert len(record.sha256) == 64
    assert record.issuer.startswith("CN=")
    assert record.issuer == "CN=Middle" or what == "an issuer of no text"
    assert len(record.spki_sha256) == 64


def test_an_unreadable_intermediate_costs_only_itself(store: TrustStore, leaf: Signed, middle: Signed) -> None:
    """Junk beside a sound way to the root does not spoil it: the server is what it says it is."""
    odd = changed(sign("odd", ca=True).der, *HOSTILE["version 23"])
    assert store.verify([leaf.der, odd, b"junk", b"", middle.der], "www.example.org", NOW) is None


def test_one_odd_name_does_not_spoil_the_others(store: TrustStore, middle: Signed) -> None:
    """A certificate whose first name no verifier takes (an underscore) is as good as its others."""
    odd = sign("odd", middle, names=("_dmarc_.example.org", "www.example.org"))
    assert store.verify([odd.der, middle.der], "www.example.org", NOW) is None


def test_a_certificate_of_thousands_of_names_is_read(store: TrustStore, middle: Signed) -> None:
    """Size is no trick: the name is found among four thousand, or is not."""
    many = sign("many", middle, names=tuple(f"n{number}.example.org" for number in range(4000)))
    assert store.verify([many.der, middle.der], "n3999.example.org", NOW) is None
    assert store.verify([many.der, middle.der], "n4000.example.org", NOW) is Failure.SSL_INVALID_HOSTNAME


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 4095), st.sampled_from([0, 5, 12, 23, 24, 48, 127, 128, 255]) | st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


@given(mutations=MUTATIONS, cut=st.integers(0, 40), name=st.sampled_from(["www.example.org", None]))
def test_mutated_certificates_never_raise(mutations: list[tuple[int, int]], cut: int, name: str | None) -> None:
    """Any few bytes of a real certificate changed, or its end missing: a failure or none, never an exception."""
    der = bytearray(MUTANT.der[: len(MUTANT.der) - cut])
    for place, value in mutations:
        der[place % len(der)] = value
    found = ANYBODY.verify([bytes(der), MUTANT.der], name, NOW)
    assert found is None or isinstance(found, Failure)
    (record,) = ANYBODY.describe([bytes(der)])
    assert len(record.issuer) <= 512


MUTANT = sign("mutant", names=("www.example.org",))
ANYBODY = TrustStore(root=Path("/nonexistent"))


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


def test_an_own_authority_is_believed_for_the_chain_that_it_is_given_with_alone(store: TrustStore) -> None:
    """Some services' chains lead to no public root; what leads to neither is an unknown authority's as ever."""
    own = sign("Own", ca=True)
    one = sign("leaf", own, names=("chat.example.org",))
    text = base64.b64encode(own.der).decode()
    chain = [one.der]
    assert store.verify(chain, "chat.example.org", NOW) is Failure.SSL_UNKNOWN_AUTHORITY
    assert store.verify(chain, "chat.example.org", NOW, (text,)) is None
    assert store.verify(chain, "chat.example.org", NOW) is Failure.SSL_UNKNOWN_AUTHORITY
    assert store.verify(chain, "other.example.org", NOW, (text,)) is Failure.SSL_INVALID_HOSTNAME
    forged = sign("leaf", sign("Own", ca=True), names=("chat.example.org",))
    assert store.verify([forged.der, own.der], "chat.example.org", NOW, (text,)) is Failure.SSL_UNKNOWN_AUTHORITY


def test_public_roots_stay_believed_beside_own_authorities(store: TrustStore, leaf: Signed, middle: Signed) -> None:
    """A vendor may move to a public authority; an own one that cannot be read is passed over."""
    for text in ("", "no base64", base64.b64encode(b"no certificate").decode()):
        assert store.verify([leaf.der, middle.der], "www.example.org", NOW, (text,)) is None
        assert store.verify([sign("x", names=("a.example",)).der], "a.example", NOW, (text,)) is (
            Failure.SSL_UNKNOWN_AUTHORITY
        )
