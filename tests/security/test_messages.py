"""What a card of ours cannot do with what it sends: enter unsigned, enter twice, or cost much."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_wire.envelope import MAX_BATCH_BYTES, MAX_BODY_BYTES
from balise_wire.seal import MAGIC, key_id
from balise_wire.topics import Leaf, topic
from tests.collector.field_probe import FieldProbe
from tests.security.testbed import Card, Guest, Honest, SecurityTestbed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    # paho leaves a socket whose handshake failed to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]
CONNECT = bytes.fromhex("101100044d51545404020030000569676e6f72")

Hostile = tuple[FieldProbe, Guest]


@pytest.fixture
def hostile(testbed: SecurityTestbed) -> Iterator[Hostile]:
    """Return an enrolled probe that means harm, and its connection."""
    probe = FieldProbe(id=f"evil{testbed.next_number():04}")
    guest = testbed.guest(testbed.enrol(probe))
    yield probe, guest
    guest.leave()


def sealed(key: Ed25519PrivateKey, payload: bytes) -> bytes:
    """Seal a payload that no sealer would make: the layout is wire's (seal.py)."""
    header = MAGIC + b"\x01" + key_id(key.public_key())
    return header + key.sign(b"balise/v1\0" + header + payload) + payload


def test_a_forged_signature_enters_nothing(
    testbed: SecurityTestbed, honest: Honest, hostile: Hostile, eventually: Callable[..., None]
) -> None:
    """Another key, another key under our key's name, one bit turned: kept aside with the reason, never believed."""
    probe, guest = hostile
    good = probe.batch(probe.measurement())
    other = FieldProbe(id=probe.id, key=Ed25519PrivateKey.generate(), stream=probe.stream)
    foreign = other.batch(other.measurement())
    renamed = good[:13] + foreign[13:]
    turned = good[:-1] + bytes([good[-1] ^ 1])
    for frame in (foreign, renamed, turned):
        guest.publish(probe.topic, frame)
    eventually(lambda: len(testbed.quarantined(probe.id)) == 3, "three refusals")
    honest.goes_on()
    assert sorted(testbed.quarantined(probe.id)) == sorted(
        [
            "seal: signed by another key than the one approved for this sender",
            *["seal: signature does not match: the frame was altered on the way or signed by another key"] * 2,
        ]
    )
    assert f"quarantined from {probe.id}: seal: signature does not match" in testbed.said("collector")
    assert testbed.journalled(probe.id) == 0


def test_a_replayed_batch_enters_once(
    testbed: SecurityTestbed, honest: Honest, hostile: Hostile, eventually: Callable[..., None]
) -> None:
    """The same frame a hundred times is one measurement; on another probe's behalf it is not even that."""
    probe, guest = hostile
    frame = probe.batch(probe.measurement())
    for _ in range(100):
        guest.publish(probe.topic, frame)
    eventually(lambda: len(guest.answers) == 100, "every copy acknowledged")
    eventually(lambda: testbed.journalled(probe.id) == 1, "the measurement")
    thief = FieldProbe(id=f"evil{testbed.next_number():04}")
    copies = testbed.guest(testbed.enrol(thief))
    copies.publish(thief.topic, frame)
    eventually(lambda: len(testbed.quarantined(thief.id)) == 1, "the refusal of the copy")
    assert "signed by another key" in testbed.quarantined(thief.id)[0]
    copies.leave()
    honest.goes_on()
    assert testbed.journalled(probe.id) == 1
    assert testbed.journalled(thief.id) == 0


def test_a_decompression_bomb_does_not_go_off(
    testbed: SecurityTestbed, honest: Honest, hostile: Hostile, eventually: Callable[..., None]
) -> None:
    """Rightly signed and small on the wire; declared or not, no more than a message's size is ever unpacked."""
    probe, guest = hostile
    huge = 1 << 30
    compressor = zstandard.ZstdCompressor(level=1).compressobj(size=huge)
    chunk = bytes(1 << 20)
    declared = b"".join([compressor.compress(chunk) for _ in range(huge >> 20)]) + compressor.flush()
    quiet = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    undeclared = b"".join([quiet.compress(chunk) for _ in range(64)]) + quiet.flush()
    lying = zstandard.ZstdCompressor(level=1, write_content_size=False).compress(bytes(MAX_BODY_BYTES * 4))
    bombs = [sealed(probe.key, payload) for payload in (declared, undeclared, lying)]
    assert all(len(bomb) < MAX_BATCH_BYTES for bomb in bombs)
    for _ in range(5):
        for bomb in bombs:
            guest.publish(probe.topic, bomb)
    eventually(lambda: len(testbed.quarantined(probe.id)) == 15, "fifteen refusals")
    honest.goes_on()
    assert {reason.split(":")[0] for reason in testbed.quarantined(probe.id)} == {"seal"}
    assert f"message of {huge} bytes (or of undeclared size) where {MAX_BODY_BYTES} are allowed" in (
        testbed.said("collector")
    )


def test_ten_megabytes_end_the_connection(
    testbed: SecurityTestbed, honest: Honest, hostile: Hostile, eventually: Callable[..., None]
) -> None:
    """A packet that is larger than any batch ends the connection that brought it, and reaches nobody."""
    probe, guest = hostile
    word = "oversize packet"
    guest.publish(probe.topic, secrets.token_bytes(10 * 1024 * 1024))
    eventually(lambda: not guest.connected, "the end of the connection")
    honest.goes_on()
    eventually(lambda: word in testbed.said("mosquitto").lower(), "the broker's reason")
    assert testbed.quarantined(probe.id) == []


def test_noise_inside_tls_ends_the_connection(testbed: SecurityTestbed, honest: Honest, hostile: Hostile) -> None:
    """With a good card: noise before and after the greeting, a packet that announces 256 MB, a greeting twice."""
    _, guest = hostile
    card = guest.card
    word = "disconnected due to"
    before = testbed.said("mosquitto").count(word)
    for opening in (
        secrets.token_bytes(20_000),
        CONNECT + b"\x00" + secrets.token_bytes(20_000),
        CONNECT + b"\x30\xff\xff\xff\x7f" + bytes(5000),
        CONNECT + CONNECT,
        b"\x10\xff\xff\xff\xff\xff\xff\x7f",
    ):
        with socket.create_connection(("127.0.0.1", testbed.door), 5) as plain:  # noqa: TID251 - loopback, in a test
            knock = testbed.tls(card).wrap_socket(plain, server_hostname="127.0.0.1")
            knock.sendall(opening)
            assert _ends(knock)
            knock.close()
    honest.goes_on()
    assert testbed.said("mosquitto").count(word) >= before + 4


def _ends(knock: ssl.SSLSocket) -> bool:
    """Whether the other side ends the connection within the socket's patience."""
    try:
        while knock.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_a_flood_of_messages_is_survived(
    testbed: SecurityTestbed, honest: Honest, hostile: Hostile, eventually: Callable[..., None]
) -> None:
    """Twenty thousand messages of noise on one's own topics: all kept out, and honest receipts still come."""
    probe, guest = hostile
    noise = [secrets.token_bytes(500) for _ in range(50)]
    leaves = (Leaf.MEASUREMENT, Leaf.EVENT, Leaf.HEALTH, Leaf.STATE, Leaf.META)
    for n in range(20_000):
        guest.publish(topic(probe.id, leaves[n % 5]), noise[n % 50], qos=n % 2)
    honest.goes_on()
    eventually(lambda: len(guest.answers) >= 10_000, "the broker has taken them", within=90.0)
    assert testbed.journalled(probe.id) == 0


def test_a_flood_of_connections_is_survived(testbed: SecurityTestbed, honest: Honest, hostile: Hostile) -> None:
    """Strangers that connect and say nothing, half a handshake, and one card that comes back again and again."""
    _, guest = hostile
    with ExitStack() as held:
        for n in range(800):
            silent = held.enter_context(socket.create_connection(("127.0.0.1", testbed.door), 5))  # noqa: TID251 - as above
            if n % 2:
                silent.sendall(b"\x16\x03\x01\x02\x00\x01")
        honest.goes_on()
        knocks = [threading.Thread(target=_come_and_go, args=(testbed, guest.card)) for _ in range(4)]
        for knock in knocks:
            knock.start()
        for knock in knocks:
            knock.join()
        honest.goes_on()


def _come_and_go(testbed: SecurityTestbed, card: Card) -> None:
    for _ in range(25):
        with socket.create_connection(("127.0.0.1", testbed.door), 5) as plain:  # noqa: TID251 - as above
            knock = testbed.tls(card).wrap_socket(plain, server_hostname="127.0.0.1")
            knock.sendall(CONNECT)
            knock.recv(16)
            knock.close()
