"""The broker's files on disk: secrets closed, nothing rewritten without need, certificates renewed in time."""

from __future__ import annotations

import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.broker_files import BrokerFiles, Settings, listeners, refresh, write
from balise_collector.intake.broker import Connection
from balise_collector.intake.broker_identity import BrokerIdentity, IdentityRenewal, identity_of
from balise_collector.run.cli import main
from balise_collector.system.clock import Clock, machine_time
from balise_collector.system.config import Broker, CollectorSettings, Config, load
from balise_collector.system.errors import ConfigError

DAY = 86_400.0
NAMES = ("broker.example.org", "192.0.2.10", "127.0.0.1")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    """Return an authority in a folder of its own."""
    opened = Authority.open_or_create(tmp_path / "authority")
    yield opened
    opened.close()


@pytest.fixture
def written(tmp_path: Path, authority: Authority) -> Callable[..., BrokerFiles]:
    """Return a writer of the files of one broker."""
    out = tmp_path / "broker"
    settings = Settings(listeners=listeners(["*"], 443, 0, 8883), folder=str(out))

    def call(*, names: tuple[str, ...] = NAMES, revoked: tuple[str, ...] = (), later: float = 0.0) -> BrokerFiles:
        return write(out, settings, names, authority, revoked, lambda: machine_time() + later)

    return call


def certificate_in(folder: Path) -> x509.Certificate:
    """Return the broker's certificate."""
    return x509.load_pem_x509_certificate((folder / "broker.pem").read_bytes())


def test_the_files_are_whole_and_secrets_are_closed(tmp_path: Path, written: Callable[..., BrokerFiles]) -> None:
    """Key and rules are the broker's alone; the chain loads, with the names that probes call."""
    said = written()
    assert said.restart
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "broker").iterdir()}
    assert modes == {
        "mosquitto.conf": 0o644,
        "openssl.cnf": 0o644,
        "before-start": 0o644,
        "ca.pem": 0o644,
        "crl.pem": 0o644,
        "broker.pem": 0o644,
        "broker.key": 0o600,
        "acl": 0o600,
    }
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "broker" / "broker.pem", tmp_path / "broker" / "broker.key")
    held = certificate_in(tmp_path / "broker").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert held.get_values_for_type(x509.DNSName) == ["broker.example.org"]
    assert [str(one) for one in held.get_values_for_type(x509.IPAddress)] == ["192.0.2.10", "127.0.0.1"]


def test_writing_again_changes_nothing(written: Callable[..., BrokerFiles]) -> None:
    """A playbook may run it each day: no file is touched, and nobody is told to restart."""
    written()
    assert written() == BrokerFiles((), restart=False)


def test_what_changed_is_named_and_only_that(written: Callable[..., BrokerFiles]) -> None:
    """A revocation needs a reload, another name a new certificate, neither a restart."""
    written()
    assert written(revoked=("k7m2q9xd",)) == BrokerFiles(("acl",), restart=False)
    assert written(names=("other.example.org",)) == BrokerFiles(("acl", "broker.key", "broker.pem"), restart=False)


def test_a_certificate_near_its_end_is_made_anew(
    tmp_path: Path, authority: Authority, written: Callable[..., BrokerFiles]
) -> None:
    """With a third of its life left it is replaced, under the names it had; before that it stays."""
    written()
    first = certificate_in(tmp_path / "broker")
    assert refresh(tmp_path / "broker", authority, (), lambda: machine_time() + 600 * DAY).changed == ()
    said = refresh(tmp_path / "broker", authority, (), lambda: machine_time() + 800 * DAY)
    assert said == BrokerFiles(("broker.key", "broker.pem"), restart=False)
    second = certificate_in(tmp_path / "broker")
    assert second.serial_number != first.serial_number
    assert second.extensions.get_extension_for_class(x509.SubjectAlternativeName) == (
        first.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    )


def test_a_certificate_of_another_authority_is_replaced(tmp_path: Path, written: Callable[..., BrokerFiles]) -> None:
    """After a restore, or an old folder, the broker's certificate is ours again."""
    written()
    with closing(Authority.open_or_create(tmp_path / "other")) as other:
        assert set(refresh(tmp_path / "broker", other, ()).changed) == {"ca.pem", "crl.pem", "broker.key", "broker.pem"}


def test_refresh_without_files_says_what_to_run(tmp_path: Path, authority: Authority) -> None:
    """An empty folder is a ConfigError that names the command."""
    with pytest.raises(ConfigError, match="run balise-collector broker files"):
        refresh(tmp_path, authority, ())


# ---------------------------------------------------------------- as an operator types it


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of commands on settings in a folder of its own: status, output, errors."""
    settings = tmp_path / "collector.toml"
    settings.write_text(f'[collector]\nstate_dir = "{tmp_path}/state"\n[broker]\nhost = "127.0.0.1"\n')

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["--config", str(settings), *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_the_command_writes_and_says_what_is_to_be_done(run: Run, tmp_path: Path) -> None:
    """First a restart, then nothing; the listeners are listed, 443 first."""
    command = ("broker", "files", "--out", str(tmp_path / "out"), "--name", "broker.example.org")
    status, out, _ = run(*command)
    assert status == 0
    assert [line for line in out.splitlines() if line.startswith("listener")] == [
        "listener *:443 mqtt",
        "listener 127.0.0.1:8883 mqtt",
    ]
    assert "restart" in out
    assert run(*command)[1].splitlines()[0] == f"unchanged {tmp_path / 'out'}"


def test_a_revocation_reaches_rules_and_refusals_and_runs_what_follows(run: Run, tmp_path: Path) -> None:
    """`refresh --then` runs the reload where something changed, and only there."""
    key = "00" * 31 + "01"
    run("fleet", "approve", "k7m2q9xd", "--key", key, "--country", "PK", "--asn", "64501")
    run("broker", "files", "--out", str(tmp_path / "out"), "--name", "broker.example.org")
    marker = tmp_path / "reloaded"
    refreshing = ("broker", "refresh", "--out", str(tmp_path / "out"), "--then", sys.executable, "-c")
    touch = f"open({str(marker)!r}, 'a').write('x')"
    run(*refreshing, touch)
    assert not marker.exists()
    run("fleet", "revoke", "k7m2q9xd")
    status, out, _ = run(*refreshing, touch)
    assert status == 0
    assert f"changed {tmp_path / 'out' / 'acl'}" in out
    assert "user k7m2q9xd\ntopic deny" in (tmp_path / "out" / "acl").read_text()
    assert marker.read_text() == "x"
    run("fleet", "approve", "k7m2q9xd", "--key", key, "--country", "PK", "--asn", "64501")
    status, _, errors = run(*refreshing, "raise SystemExit(3)")
    assert status == 2
    assert "the files are written" in errors


# ---------------------------------------------------------------- the collector's own certificate


def test_the_collectors_certificate_is_made_once_and_renewed(tmp_path: Path) -> None:
    """A year, renewed when a third of it is left; a folder of another authority is not believed."""
    now = machine_time()
    identity = BrokerIdentity(tmp_path, tmp_path / "authority", lambda: now)
    assert identity.ensure()
    assert not identity.ensure()
    file = tmp_path / "broker" / "collector.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=collector"
    context = identity.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    now += 240 * DAY
    assert not identity.ensure()
    now += 5 * DAY
    assert identity.ensure()
    identity.load(context)
    assert x509.load_pem_x509_certificate(file.read_bytes()).serial_number != certificate.serial_number
    assert BrokerIdentity(tmp_path, tmp_path / "other", lambda: now).ensure()


class Standing:
    """Stands in for a connection: notes that it was told of a new certificate."""

    def __init__(self) -> None:
        self.told = 0

    def take_identity(self) -> None:
        """Note it."""
        self.told += 1


def test_a_running_collector_renews_and_its_connections_take_it(tmp_path: Path) -> None:
    """Once an hour it looks; a connection that stands goes on, and the next handshake shows the new certificate."""
    seconds = 0.0
    config = Config(
        collector=CollectorSettings(state_dir=str(tmp_path)),
        broker=(Broker(host="127.0.0.1", port=8883, own_authority=True),),
    )
    identity = identity_of(config)
    standing = Standing()
    real = Connection(config.broker[0], lambda _arrival: None, identity)
    renewal = IdentityRenewal(identity, [standing], Clock(monotonic=lambda: seconds))
    file = tmp_path / "broker" / "collector.pem"
    first = file.read_bytes()
    file.unlink()  # as good as one that ends: it is made anew
    renewal.look()
    assert (standing.told, file.exists()) == (0, False)
    seconds = 3601.0
    renewal.look()
    assert standing.told == 1
    assert file.read_bytes() != first
    real.take_identity()
    file.write_text("nothing")
    with pytest.raises(ConfigError, match="our own certificate"):
        real.take_identity()


def test_own_authority_leaves_no_room_for_another(tmp_path: Path) -> None:
    """Certificates of somebody else's beside it are a mistake that is named; without files it is enough by itself."""
    settings = tmp_path / "collector.toml"
    (tmp_path / "ca.pem").write_text("x")
    text = '[broker]\nhost = "127.0.0.1"\nport = 8883\nown_authority = true\n'
    settings.write_text(text)
    assert load(settings).broker[0].own_authority
    settings.write_text(text + f'ca_file = "{tmp_path}/ca.pem"\n')
    with pytest.raises(ConfigError, match="beside own_authority"):
        load(settings)
