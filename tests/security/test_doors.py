"""Who gets through the broker's door: only a card of ours, of today, not revoked, over TLS 1.3."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from balise_wire.topics import Leaf, topic
from tests.collector.field_probe import FieldProbe
from tests.security.testbed import Honest, SecurityTestbed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    # paho leaves a socket whose handshake failed to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("stranger", "certificate verify failed"),
        ("expired", "certificate verify failed"),
        ("server", "certificate verify failed"),
        ("none", "peer did not return a certificate"),
    ],
)
def test_a_card_that_is_none_of_ours_is_refused(
    testbed: SecurityTestbed, honest: Honest, eventually: Callable[..., None], kind: str, word: str
) -> None:
    """Another authority under the name of ours, a card of last year, a server's, and nothing at all."""
    before = testbed.said("mosquitto").count(word)
    change: dict[str, Any] = {kind: True}
    guest = testbed.guest(None if kind == "none" else testbed.card("zz99zz99", **change))
    assert not guest.connected
    assert guest.failed
    guest.leave()
    honest.goes_on()
    eventually(lambda: testbed.said("mosquitto").count(word) == before + 1, "the broker's reason")
    assert "zz99zz99" not in testbed.said("mosquitto")


def test_an_older_tls_is_refused(testbed: SecurityTestbed, honest: Honest, eventually: Callable[..., None]) -> None:
    """TLS 1.2 would show the certificate, and so the probe's id, to whoever listens on the way."""
    guest = testbed.guest(testbed.card("zz99zz98"), most=ssl.TLSVersion.TLSv1_2)
    assert not guest.connected
    assert "protocol version" in guest.failed
    guest.leave()
    honest.goes_on()
    eventually(lambda: "unsupported protocol" in testbed.said("mosquitto"), "the broker's reason")


def test_a_connection_without_tls_is_refused(
    testbed: SecurityTestbed, honest: Honest, eventually: Callable[..., None]
) -> None:
    """Plain MQTT, HTTP and noise on the door: each ends at once, and mosquitto says so."""
    word = "SSL routines::"  # the reasons differ: wrong version number, http request, packet length too long
    before = testbed.said("mosquitto").count(word)
    plain = bytes.fromhex("100d00044d5154540402003c0001") + b"x"
    for opening in (
        plain,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        secrets.token_bytes(4096),
        b"\x16\x03\x01\xff\xff" * 500,
    ):
        with socket.socket() as knock:
            knock.settimeout(5)
            knock.connect(("127.0.0.1", testbed.door))
            knock.sendall(opening)
            assert not _answer(knock)
    honest.goes_on()
    eventually(lambda: testbed.said("mosquitto").count(word) >= before + 4, "the broker's four refusals")


def _answer(knock: socket.socket) -> bytes:
    """Return what was said other than a TLS alert, until the other side ended."""
    heard = b""
    try:
        while data := knock.recv(4096):
            heard += data
    except ConnectionError:
        pass
    return b"" if heard[:1] == b"\x15" else heard


def test_a_revoked_probe_is_out(testbed: SecurityTestbed, honest: Honest, eventually: Callable[..., None]) -> None:
    """At once for the collector; for the broker at its reload: the standing connection is mute, no new one is made."""
    probe = FieldProbe(id="lost0001")
    card = testbed.enrol(probe)
    standing = testbed.guest(card)
    standing.subscribe(topic(probe.id, Leaf.ASSIGNMENT))
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: testbed.journalled(probe.id) == 1, "the first measurement")

    assert testbed.call("fleet", "revoke", probe.id).returncode == 0
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: f"probe {probe.id} was revoked" in testbed.quarantined(probe.id), "the collector's refusal")
    assert f"quarantined from {probe.id}: probe {probe.id} was revoked" in testbed.said("collector")

    assert testbed.call("broker", "refresh", "--out", str(testbed.files)).returncode == 0
    testbed.reload()
    refused = len(testbed.quarantined(probe.id))
    standing.heard.clear()
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: "Not authorized" in standing.answers, "the broker's refusal")
    assert f"Denied PUBLISH from {probe.id}" in testbed.said("mosquitto")
    again = testbed.guest(card)
    assert not again.connected
    honest.goes_on()
    assert len(testbed.quarantined(probe.id)) == refused
    assert testbed.journalled(probe.id) == 1
    for guest in (standing, again):
        guest.leave()


def test_a_seized_card_is_out_while_its_probe_lives_on(
    testbed: SecurityTestbed, honest: Honest, eventually: Callable[..., None]
) -> None:
    """Re-enrolled with a new key under the same id: the old certificate is refused, the new one speaks."""
    lost = FieldProbe(id="taken001")
    old = testbed.enrol(lost)
    found = FieldProbe(id="taken001")
    assert testbed.call("fleet", "revoke", lost.id).returncode == 0
    new = testbed.enrol(found)
    testbed.call("broker", "refresh", "--out", str(testbed.files))
    testbed.reload()
    seized = testbed.guest(old)
    assert not seized.connected
    line = testbed.line(found, new)
    line.record(found.measurement())
    eventually(lambda: not line.spool, "the receipt for the new board")
    line.stop()
    seized.leave()
    honest.goes_on()
