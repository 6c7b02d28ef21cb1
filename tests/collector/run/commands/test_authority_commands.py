"""``balise-collector authority``, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.fleet.authority import IssuedCertificate
from balise_collector.run.commands.authority import ending

Run = Callable[..., tuple[int, str, str]]


def test_show_prints_the_fingerprint_and_never_a_key(run: Run) -> None:
    """The line that goes onto cards; the same at each call, also as JSON."""
    status, out, _ = run("authority", "show")
    assert status == 0
    told = json.loads(run("authority", "show", "--json")[1])
    assert f"fingerprint  {told['fingerprint']}" in out
    assert "PRIVATE" not in out


def test_a_door_gets_its_files_once(run: Run, tmp_path: Path) -> None:
    """Key for the user alone; what is there is overwritten only on request; the record names it."""
    wanted = (
        "authority",
        "server",
        "--name",
        "front.example",
        "--address",
        "192.0.2.1",
        "--out",
        str(tmp_path / "out"),
    )
    assert run(*wanted)[0] == 0
    folder = tmp_path / "out"
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    assert (folder / "server.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert (folder / "server.pem").read_text().endswith((folder / "ca.pem").read_text())
    key = (folder / "server.key").read_bytes()
    status, _, err = run(*wanted)
    assert (status, "--replace" in err) == (2, True)
    assert (folder / "server.key").read_bytes() == key
    assert run(*wanted, "--replace")[0] == 0
    assert (folder / "server.key").read_bytes() != key
    assert "front.example" in run("authority", "show")[1]


def test_the_collector_gets_a_client_certificate(run: Run, tmp_path: Path) -> None:
    """``[broker] cert_file`` and ``key_file`` take these two files; the list can be written where the broker reads."""
    assert run("authority", "client", "--out", str(tmp_path / "out"))[0] == 0
    assert "BEGIN CERTIFICATE" in (tmp_path / "out" / "collector.pem").read_text()
    assert run("authority", "crl", "--out", str(tmp_path / "crl.pem"))[0] == 0
    assert (tmp_path / "crl.pem").read_text() == run("authority", "crl")[1]
    assert run("authority", "client", "--name", "#", "--out", str(tmp_path / "out"))[0] == 2
    assert run("authority", "server", "--out", str(tmp_path / "out"))[0] == 2


def test_what_a_person_must_renew_is_pointed_out_in_time() -> None:
    """Two months before its end; a probe's renews by itself, and an older one of the same name does not count."""
    day = 86_400.0
    issued = [
        IssuedCertificate("1", "front.example", "server", "00", 0.0, 10 * day, None),
        IssuedCertificate("2", "old.example", "server", "00", 0.0, 10 * day, None),
        IssuedCertificate("3", "old.example", "server", "00", 1.0, 900 * day, None),
        IssuedCertificate("4", "k7m2q9xd", "client", "ab" * 32, 0.0, 10 * day, None),
        IssuedCertificate("5", "collector", "client", "00", 0.0, 10 * day, None),
    ]
    found = ending(issued, 0.0)
    assert len(found) == 2
    assert "authority server --name front.example" in found[0]
    assert "authority client --name collector" in found[1]


def test_a_probe_keeps_its_key(run: Run, tmp_path: Path) -> None:
    """A request made on the probe gets a certificate; what is none is refused with the mend."""
    key = Ed25519PrivateKey.generate()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None)
    (tmp_path / "probe.csr").write_bytes(request.public_bytes(Encoding.PEM))
    wanted = ("authority", "client", "--name", "k7m2q9xd", "--out", str(tmp_path / "out"), "--request")
    assert run(*wanted, str(tmp_path / "probe.csr"))[0] == 0
    certificate = x509.load_pem_x509_certificate((tmp_path / "out" / "k7m2q9xd.pem").read_bytes())
    assert certificate.public_key() == key.public_key()
    assert not (tmp_path / "out" / "k7m2q9xd.key").exists()
    (tmp_path / "probe.csr").write_text("nonsense")
    status, _, err = run(*wanted, str(tmp_path / "probe.csr"), "--replace")
    assert (status, "Ed25519" in err) == (2, True)
