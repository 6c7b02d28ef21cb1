"""Whether a certificate chain convinces us, at a moment of the probe's clock, for a name.

Lives here: the trust store (the system's roots and the configured one), the verification, and the ``Certificate``
records. OpenSSL does none of it: it would refuse before we have the chain, and it knows no clock but the machine's. The
order of the words is OONI's, after Go's x509: dates of the leaf, then the name, then the way to a root. A certificate
is whatever the other side likes: one that cannot be read, for whatever reason, is a certificate that does not convince,
and never an exception: a plan that it could end would hide the very interception that it stands for. Must not live
here: sockets.
"""

import base64
import contextlib
import hashlib
import ssl
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    ServerVerifier,
    Store,
)

from balise_agent.codec.certificate import told_by
from balise_agent.system.errors import ConfigError
from balise_wire.experiments.tls import Certificate
from balise_wire.failures import Failure

_PLACES: Final = ("etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem")
_MOST_REMEMBERED: Final = 512
_MOST_IN_CHAIN: Final = 12
_MOST_AUTHORITIES: Final = 4
_MOST_NAMES_TRIED: Final = 16
_MOST_SUBJECT, _MOST_ISSUER = 256, 512
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class TrustStore:
    """The roots that this probe believes, and what it already knows of the chains it saw."""

    def __init__(self, ca_file: str = "", root: Path = Path("/")) -> None:
        """Read nothing yet: most of a probe's life needs no root.

        Args:
            ca_file: an extra bundle of roots (``[tls] ca_file``).
            root: where the system's files are, so that a test can bring its own.
        """
        self._ca_file = ca_file
        self._root = root
        self._store: Store | None = None
        self._loaded = False
        self._own: dict[tuple[str, ...], Store | None] = {}
        self._paths: dict[tuple[tuple[str, ...], tuple[bytes, ...]], tuple[datetime, datetime]] = {}
        self._certificates: dict[bytes, Certificate] = {}

    def verify(
        self, chain: Sequence[bytes], name: str | None, now: float, authorities: tuple[str, ...] = ()
    ) -> Failure | None:
        """Return why a chain does not convince, or ``None`` where it does.

        Args:
            chain: DER certificates as the server sent them, leaf first.
            name: what the leaf must be valid for; ``None`` asks for the way to a root alone.
            now: UNIX seconds on the probe's clock.
            authorities: certificates (DER, in base64) that are believed for this chain as well; one that cannot be
                read is passed over.
        """
        moment = _moment(now)
        stores = [self._roots(), *([self._store_of(authorities)] if authorities else [])]
        with _Hostile():
            leaf = x509.load_der_x509_certificate(chain[0])
            names = _dns_names(leaf)
            if not leaf.not_valid_before_utc <= moment <= leaf.not_valid_after_utc:
                return Failure.SSL_INVALID_CERTIFICATE
            if name is not None and not any(matches(pattern, name) for pattern in names):
                return Failure.SSL_INVALID_HOSTNAME
            whole = tuple(chain[:_MOST_IN_CHAIN])
            keys = ((), authorities)
            if any(
                self._leads_to_a_root(store, (key, whole), leaf, names, moment)
                for key, store in zip(keys, stores, strict=False)
            ):
                return None
            return Failure.SSL_UNKNOWN_AUTHORITY
        return Failure.SSL_INVALID_CERTIFICATE

    def describe(self, chain: Sequence[bytes]) -> tuple[Certificate, ...]:
        """Return the records of a chain; a certificate that cannot be read is its hash."""
        found: list[Certificate] = []
        for der in chain[:_MOST_IN_CHAIN]:
            known = self._certificates.get(der)
            if known is None:
                known = _describe(der)
                _remember(self._certificates, der, known)
            found.append(known)
        return tuple(found)

    def _leads_to_a_root(
        self,
        store: Store | None,
        shown: tuple[tuple[str, ...], tuple[bytes, ...]],
        leaf: x509.Certificate,
        names: list[str],
        moment: datetime,
    ) -> bool:
        """Build the path; a chain that convinced once convinces until a date in it is over.

        Args:
            store: whose roots.
            shown: the own authorities that the store is made of (none for the public ones), and the chain.
            leaf: the chain's first, read.
            names: those of the leaf.
            moment: of the probe's clock.
        """
        known = self._paths.get(shown)
        if known is not None and known[0] <= moment <= known[1]:
            return True
        if store is None or not names:
            return False
        others = [one for der in shown[1][1:] if (one := _loaded(der)) is not None]
        with _Hostile():
            # The name was checked by us: the verifier is given one that the leaf has, and its strictness (CA/Browser
            # Forum rules that many private roots miss) is relaxed to RFC 5280's heart: signatures, dates, CA flags.
            builder = PolicyBuilder().store(store).time(moment.replace(tzinfo=None))
            builder = builder.extension_policies(ca_policy=_ca_policy(), ee_policy=_leaf_policy())
            path = _verifier(builder, names).verify(leaf, others)
            span = max(one.not_valid_before_utc for one in path), min(one.not_valid_after_utc for one in path)
            _remember(self._paths, shown, span)
            return True
        return False

    def _store_of(self, authorities: tuple[str, ...]) -> Store | None:
        """Return the store of a target's own authorities; ``None`` where none of them can be read."""
        if authorities not in self._own:
            read = [one for text in authorities[:_MOST_AUTHORITIES] if (one := _loaded(_bytes_of(text))) is not None]
            _remember(self._own, authorities, Store(read) if read else None)
        return self._own[authorities]

    def _roots(self) -> Store | None:
        """Read the system's roots and the configured file, once (ConfigError where the latter cannot be read)."""
        if not self._loaded:
            self._loaded = True
            bundle = next((path for name in _PLACES if (path := self._root / name).is_file()), None)
            roots = _read_bundle(bundle.read_bytes()) if bundle is not None else []
            if self._ca_file:
                try:
                    roots += _read_bundle(Path(self._ca_file).read_bytes())
                except OSError as error:
                    raise ConfigError(f"tls.ca_file: {self._ca_file}: {error.strerror}; make it readable") from None
            self._store = Store(roots) if roots else None
        return self._store


class _Hostile:
    """A block that reads a stranger's bytes: whatever their reader raises ends the block, and nothing else.

    The list of what ``cryptography`` raises over a certificate is open (ValueError, UnsupportedAlgorithm, TypeError,
    OverflowError, x509's own); its Rust part panics with an exception that is not even an ``Exception``. A warning is
    no news either: a log that the other side can fill is one more thing it could do.
    """

    def __enter__(self) -> None:
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        self._warnings.__exit__(None, None, None)
        return kind is not None and (issubclass(kind, Exception) or kind.__name__ == "PanicException")


def _loaded(der: bytes) -> x509.Certificate | None:
    """Read one certificate; ``None`` where the library refuses it: one that leads nowhere must not hide the others."""
    with _Hostile():
        return x509.load_der_x509_certificate(der)
    return None


def _bytes_of(text: str) -> bytes:
    """Return what a base64 text holds; nothing where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _verifier(builder: PolicyBuilder, names: Sequence[str]) -> ServerVerifier:
    """Return a verifier for the first of a leaf's names that it takes: one odd name must not spoil the others.

    Raises:
        ValueError: it takes none of the first few.
    """
    for name in names[:_MOST_NAMES_TRIED]:
        with contextlib.suppress(ValueError):
            return builder.build_server_verifier(x509.DNSName(_concrete(name)))
    raise ValueError("no name that the verifier takes")


def _ca_policy() -> ExtensionPolicy:
    """What every certificate above the leaf must have: the CA flag. Without this a leaf could sign leaves."""
    return ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca)


def _leaf_policy() -> ExtensionPolicy:
    """What the leaf must have: names."""
    return ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _must_be_ca(_policy: Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints) -> None:
    """Refuse a certificate that may not sign others (RFC 5280 4.2.1.9)."""
    if not extension.ca:
        raise ValueError("not a CA certificate")


def _read_bundle(text: bytes) -> list[x509.Certificate]:
    """Read a PEM bundle, passing over certificates that this library's strict reader refuses."""
    found: list[x509.Certificate] = []
    for block in text.split(_BEGIN)[1:]:
        # Old public roots break a rule or two (a negative serial number); that is no news to the log.
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(x509.load_pem_x509_certificate(_BEGIN + block))
    return found


def matches(pattern: str, name: str) -> bool:
    """Whether a certificate's DNS name covers a host name; a wildcard is one whole left-most label (RFC 9525)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if pattern.startswith("*."):
        _, _, rest = name.partition(".")
        return bool(rest) and rest == pattern[2:]
    return bool(pattern) and pattern == name


def _concrete(pattern: str) -> str:
    """Return a host name that a pattern covers."""
    return "host" + pattern[1:] if pattern.startswith("*.") else pattern


def _dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names of a certificate (ValueError where the extension cannot be read)."""
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return []
    value = extension.value
    return value.get_values_for_type(x509.DNSName) if isinstance(value, x509.SubjectAlternativeName) else []


def _describe(der: bytes) -> Certificate:
    """Read one certificate into its record, as far as it can be read: each field by itself."""
    told = told_by(der)
    subject, issuer, key, dates = told.subject, told.issuer, told.key, (told.not_before, told.not_after)
    certificate = _loaded(der)
    if certificate is not None:
        with _Hostile():
            issuer = certificate.issuer.rfc4514_string()
        with _Hostile():
            common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            subject = str(common[0].value) if common else ""
        with _Hostile():
            # The raw key: an algorithm that the library does not know still has bytes to hash.
            key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        with _Hostile():
            valid = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            dates = (valid[0].timestamp(), valid[1].timestamp())
    return Certificate(
        sha256=hashlib.sha256(der).hexdigest(),
        spki_sha256=hashlib.sha256(key).hexdigest() if key else "",
        subject=subject[:_MOST_SUBJECT],
        issuer=issuer[:_MOST_ISSUER],
        not_before=dates[0],
        not_after=dates[1],
    )


def _moment(now: float) -> datetime:
    """Return UNIX seconds as a date, kept within what dates can say."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(max(now, 0.0), 2.0e11))


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keep a value, forgetting everything where it has become too much."""
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[key] = value


def peer_chain(tls: ssl.SSLObject | ssl.SSLSocket) -> list[bytes]:
    """Return the chain that the server sent, DER, leaf first, verified or not.

    ``get_unverified_chain`` is public from Python 3.13; 3.11 and 3.12 have it on the C object, which gives objects.
    (``get_verified_chain`` returns unverified ones as well: the name is no promise.)
    """
    public: Callable[[], list[bytes]] | None = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public() or [])
    inner = tls._sslobj.get_unverified_chain()  # type: ignore[union-attr]  # noqa: SLF001 - see above
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner or []]
