"""The authority: founded once, believed by a real TLS stack, never silently replaced, and its refusals outlive it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balise_collector.fleet.authority import (
    CA_FILE,
    CRL_FILE,
    KEY_FILE,
    RECORD_FILE,
    Authority,
    RequestMalformed,
)
from balise_collector.run import cli
from balise_collector.system.clock import machine_time
from balise_collector.system.errors import ConfigError

DAY = 86_400.0


def request_of(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, name: str = "") -> str:
    """Return a certificate request signed by a key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    algorithm = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    """Return an authority in a folder of its own."""
    opened = Authority.open_or_create(tmp_path / "authority")
    yield opened
    opened.close()


def revoked_in(pem: str) -> set[int]:
    """Return the serial numbers that a list refuses."""
    return {entry.serial_number for entry in x509.load_pem_x509_crl(pem.encode())}


def serial_of(pem: str) -> int:
    """Return a certificate's serial number."""
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_it_is_founded_once(authority: Authority) -> None:
    """Cards are pinned to the fingerprint: a second start finds the same; secrets are for the user alone."""
    with closing(Authority.open_or_create(authority.folder)) as again:
        assert again.fingerprint == authority.fingerprint
        assert again.certificate_pem == authority.certificate_pem
    assert len(authority.fingerprint) == 64
    modes = {path.name: path.stat().st_mode & 0o777 for path in authority.folder.iterdir()}
    assert (modes[KEY_FILE], modes[RECORD_FILE]) == (0o600, 0o600)
    assert authority.folder.stat().st_mode & 0o777 == 0o700


def test_a_start_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    """Killed between key and certificate: the next start makes the certificate of the key that is there."""
    with closing(Authority.open_or_create(tmp_path / "whole")) as whole:
        key = (whole.folder / KEY_FILE).read_bytes()
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / KEY_FILE).write_bytes(key)
    (cut / KEY_FILE).chmod(0o600)
    with closing(Authority.open_or_create(cut)) as mended:
        root = x509.load_pem_x509_certificate(mended.certificate_pem.encode())
    assert root.not_valid_after_utc.timestamp() - machine_time() > 15 * 365 * DAY


@pytest.mark.parametrize("missing", [KEY_FILE, CA_FILE])
def test_a_lost_file_is_never_replaced(authority: Authority, missing: str) -> None:
    """A new authority would cut off every probe: the operator restores the old one."""
    (authority.folder / missing).unlink()
    with pytest.raises(ConfigError, match="backup"):
        Authority.open_or_create(authority.folder)
    assert not (authority.folder / missing).exists()


def test_a_damaged_or_open_key_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Each message gives the mend; a certificate of another authority is noticed."""
    key = authority.folder / KEY_FILE
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Authority.open_or_create(authority.folder)
    key.chmod(0o600)
    with closing(Authority.open_or_create(tmp_path / "other")) as other:
        (authority.folder / CA_FILE).write_text(other.certificate_pem)
    with pytest.raises(ConfigError, match="another key"):
        Authority.open_or_create(authority.folder)
    key.write_text("nonsense")
    with pytest.raises(ConfigError, match="backup"):
        Authority.open_or_create(authority.folder)


def test_a_clients_certificate_tells_no_story(authority: Authority) -> None:
    """The id and nothing else, whatever the request says; 90 days, backdated a day for slow clocks."""
    pem = authority.issue_client(request_of(Ed25519PrivateKey.generate(), "Hassan at the bakery"), "k7m2q9xd")
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate.subject.rfc4514_string() == "CN=k7m2q9xd"
    assert certificate.issuer.rfc4514_string() == "CN=Root CA"
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert abs(certificate.not_valid_after_utc.timestamp() - machine_time() - 90 * DAY) < 60
    assert abs(machine_time() - certificate.not_valid_before_utc.timestamp() - DAY) < 60
    assert b"balise" not in certificate.public_bytes(Encoding.DER)
    assert "balise" not in authority.certificate_pem


def damaged(request: str) -> str:
    """Return a request whose signature does not fit any more."""
    lines = request.splitlines()
    body = lines[-2]
    lines[-2] = body[:4] + ("A" if body[4] != "A" else "B") + body[5:]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "request_text",
    [
        "",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        request_of(ec.generate_private_key(ec.SECP256R1())),
        damaged(request_of(Ed25519PrivateKey.generate())),
        "x" * 10_000,
        "\u00e9\x00",
    ],
    ids=["empty", "no request", "another kind of key", "damaged", "long", "no text"],
)
def test_a_malformed_request_is_refused(authority: Authority, request_text: str) -> None:
    """Nothing is issued, and the message says what is wrong."""
    with pytest.raises(RequestMalformed):
        authority.issue_client(request_text, "k7m2q9xd")
    assert authority.issued() == []


@pytest.mark.parametrize("name", ["+", "#", "a/b/c/d", "UPPER", "", "k7m2q9xd\n"])
def test_a_name_that_would_be_a_topic_is_refused(authority: Authority, name: str) -> None:
    """The broker puts the name into topic patterns: a wildcard would open every probe's."""
    with pytest.raises(ConfigError):
        authority.issue_client(request_of(Ed25519PrivateKey.generate()), name)


def test_a_refusal_outlives_the_process(authority: Authority) -> None:
    """Revoking is on disk when it returns; another probe is not touched, and the key that is kept is kept."""
    first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    old = authority.issue_client(request_of(first), "k7m2q9xd")
    new = authority.issue_client(request_of(second), "k7m2q9xd")
    authority.issue_client(request_of(Ed25519PrivateKey.generate()), "other000")
    assert authority.revoke("k7m2q9xd", except_key=second.public_key().public_bytes_raw().hex()) == 1
    assert revoked_in((authority.folder / CRL_FILE).read_text()) == {serial_of(old)}
    with closing(Authority.open_or_create(authority.folder)) as again:
        assert again.revoke("k7m2q9xd") == 1
        assert again.revoke("k7m2q9xd") == 0
    assert revoked_in(authority.crl()) == {serial_of(old), serial_of(new)}


def test_what_a_crash_left_behind_is_made_good(authority: Authority) -> None:
    """The registry took a new key or revoked, and the list was not written: the next look writes it."""
    keys = {name: Ed25519PrivateKey.generate() for name in ("kept0000", "renewed0", "revoked0", "stranger")}
    serials = {name: serial_of(authority.issue_client(request_of(key), name)) for name, key in keys.items()}
    registry = {"kept0000": keys["kept0000"].public_key().public_bytes_raw().hex(), "renewed0": "ab" * 32}
    registry["revoked0"] = ""
    assert authority.revoke_others(registry) == 2
    assert revoked_in(authority.crl()) == {serials["renewed0"], serials["revoked0"]}
    assert authority.revoke_others(registry) == 0


def test_the_list_is_kept_fresh(tmp_path: Path) -> None:
    """A broker refuses everybody once the list is out of date: it is written anew each month, and lasts a year."""
    now = [machine_time()]
    with closing(Authority.open_or_create(tmp_path / "authority", lambda: now[0])) as authority:
        first = authority.crl()
        assert not authority.refresh()
        now[0] += 31 * DAY
        assert authority.refresh()
        later = x509.load_pem_x509_crl(authority.crl().encode())
        assert later.next_update_utc is not None
        assert later.next_update_utc.timestamp() - now[0] > 364 * DAY
        before = x509.load_pem_x509_crl(first.encode())
        number = later.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        assert number > before.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        (authority.folder / CRL_FILE).unlink()
        assert "BEGIN X509 CRL" in authority.crl()


@pytest.mark.parametrize(("names", "addresses"), [((), ()), (("ok.example",), ("not an address",)), (("é",), ())])
def test_a_door_without_a_name_is_refused(
    authority: Authority, names: tuple[str, ...], addresses: tuple[str, ...]
) -> None:
    """The message says what to give."""
    with pytest.raises(ConfigError, match="give a host name"):
        authority.issue_server(names, addresses)


# ---------------------------------------------------------------- in a real TLS stack


@pytest.fixture
def shake(authority: Authority, tmp_path: Path) -> Callable[[str, Ed25519PrivateKey], str]:
    """Return what shakes hands with a door of the authority as a client: the name it is known by, or what failed."""
    chain, key = authority.issue_server(("front.example",), ("127.0.0.1", "::1"))
    (tmp_path / "server.pem").write_text(chain + key)
    (tmp_path / "ca.pem").write_text(authority.certificate_pem)

    def server_context() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(tmp_path / "server.pem")
        context.load_verify_locations(tmp_path / "ca.pem")
        context.load_verify_locations(authority.folder / CRL_FILE)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VERIFY_X509_STRICT
        return context

    def call(certificate: str, private: Ed25519PrivateKey) -> str:
        own = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (tmp_path / "client.pem").write_text(certificate + own)
        heard: list[str] = []
        ours, theirs = socket.socketpair()

        def serve() -> None:
            try:
                with server_context().wrap_socket(theirs, server_side=True) as wrapped:
                    der = wrapped.getpeercert(binary_form=True)
                    heard.append(x509.load_der_x509_certificate(der or b"").subject.rfc4514_string())
                    wrapped.sendall(b"hello")
            except (ssl.SSLError, OSError) as error:
                heard.append(str(error))

        thread = threading.Thread(target=serve)
        thread.start()
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        client.load_cert_chain(tmp_path / "client.pem")
        try:
            with client.wrap_socket(ours, server_hostname="127.0.0.1") as wrapped:
                wrapped.recv(5)
        except (ssl.SSLError, OSError):
            pass
        finally:
            ours.close()
        thread.join(10.0)
        return heard[0]

    return call


def test_openssl_believes_what_we_issue_and_refuses_what_we_revoke(
    authority: Authority, shake: Callable[[str, Ed25519PrivateKey], str], tmp_path: Path
) -> None:
    """Strict verification on both sides, by address, TLS 1.3, Ed25519 client key; a stranger's authority is no good."""
    key = Ed25519PrivateKey.generate()
    certificate = authority.issue_client(request_of(key), "k7m2q9xd")
    assert shake(certificate, key) == "CN=k7m2q9xd"
    with closing(Authority.open_or_create(tmp_path / "stranger")) as stranger:
        forged = stranger.issue_client(request_of(key), "k7m2q9xd")
    assert "certificate verify failed" in shake(forged, key)
    authority.revoke("k7m2q9xd")
    assert "certificate revoked" in shake(certificate, key)


def test_the_command_makes_what_the_settings_name_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The settings are written first and name the certificate; every other command still wants to see it."""
    client = tmp_path / "client"
    settings = tmp_path / "collector.toml"
    settings.write_text(
        f'[collector]\nstate_dir = "{tmp_path}/state"\n[broker]\nhost = "127.0.0.1"\ntls = true\n'
        f'ca_file = "{client}/ca.pem"\ncert_file = "{client}/collector.pem"\nkey_file = "{client}/collector.key"\n'
    )
    assert cli.main(["--config", str(settings), "check"]) == 2
    assert "is not a file that this user can see" in capsys.readouterr().err
    assert cli.main(["--config", str(settings), "authority", "client", "--out", str(client)]) == 0
    assert cli.main(["--config", str(settings), "check"]) == 0
