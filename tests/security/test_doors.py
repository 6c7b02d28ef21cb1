"""Who gets through the broker's door: only a card of ours, of today, not revoked, over TLS 1.3."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from balise_wire.topics import Leaf, topic

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
    ground: Any, honest: Any, eventually: Callable[..., None], kind: str, word: str
) -> None:
    """Another authority under the name of ours, a card of last year, a server's, and nothing at all."""
    before = ground.said("mosquitto").count(word)
    guest = ground.guest(None if kind == "none" else ground.card("zz99zz99", **{kind: True}))
    assert not guest.connected
    assert guest.failed
    guest.leave()
    honest.goes_on()
    eventually(lambda: ground.said("mosquitto").count(word) == before + 1, "the broker's reason")
    assert "zz99zz99" not in ground.said("mosquitto")


def test_an_older_tls_is_refused(ground: Any, honest: Any, eventually: Callable[..., None]) -> None:
    """TLS 1.2 would show the certificate, and so the probe's id, to whoever listens on the way."""
    guest = ground.guest(ground.card("zz99zz98"), most=ssl.TLSVersion.TLSv1_2)
    assert not guest.connected
    assert "protocol version" in guest.failed
    guest.leave()
    honest.goes_on()
    eventually(lambda: "unsupported protocol" in ground.said("mosquitto"), "the broker's reason")


def test_a_connection_without_tls_is_refused(ground: Any, honest: Any, eventually: Callable[..., None]) -> None:
    """Plain MQTT, HTTP and noise on the door: each ends at once, and mosquitto says so."""
    word = "SSL routines::"  # the reasons differ: wrong version number, http request, packet length too long
    before = ground.said("mosquitto").count(word)
    plain = bytes.fromhex("100d00044d5154540402003c0001") + b"x"
    for opening in (
        plain,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        secrets.token_bytes(4096),
        b"\x16\x03\x01\xff\xff" * 500,
    ):
        with socket.socket() as knock:
            knock.settimeout(5)
            knock.connect(("127.0.0.1", ground.door))
            knock.sendall(opening)
            assert not _answer(knock)
    honest.goes_on()
    eventually(lambda: ground.said("mosquitto").count(word) >= before + 4, "the broker's four refusals")


def _answer(knock: socket.socket) -> bytes:
    """Return what was said other than a TLS alert, until the other side ended."""
    heard = b""
    try:
        while data := knock.recv(4096):
            heard += data
    except ConnectionError:
        pass
    return b"" if heard[:1] == b"\x15" else heard


def test_a_revoked_probe_is_out(ground: Any, honest: Any, eventually: Callable[..., None]) -> None:
    """At once for the collector; for the broker at its reload: the standing connection is mute, no new one is made."""
    probe = ground.probe(id="lost0001")
    card = ground.enrol(probe)
    standing = ground.guest(card)
    standing.subscribe(topic(probe.id, Leaf.ASSIGNMENT))
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: ground.journalled(probe.id) == 1, "the first measurement")

    assert ground.call("fleet", "revoke", probe.id).returncode == 0
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: f"probe {probe.id} was revoked" in ground.quarantined(probe.id), "the collector's refusal")
    assert f"quarantined from {probe.id}: probe {probe.id} was revoked" in ground.said("collector")

    assert ground.call("broker", "refresh", "--out", str(ground.files)).returncode == 0
    ground.reload()
    refused = len(ground.quarantined(probe.id))
    standing.heard.clear()
    standing.publish(probe.topic, probe.batch(probe.measurement()))
    eventually(lambda: "Not authorized" in standing.answers, "the broker's refusal")
    assert f"Denied PUBLISH from {probe.id}" in ground.said("mosquitto")
    again = ground.guest(card)
    assert not again.connected
    honest.goes_on()
    assert len(ground.quarantined(probe.id)) == refused
    assert ground.journalled(probe.id) == 1
    for guest in (standing, again):
        guest.leave()


def test_a_seized_card_is_out_while_its_probe_lives_on(
    ground: Any, honest: Any, eventually: Callable[..., None]
) -> None:
    """Re-enrolled with a new key under the same id: the old certificate is refused, the new one speaks."""
    lost = ground.probe(id="taken001")
    old = ground.enrol(lost)
    found = ground.probe(id="taken001")
    assert ground.call("fleet", "revoke", lost.id).returncode == 0
    new = ground.enrol(found)
    ground.call("broker", "refresh", "--out", str(ground.files))
    ground.reload()
    seized = ground.guest(old)
    assert not seized.connected
    line = ground.line(found, new)
    line.record(found.measurement())
    eventually(lambda: not line.spool, "the receipt for the new board")
    line.stop()
    seized.leave()
    honest.goes_on()
