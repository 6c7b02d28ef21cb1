"""What is in a certificate of ours (RFC 5280): pure but for the keys and serial numbers that it is handed or draws.

Names are neutral: whoever sees one learns that somebody has an authority, not what for. A client's certificate carries
the opaque id and nothing else. Must not live here: files, the record of what was issued.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY: Final = 86_400.0
AUTHORITY_DAYS: Final = 20 * 365
"""The authority outlives the boards: a new one would mean a walk to each of them."""
CLIENT_DAYS: Final = 90
"""Of a probe's certificate; it renews by itself after two thirds."""
SERVER_DAYS: Final = 3 * 365
"""Of a front's certificate, which a person puts in place."""
CRL_DAYS: Final = 365
"""A broker refuses everybody once its list is out of date: a collector that is down for a season stops nothing."""
_BACKDATED: Final = 1 * DAY
"""A board or a broker whose clock is some hours slow still accepts a new certificate."""
_COMMON_NAME: Final = "Root CA"
_REQUEST_MOST: Final = 8 * 1024


class RequestMalformed(ValueError):
    """A certificate request that is none, or not signed by the Ed25519 key it names; the message says which."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key: what every TLS library accepts for servers and authorities."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of the certificate's DER form as 64 hex digits: what cards are pinned to."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def read_request(request: bytes) -> Ed25519PublicKey:
    """Return the key that a PKCS #10 request in PEM names and is signed by (RFC 2986: proof of possession).

    The subject and the extensions it asks for are not looked at: the authority decides what a certificate says.

    Raises:
        RequestMalformed: too long, no request, another kind of key, or a wrong signature.
    """
    if len(request) > _REQUEST_MOST:
        raise RequestMalformed(f"a request of {len(request)} bytes; {_REQUEST_MOST} are allowed")
    try:
        parsed = x509.load_pem_x509_csr(request)
        key = parsed.public_key()
        valid = parsed.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise RequestMalformed(f"not a PKCS #10 request in PEM: {str(error)[:200]}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise RequestMalformed(f"its key is {type(key).__name__.removesuffix('PublicKey')}, not Ed25519")
    if not valid:
        raise RequestMalformed("it is not signed by the key that it names")
    return key


def authority_certificate(key: ec.EllipticCurvePrivateKey, now: float) -> x509.Certificate:
    """Return the root: it may sign leaves only (path length 0)."""
    name = _name(_COMMON_NAME)
    public = key.public_key()
    return (
        _dated(now, AUTHORITY_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def client_certificate(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: Ed25519PublicKey | ec.EllipticCurvePublicKey,
    name: str,
    now: float,
    days: float = CLIENT_DAYS,
) -> x509.Certificate:
    """Return a certificate with which ``name`` may open connections, and do nothing else."""
    return (
        _leaf(root, key, name, now, days)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def server_certificate(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    addresses: Sequence[str],
    now: float,
    days: float = SERVER_DAYS,
) -> x509.Certificate:
    """Return a certificate for one of our doors under all its names and literal addresses (RFC 9525).

    Raises:
        ValueError: no name and no address, or one that is none.
    """
    if not names and not addresses:
        raise ValueError("a server certificate needs a name or an address")
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives.extend(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)
    return (
        _leaf(root, key, (*names, *addresses)[0][:64], now, days)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def revocation_list(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    revoked: Iterable[tuple[int, float]],
    number: int,
    now: float,
) -> bytes:
    """Return the list in PEM.

    Args:
        root: the authority.
        root_key: its key.
        revoked: serial number and time (UNIX seconds) of each certificate that is refused before its end.
        number: grows with every list (RFC 5280 section 5.2.3).
        now: UNIX seconds, the machine's.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(_moment(now - _BACKDATED))
        .next_update(_moment(now + CRL_DAYS * DAY))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_issuer(root), critical=False)
    )
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_moment(at)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _leaf(
    root: x509.Certificate,
    key: Ed25519PublicKey | ec.EllipticCurvePublicKey,
    common_name: str,
    now: float,
    days: float,
) -> x509.CertificateBuilder:
    return (
        _dated(now, days)
        .subject_name(_name(common_name))
        .issuer_name(root.subject)
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issuer(root), critical=False)
    )


def _dated(now: float, days: float) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - _BACKDATED))
        .not_valid_after(_moment(now + days * DAY))
    )


def _moment(at: float) -> datetime:
    """Return the whole second, in UTC."""
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(at))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _issuer(root: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the pointer to the root that strict verifiers want (RFC 5280 section 4.2.1.1)."""
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
