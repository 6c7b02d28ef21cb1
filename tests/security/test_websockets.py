"""Why no WebSocket door is open by default: what mosquitto's does, as long as it is older than 2.1 (ADR 0014).

Where the tools bring mosquitto 2.1 this fails on purpose: then such a door may be opened, and the document changed.
"""

from __future__ import annotations

import os
import pwd
import re
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.collector.field_probe import FieldProbe
from tests.security.testbed import Card, SecurityTestbed
from tests.testbed.waiting import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    # paho leaves a socket whose upgrade failed to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]


@pytest.fixture
def door(testbed: SecurityTestbed, tools_bin: Path, tmp_path: Path, unused: Callable[[], int]) -> Iterator[int]:
    """Return the port of a WebSocket door of the same fleet, on a mosquitto of its own."""
    port, me = unused(), pwd.getpwuid(os.geteuid()).pw_name
    said = testbed.call(
        "broker", "files", "--out", str(tmp_path), "--name", "broker.example.org", "--listen", "127.0.0.1",
        "--mqtt", "0", "--websockets", str(port), "--local", str(unused()), "--user", me, "--data", str(tmp_path),
        "--verbose",
    )  # fmt: skip
    assert "before 2.1 lets revoked certificates in" in said.stdout, said.stderr
    environment = {**os.environ, "OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    log = tmp_path / "mosquitto.log"
    with log.open("wb") as sink:
        program = subprocess.Popen(
            [str(tools_bin / "mosquitto"), "-c", str(tmp_path / "mosquitto.conf")], stderr=sink, env=environment
        )
    eventually(lambda: " running" in log.read_text(), "mosquitto runs")
    yield port
    program.kill()  # 2.0 may spin at its end, once somebody was connected there
    program.wait()


def enters(testbed: SecurityTestbed, card: Card | None, port: int, most: ssl.TLSVersion | None = None) -> bool:
    """Whether somebody is greeted at a WebSocket door."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "x", transport="websockets", reconnect_on_failure=False)
    context = testbed.tls(card)
    if most is not None:
        context.maximum_version = most
    client.tls_set_context(context)
    greeted = threading.Event()
    client.on_connect = lambda *_: greeted.set()
    try:
        client.connect("127.0.0.1", port)
    except (OSError, mqtt.WebsocketConnectionError):
        return False
    client.loop_start()
    entered = greeted.wait(5)
    client.disconnect()
    client.loop_stop()
    return entered


def test_a_websocket_door_of_2_0_checks_no_revocation(testbed: SecurityTestbed, tools_bin: Path, door: int) -> None:
    """Strangers and old TLS are kept out there as well; a revoked card is not, and so the door stays shut."""
    said = subprocess.run([str(tools_bin / "mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"mosquitto version (\d+)\.(\d+)", said)
    assert version is not None
    probe = FieldProbe(id="lost0009")
    card = testbed.enrol(probe)
    assert enters(testbed, card, door)
    assert not enters(testbed, card, door, ssl.TLSVersion.TLSv1_2)
    assert not enters(testbed, testbed.card("zz99zz99", stranger=True), door)
    assert not enters(testbed, None, door)
    assert testbed.call("fleet", "revoke", probe.id).returncode == 0
    assert enters(testbed, card, door) == ((int(version[1]), int(version[2])) < (2, 1))
