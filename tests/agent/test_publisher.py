"""The publisher against a real mosquitto: what is delivered, resent, forgotten and refused."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from balise_agent.config import Broker, Transport
from balise_wire import delivery
from balise_wire.envelope import Kind
from balise_wire.seal import Sealer
from balise_wire.status import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from balise_agent.identity import Identity
    from balise_agent.publisher import Publisher
    from balise_agent.spool import Spool


def entry(broker: Any, **settings: Any) -> Broker:
    """Return the broker entry of a test's mosquitto."""
    return Broker(host="127.0.0.1", port=broker.port, **settings)


def test_batches_are_delivered_in_order_and_kept_until_the_receipt(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """A broker's PUBACK forgets nothing; the collector's receipt forgets exactly what it names."""
    fill(spool, 5)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: len(collector_side.batches) >= 5, collector_side)
    assert collector_side.sequences == [1, 2, 3, 4, 5]
    assert len(spool.rows(0, 10)) == 5
    collector_side.receipt(Receipt(stream=spool.stream, through=2, beyond=(4,)))
    until(lambda: len(spool.rows(0, 10)) == 2, collector_side)
    assert [row.sequence for row in spool.rows(0, 10)] == [3, 5]


def test_receipts_of_others_forget_nothing(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    identity: Identity,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """A forged receipt, one for another probe, one of another stream, and plain bytes are ignored and counted."""
    fill(spool, 2)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: len(collector_side.batches) >= 2, collector_side)
    collector_side.receipt(Receipt(stream=spool.stream, through=9), sealer=Sealer(identity.key))
    collector_side.receipt(Receipt(stream=spool.stream, through=9), probe="someoneelse")
    collector_side.publish("receipt", b"not sealed at all")
    collector_side.receipt(Receipt(stream="another", through=9))
    until(lambda: publisher.counters.forged == 3 and publisher.counters.receipts == 1, collector_side)
    assert len(spool.rows(0, 10)) == 2


def test_a_broker_killed_with_everything_acknowledged_costs_nothing(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """After kill -9 of the broker the publisher reconnects, with a higher session, and sends every unreceipted row."""
    fill(spool, 3)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: len(collector_side.batches) >= 3, collector_side)
    first_session = publisher.session
    collector_side.receipt(Receipt(stream=spool.stream, through=1))
    until(lambda: len(spool.rows(0, 10)) == 2, collector_side)
    mosquitto.kill()
    until(lambda: not publisher.connected)
    fill(spool, 1, at=2000.0)
    mosquitto.start()
    collector_side.batches.clear()
    collector_side.connect()
    until(lambda: len(collector_side.batches) >= 3, collector_side)
    assert collector_side.sequences == [2, 3, 4]
    assert publisher.session > first_session


def test_an_overdue_receipt_sends_the_rows_again(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Rows without a receipt are sent again, oldest first, with growing patience."""
    fill(spool, 2)
    publisher = make_publisher(entry(mosquitto))
    publisher._patience = 0.3
    publisher.start()
    until(lambda: publisher.connected, collector_side)
    publisher._patience = 0.3  # the ten seconds of a real network would make the test wait
    until(lambda: len(collector_side.batches) >= 4, collector_side)
    assert collector_side.sequences[:4] == [1, 2, 1, 2]
    assert publisher._patience > 0.3


def test_a_stream_that_begins_anew_is_told_and_delivered_from_its_first_row(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """A disk that dies under way: row 1 of the new stream comes after row 3 of the old one."""
    fill(spool, 3)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: len(collector_side.batches) == 3, collector_side)
    collector_side.receipt(Receipt(stream=spool.stream, through=3))
    until(lambda: spool.count() == 0, collector_side)
    old = spool.stream
    spool._database.close()
    spool._database = spool._stand_in("full")
    assert spool.stream != old
    fill(spool, 2)
    publisher.poke()
    until(lambda: len(collector_side.batches) == 5, collector_side)
    assert collector_side.sequences == [1, 2, 3, 1, 2]


def test_the_queue_is_held_while_the_collector_is_offline(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Nothing is sent to a collector that says it is offline, everything once it is back."""
    collector_side.say(online=False)
    fill(spool, 2)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: "ready" in collector_side.states and not publisher.collector_online, collector_side)
    publisher.poke()
    until(lambda: publisher.counters.connections == 1, collector_side)
    assert collector_side.batches == []
    collector_side.say(online=True)
    until(lambda: len(collector_side.batches) >= 2, collector_side)


def test_the_will_says_lost_and_a_goodbye_says_disconnected(
    mosquitto: Any,
    collector_side: Any,
    make_publisher: Callable[..., Publisher],
    until: Callable[..., None],
) -> None:
    """A connection that breaks leaves the broker to say ``lost``; a clean end says ``disconnected``, and no will."""
    broken = make_publisher(entry(mosquitto))
    broken.start()
    until(lambda: collector_side.states == ["ready"], collector_side)
    broken._parted = True  # do not come back
    broken._lost("the test pulls the plug")
    until(lambda: collector_side.states == ["ready", "lost"], collector_side)
    clean = make_publisher(entry(mosquitto))
    clean.start()
    until(lambda: collector_side.states[2:] == ["ready"], collector_side)
    clean.part()
    until(lambda: clean.parted and collector_side.states[2:] == ["ready", "disconnected"], collector_side)


def test_a_dead_broker_is_passed_over_and_the_good_one_remembered(
    mosquitto: Any,
    collector_side: Any,
    make_publisher: Callable[..., Publisher],
    until: Callable[..., None],
) -> None:
    """The list is the fail-over order, and the one that worked comes first after a restart."""
    dead = Broker(host="127.0.0.1", port=1)
    publisher = make_publisher(dead, entry(mosquitto))
    publisher.start()
    until(lambda: publisher.connected, collector_side)
    assert publisher.broker.endswith(str(mosquitto.port))
    again = make_publisher(dead, entry(mosquitto))
    assert again.broker == publisher.broker


def test_an_assignment_reaches_the_listener(
    mosquitto: Any,
    collector_side: Any,
    heard: Any,
    make_publisher: Callable[..., Publisher],
    until: Callable[..., None],
) -> None:
    """The retained assignment arrives at each connection, sealed as it was."""
    frame = collector_side.frame(Kind.ASSIGNMENT, Receipt(stream="x", through=0))
    collector_side.publish("assignment", frame)
    make_publisher(entry(mosquitto)).start()
    until(lambda: bool(heard.frames), collector_side)
    assert heard.frames == [frame]


def test_websockets_carry_the_same(
    websocket_mosquitto: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Over WebSockets the session stands and batches are acknowledged by the broker."""
    fill(spool, 2)
    publisher = make_publisher(entry(websocket_mosquitto, transport=Transport.WEBSOCKETS))
    publisher.start()
    until(lambda: publisher.counters.sent_batches == 2)
    until(lambda: publisher._client is not None and not publisher._client._out_messages)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    (tmp_path / "broker.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "broker.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return tmp_path / "broker.crt", tmp_path / "broker.key"


def test_tls_is_verified_and_carries_the_same(
    mosquitto: Any,
    certificate: tuple[Path, Path],
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the right CA the session stands over TLS 1.3; without it the broker is refused, in words."""
    mosquitto.kill()
    with mosquitto.config.open("a") as file:
        file.write(f"certfile {certificate[0]}\nkeyfile {certificate[1]}\n")
    mosquitto.start()
    fill(spool, 2)
    stranger = make_publisher(entry(mosquitto, tls=True))
    stranger.start()
    until(lambda: "certificate verify failed" in caplog.text)
    stranger.part()
    publisher = make_publisher(entry(mosquitto, tls=True, ca_file=str(certificate[0])))
    publisher.start()
    until(lambda: publisher.counters.sent_batches == 2)
    assert isinstance(publisher._watched, ssl.SSLSocket)
    assert publisher._watched.version() == "TLSv1.3"


def test_the_broker_is_a_real_one(mosquitto: Any) -> None:
    """These tests say something about mosquitto, not about a stand-in."""
    assert subprocess.run([mosquitto.program, "-h"], capture_output=True, check=False).stdout.startswith(b"mosquitto")


def test_a_broker_that_announces_a_monster_is_left(
    reactor: Any,
    make_publisher: Callable[..., Publisher],
    until: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A message of 200 MB is not even begun: the probe has 60 MB in all."""
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(_events: int) -> None:
            client, _ = server.accept()
            clients.append(client)
            client.sendall(b"\x20\x02\x00\x00" + b"\x30\x80\x80\x80\x64" + b"x" * 100_000)

        reactor.watch(server, serve)
        publisher = make_publisher(Broker(host="127.0.0.1", port=server.getsockname()[1]))
        publisher.start()
        until(lambda: "connection ended" in caplog.text)
        reactor.unwatch(server)
    for client in clients:
        client.close()


def test_a_new_connection_forgets_what_an_old_one_heard_of_the_collector(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """``offline`` heard from one broker must not hold the queue on another one that knows nothing of it."""
    collector_side.say(online=False)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: publisher.connected and not publisher.collector_online, collector_side)
    mosquitto.kill()
    until(lambda: not publisher.connected)
    fill(spool, 1)
    mosquitto.start()
    collector_side.connect()
    until(lambda: len(collector_side.batches) >= 1, collector_side)


def test_a_clean_end_waits_a_moment_for_the_last_receipts(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """What goes out with the goodbye is forgotten when the collector has it, and kept when it does not answer."""
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: "ready" in collector_side.states, collector_side)
    fill(spool, 2)
    publisher.part()
    until(lambda: len(collector_side.batches) >= 2, collector_side)
    collector_side.receipt(Receipt(stream=spool.stream, through=2))
    until(lambda: publisher.parted and "disconnected" in collector_side.states, collector_side)
    assert spool.count() == 0
    again = make_publisher(entry(mosquitto))
    again.start()
    until(lambda: collector_side.states.count("ready") == 2, collector_side)
    fill(spool, 1)
    again.part()
    until(lambda: again.parted and collector_side.states.count("disconnected") == 2, collector_side)
    assert spool.count() == 1


def test_what_the_line_carries_is_more_than_what_we_say(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Handshake, headers and acknowledgements are counted, over one connection after the other."""
    fill(spool, 3)
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: len(collector_side.batches) >= 3, collector_side)
    sent, received = publisher.crossed()
    assert sent > publisher.counters.sent_bytes + 3 * 52
    assert received > 3 * 52
    mosquitto.kill()
    until(lambda: not publisher.connected)
    assert publisher.crossed() >= (sent, received)


def test_a_day_that_is_spent_keeps_results_here(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    heard: Any,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Results wait, then the probe signs off with a state that is no loss; the next day it comes back and delivers."""
    fill(spool, 2)
    heard.left = 10
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: publisher.connected, collector_side)
    publisher._tick()
    assert collector_side.batches == []
    assert publisher.counters.sent_batches == 0
    heard.left = 0
    publisher.poke()
    until(lambda: not publisher.connected, collector_side)
    publisher._tick()
    assert (publisher._dial, publisher.trouble) == (None, None)
    assert publisher._pause() == pytest.approx(1.0, abs=0.2)
    assert len(spool.rows(0, 10)) == 2
    heard.left = 1_000_000
    publisher.poke()
    until(lambda: len(collector_side.batches) >= 2, collector_side)


def test_a_batch_costs_no_more_than_the_model_says(
    mosquitto: Any,
    collector_side: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """The collector reckons with ``delivery.BATCH``: counted at a broker, with TLS records and IPv6 added."""
    publisher = make_publisher(entry(mosquitto))
    publisher.start()
    until(lambda: publisher.connected and time.monotonic() > publisher._ready_at, collector_side)
    before, frames, batches = sum(publisher.crossed()), 0, 10
    for number in range(1, batches + 1):
        fill(spool, 1, at=1000.0 + number)
        frames += len(spool.rows(0, 1)[0].frame)
        publisher.poke()
        until(lambda wanted=number: len(collector_side.batches) == wanted, collector_side)
        collector_side.receipt(Receipt(stream=spool.stream, through=number))
        until(lambda: not spool.rows(0, 1), collector_side)
    around = (sum(publisher.crossed()) - before - frames) / batches
    records, segments = 4, 8
    assert 300 < around < delivery.BATCH - records * 22 - segments * 20
