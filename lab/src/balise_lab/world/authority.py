"""The lab's certificate authority: one private root, one nobody trusts, and the certificates of the servers.

Lives here: keys and X.509; of the fleet's own authority, which is none of the lab's, only its fingerprint. Validity
covers real time and the virtual years of scenarios alike (2000 to 2090), so that a clock that plays 2020 finds no
certificate out of date unless the lab made it so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FROM = datetime(2000, 1, 1, tzinfo=UTC)
UNTIL = datetime(2090, 1, 1, tzinfo=UTC)
EXPIRED = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Authority:
    """A root with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, path: Path) -> None:
        """Write the root certificate as PEM: what programs are told to trust."""
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))


def name_of(common: str) -> x509.Name:
    """A subject or issuer."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "balise lab"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def found(common: str = "balise lab root") -> Authority:
    """Make a new root."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name_of(common))
        .issuer_name(name_of(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(root: Authority, names: tuple[str, ...], path: Path, *, until: datetime = UNTIL) -> None:
    """Write key and certificate chain for these names as one PEM file, mode 600."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name_of(names[0]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a certificate's DER form as 64 hex digits: what probes are pinned to."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
