"""compose.yml as far as a machine without Docker can tell: pins, secrets, mounts, and the broker's users and rights."""

from __future__ import annotations

import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from balise_collector.config import Config
from balise_collector.strict_toml import read_table, shape_table
from balise_wire.topics import COLLECTOR_STATE, Leaf, topic

PROBE, OTHER = "k7m2q9xd", "zz99zz99"


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
    command = [sys.executable, str(place / "tools" / "compose-secrets"), PROBE, OTHER]
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
    assert open_ports == [("broker", "1883:1883")]


def test_there_is_no_default_password(composed: dict[str, Any], secrets: Path) -> None:
    """Each secret is a file that tools/compose-secrets makes, never twice; no value stands in the file itself."""
    assert {Path(one["file"]).name for one in composed["secrets"].values()} <= {file.name for file in secrets.iterdir()}
    made = [file.read_text() for file in secrets.iterdir() if file.is_file() and file.name != "mqtt_users"]
    assert len({*made}) == len(made)
    assert all(len(value) == 32 for value in made)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    for service in composed["services"].values():
        for key, value in service.get("environment", {}).items():
            if any(word in key for word in ("PASSWORD", "TOKEN", "SECRET")):
                assert key.endswith("_FILE"), key
                assert value.startswith("/run/secrets/"), key


def test_a_secret_that_is_there_is_kept_and_a_bad_name_is_refused(repo_root: Path, secrets: Path) -> None:
    """Running it again changes no password; what is no probe's id becomes no user."""
    before = {
        file.name: file.read_text() for file in secrets.rglob("*") if file.is_file() and file.name != "mqtt_users"
    }
    tool = secrets.parent.parent / "tools" / "compose-secrets"
    refused = subprocess.run([sys.executable, str(tool), "No Probe"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "no probe id" in refused.stderr
    after = {file.name: file.read_text() for file in secrets.rglob("*") if file.is_file() and file.name != "mqtt_users"}
    assert before == after
    assert "compose/secrets/" in (repo_root / ".gitignore").read_text()


def test_grafana_is_given_what_its_files_ask_for(composed: dict[str, Any], repo_root: Path) -> None:
    """Every variable of the provisioning files is set, and their folder of dashboards is mounted."""
    grafana = composed["services"]["grafana"]
    folder = repo_root / "collector" / "dashboards" / "provisioning"
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
    assert config.influx.url.split("/")[2].split(":")[0] in composed["services"]
    assert any(volume.endswith(":/run/influx:ro") for volume in composed["services"]["collector"]["volumes"])
    assert config.influx.token_file.startswith("/run/influx/")


# ---------------------------------------------------------------- the broker's rights, under a real mosquitto


@pytest.fixture(scope="module")
def broker(
    repo_root: Path, tools_bin: Path, secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, Path]]:
    """Return the port of a mosquitto with compose's own settings, and the secrets."""
    if not (tools_bin / "mosquitto").exists():
        pytest.skip("mosquitto not in .tools/bin; run make setup")
    folder = tmp_path_factory.mktemp("broker")
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    for name in ("acl", "users"):
        shutil.copy(repo_root / "compose" / "acl" if name == "acl" else secrets / "mqtt_users", folder / name)
    settings = (repo_root / "compose" / "mosquitto.conf").read_text()
    for there, here in (
        ("listener 1883", f"listener {port} 127.0.0.1\nuser root"),
        ("/run/secrets/mqtt_users", f"{folder}/users"),
        ("/mosquitto/config/acl", f"{folder}/acl"),
        ("/mosquitto/data/", f"{folder}/"),
    ):
        assert there in settings
        settings = settings.replace(there, here)
    (folder / "mosquitto.conf").write_text(settings)
    command = [str(tools_bin / "mosquitto"), "-c", str(folder / "mosquitto.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                break
        threading.Event().wait(0.05)
    yield port, secrets
    process.terminate()
    process.wait(10)


class Client:
    """One user of the broker, connected or refused; notes what it receives."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.heard: list[str] = []
        self.refused: bool | None = None
        self.news = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._note(refused=reason.is_failure)
        self._client.on_message = lambda _c, _u, message: self._note(message.topic)
        self._client.on_subscribe = lambda *_: self._note("subscribed")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.wait(lambda: self.refused is not None)

    def _note(self, heard: str = "", *, refused: bool | None = None) -> None:
        with self.news:
            if heard:
                self.heard.append(heard)
            if refused is not None:
                self.refused = refused
            self.news.notify_all()

    def wait(self, until: Callable[[], bool]) -> bool:
        """Wait up to ten seconds for something to have come."""
        with self.news:
            return self.news.wait_for(until, 10)

    def subscribe(self, to: str) -> None:
        """Subscribe and wait for the answer."""
        before = self.heard.count("subscribed")
        self._client.subscribe(to, qos=1)
        assert self.wait(lambda: self.heard.count("subscribed") > before)

    def publish(self, to: str) -> None:
        """Publish, and wait until the broker has answered; what is forbidden it drops."""
        self._client.publish(to, b"x", qos=1).wait_for_publish(10)

    def close(self) -> None:
        """Go; paho closes what wakes its thread only when it is collected, in an order that Python chooses."""
        self._client.disconnect()
        self._client.loop_stop()
        for end in (self._client._sockpairR, self._client._sockpairW):
            if end is not None:
                end.close()


@pytest.mark.slow
def test_a_probe_speaks_below_its_own_topic_only(broker: tuple[int, Path]) -> None:
    """It cannot speak for another, hear another's orders, or give orders; nobody is anonymous."""
    port, secrets = broker
    stranger = Client(port, "", "")
    guesser = Client(port, PROBE, "wrong")
    assert stranger.refused
    assert guesser.refused
    collector = Client(port, "collector", (secrets / "mqtt_collector_password").read_text())
    probe = Client(port, PROBE, (secrets / "probes" / PROBE).read_text())
    assert (collector.refused, probe.refused) == (False, False)
    collector.subscribe("balise/v1/#")
    probe.subscribe("balise/v1/#")
    own = [topic(PROBE, leaf) for leaf in (Leaf.STATE, Leaf.META, Leaf.MEASUREMENT, Leaf.HEALTH, Leaf.EVENT)]
    foreign = [
        topic(OTHER, Leaf.MEASUREMENT),
        topic(PROBE, Leaf.ASSIGNMENT),
        topic(PROBE, Leaf.RECEIPT),
        COLLECTOR_STATE,
    ]
    for each in (*foreign, *own):
        probe.publish(each)
    assert collector.wait(lambda: set(own) <= set(collector.heard))
    assert not set(foreign) & set(collector.heard)
    orders = [topic(PROBE, leaf) for leaf in (Leaf.COMMAND, Leaf.ASSIGNMENT, Leaf.RECEIPT)]
    for each in (topic(OTHER, Leaf.ASSIGNMENT), COLLECTOR_STATE, *orders):
        collector.publish(each)
    assert probe.wait(lambda: {COLLECTOR_STATE, *orders} <= set(probe.heard))
    assert topic(OTHER, Leaf.ASSIGNMENT) not in probe.heard
    for client in (stranger, guesser, collector, probe):
        client.close()
