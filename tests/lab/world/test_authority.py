"""The certificates of the lab's servers, as OpenSSL takes them."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from balise_lab.world import authority


def shake_hands(served: Path, trusted: Path, name: str) -> None:
    """Let a client that trusts one root meet a server with one certificate (SSLError where it does not verify)."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(served)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=str(trusted)).wrap_bio(back, there, server_hostname=name)
    other = server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in (client, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.fixture(scope="module")
def roots() -> tuple[authority.Authority, authority.Authority]:
    """Return a root, and a stranger's."""
    return authority.found(), authority.found("nobody's root")


def test_a_certificate_verifies_for_its_names_under_its_root(
    tmp_path: Path, roots: tuple[authority.Authority, authority.Authority]
) -> None:
    """And under no other root, for no other name, and not once it has expired."""
    good, stranger = roots
    trusted, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    good.write(trusted)
    stranger.write(other)
    valid, old = tmp_path / "valid.pem", tmp_path / "old.pem"
    authority.issue(good, ("twitter.lab",), valid)
    authority.issue(good, ("twitter.lab",), old, until=authority.EXPIRED)
    shake_hands(valid, trusted, "twitter.lab")
    for served, root, name in (
        (valid, other, "twitter.lab"),
        (valid, trusted, "chat.lab"),
        (old, trusted, "twitter.lab"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(served, root, name)
    assert valid.stat().st_mode & 0o777 == 0o600


def test_a_fingerprint_is_of_the_certificate_alone(
    tmp_path: Path, roots: tuple[authority.Authority, authority.Authority]
) -> None:
    """64 hex digits, as the collector prints them: what probes are pinned to."""
    path = tmp_path / "ca.pem"
    roots[0].write(path)
    pinned = authority.fingerprint(path.read_bytes())
    assert len(pinned) == 64
    assert authority.fingerprint(path.read_bytes()) == pinned
    assert x509.load_pem_x509_certificate(path.read_bytes()).not_valid_before_utc == authority.FROM
