"""compose.yml as far as a machine without Docker can tell: pins, secrets, mounts, and the broker's files."""

from __future__ import annotations

import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from balise_collector.run.cli import main
from balise_collector.system.config import Config
from balise_collector.system.strict_toml import read_table, shape_table


@pytest.fixture(scope="module")
def composed(repo_root: Path) -> dict[str, Any]:
    """Return compose.yml."""
    read: dict[str, Any] = yaml.safe_load((repo_root / "compose.yml").read_text())
    return read


@pytest.fixture(scope="module")
def secrets(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of secrets as tools/compose-secrets makes it, in a copy of the tree's frame."""
    place = tmp_path_factory.mktemp("tree")
    (place / "tools").mkdir()
    (place / "compose").mkdir()
    shutil.copy(repo_root / "tools" / "compose-secrets", place / "tools")
    command = [sys.executable, str(place / "tools" / "compose-secrets")]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True)
    return place / "compose" / "secrets"


def test_every_image_is_pinned(composed: dict[str, Any], repo_root: Path) -> None:
    """No image is `latest`, or a major version that changes its meaning under us; the Dockerfile's base neither."""
    images = [service["image"] for service in composed["services"].values()]
    images += re.findall(r"^FROM (\S+)", (repo_root / "collector" / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", image), image
    installs = re.findall(r"pip install [^&\n]*", (repo_root / "collector" / "Dockerfile").read_text())
    assert all("--require-hashes" in one or "--no-index" in one for one in installs), installs


def test_what_is_referred_to_is_there(composed: dict[str, Any], repo_root: Path) -> None:
    """Mounted files exist, volumes and secrets are declared, services that others wait for have a health check."""
    services = composed["services"]
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (repo_root / source).exists() if source.startswith(".") else source in composed["volumes"], volume
        held = service.get("secrets", ())
        assert set(held) <= set(composed["secrets"]), name
        assert len(held) == len({*held}), name
        for other, waits in service.get("depends_on", {}).items():
            once = waits["condition"] == "service_completed_successfully"
            assert once or "healthcheck" in services[other], (name, other)
        assert "healthcheck" in service or name == "influx-setup", name
    assert (repo_root / services["collector"]["build"]["dockerfile"]).exists()


def test_only_the_broker_listens_beyond_this_machine(composed: dict[str, Any]) -> None:
    """Pages and Grafana are published to loopback, InfluxDB not at all."""
    open_ports = [
        (name, port)
        for name, service in composed["services"].items()
        for port in service.get("ports", ())
        if not port.startswith("127.0.0.1:")
    ]
    assert open_ports == [("broker", "443:443")]


def test_there_is_no_default_password(composed: dict[str, Any], secrets: Path) -> None:
    """Each secret is a file that tools/compose-secrets makes, never twice; no value stands in the file itself."""
    assert {Path(one["file"]).name for one in composed["secrets"].values()} <= {file.name for file in secrets.iterdir()}
    made = [file.read_text() for file in secrets.iterdir()]
    assert len({*made}) == len(made)
    assert all(len(value) == 32 for value in made)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    for service in composed["services"].values():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("PASSWORD", "TOKEN", "SECRET")):
                assert key.endswith("_FILE"), key
                assert value.startswith("/run/secrets/"), key


def test_a_secret_that_is_there_is_kept(repo_root: Path, secrets: Path) -> None:
    """Running it again changes no password."""
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    tool = secrets.parent.parent / "tools" / "compose-secrets"
    subprocess.run([sys.executable, str(tool)], check=True, capture_output=True)
    assert before == {file.name: file.read_text() for file in secrets.iterdir()}
    assert "compose/secrets/" in (repo_root / ".gitignore").read_text()


def test_grafana_is_given_what_its_files_ask_for(composed: dict[str, Any], repo_root: Path) -> None:
    """Every variable of the provisioning files is set, and their folder of dashboards is mounted."""
    grafana = composed["services"]["grafana"]
    folder = repo_root / "dashboards" / "provisioning"
    asked = {
        name
        for file in folder.rglob("*.yaml")
        for name in re.findall(r"\$\{?(BALISE_\w+)", file.read_text())
    }  # fmt: skip
    given = {*grafana["environment"], *re.findall(r"(BALISE_\w+)=", " ".join(grafana["entrypoint"]))}
    assert asked
    assert asked <= given
    boards = yaml.safe_load((folder / "dashboards" / "balise.yaml").read_text())["providers"][0]["options"]["path"]
    assert any(volume.split(":")[1] == boards for volume in grafana["volumes"])


def test_the_collectors_settings_are_understood(composed: dict[str, Any], repo_root: Path) -> None:
    """Its file has only keys that exist, and the addresses are names of services."""
    file = repo_root / "compose" / "collector.toml"
    table = read_table(file, example="")
    table["broker"] = [table["broker"]]
    config = shape_table(table, Config, str(file), example="")
    # Inside its container it listens to all; then the operator's pages want a token.
    assert config.pages.token_file == "/run/secrets/pages_token"
    assert config.broker[0].host in composed["services"]
    assert config.broker[0].own_authority
    assert config.influx.url.split("/")[2].split(":")[0] in composed["services"]
    assert any(volume.endswith(":/run/influx:ro") for volume in composed["services"]["collector"]["volumes"])
    assert config.influx.token_file.startswith("/run/influx/")


def test_the_broker_gets_the_files_that_ship(composed: dict[str, Any], tmp_path: Path) -> None:
    """The command of broker-files is one that exists, under names that the collector and the probes call."""
    script = composed["services"]["broker-files"]["entrypoint"][-1].replace("$$", "$")
    written = re.search(r"\$run (files .*) \|\| exit", script)
    assert written is not None
    arguments = shlex.split(
        written[1].replace("$BALISE_NAME", "front.example.org").replace("/fleet --place", f"{tmp_path}/out --place")
    )
    settings = tmp_path / "collector.toml"
    settings.write_text(
        f'[collector]\nstate_dir = "{tmp_path}/state"\n[broker]\nhost = "broker"\nown_authority = true\n'
    )
    assert main(["--config", str(settings), "broker", *arguments]) == 0
    text = (tmp_path / "out" / "mosquitto.conf").read_text()
    assert text.count("\nlistener ") == 1
    assert "\nlistener 443\n" in text
    mounts = {volume.split(":")[1] for volume in composed["services"]["broker"]["volumes"]}
    for path in (*re.findall(r"^(?:acl_file|cafile|crlfile|certfile|keyfile) (\S+)", text, re.MULTILINE),):
        assert str(Path(path).parent) in mounts
    assert composed["services"]["broker"]["environment"]["OPENSSL_CONF"].startswith("/mosquitto/config/fleet/")
    certificate = x509.load_pem_x509_certificate((tmp_path / "out" / "broker.pem").read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"broker", "front.example.org"} <= set(held.get_values_for_type(x509.DNSName))


@pytest.mark.parametrize("service", ["broker", "broker-files"])
def test_the_scripts_are_understood_by_a_shell(composed: dict[str, Any], service: str) -> None:
    """A script inside YAML inside Compose: its shell must at least read it."""
    script = composed["services"][service]["entrypoint"][-1].replace("$$", "$")
    done = subprocess.run(["/bin/sh", "-n", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
