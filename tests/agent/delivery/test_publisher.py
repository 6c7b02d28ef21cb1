"""The publisher against a real mosquitto: what is delivered, resent, forgotten and refused."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from balise_agent.delivery.parts import Arrival, Assigned, Greeted
from balise_agent.system.config import Broker, BrokerTransport
from balise_agent.system.reactor import Reactor
from balise_wire import profiles
from balise_wire.envelope import Kind, decode_envelope
from balise_wire.seal import Sealer, unseal
from balise_wire.status import Health, Meta, Receipt
from balise_wire.words import Lifecycle
from tests.agent.conftest import Mosquitto, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from balise_agent.delivery.publisher import Publisher
    from balise_agent.delivery.spool.spool import Spool
    from balise_agent.system.identity import Identity


def entry(broker: Any, **settings: Any) -> Broker:
    """Return the broker entry of a test's mosquitto."""
    return Broker(host="127.0.0.1", port=broker.port, **settings)


def test_batches_are_delivered_in_order_and_kept_until_the_receipt(stage: Stage) -> None:
    """A broker's PUBACK forgets nothing; the collector's receipt forgets exactly what it names."""
    stage.fill(5)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) >= 5, stage.collector)
    assert stage.collector.sequences == [1, 2, 3, 4, 5]
    assert len(stage.spool.rows(0, 10)) == 5
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=2, beyond=(4,)))
    stage.until(lambda: len(stage.spool.rows(0, 10)) == 2, stage.collector)
    assert [row.sequence for row in stage.spool.rows(0, 10)] == [3, 5]


def test_it_introduces_itself_under_its_seal(stage: Stage, identity: Identity) -> None:
    """What a probe is and can do is believed by its own signature: a broker that writes it could ask it for less."""
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: any(leaf == "meta" for leaf, _ in stage.collector.others), stage.collector)
    payload = next(payload for leaf, payload in stage.collector.others if leaf == "meta")
    envelope = decode_envelope(unseal(payload, identity.key.public_key(), most=4096))
    assert (envelope.kind, envelope.session) == (Kind.META, publisher.session)
    assert msgspec.json.decode(envelope.body, type=Meta).public_key == identity.public_hex


def test_receipts_of_others_forget_nothing(stage: Stage, identity: Identity) -> None:
    """A forged receipt, one for another probe, one of another stream, and plain bytes are ignored and counted."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) >= 2, stage.collector)
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=9), sealer=Sealer(identity.key))
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=9), probe="someoneelse")
    stage.collector.publish("receipt", b"not sealed at all")
    stage.collector.receipt(Receipt(stream="another", through=9))
    stage.until(lambda: publisher.counters.forged == 3 and publisher.counters.receipts == 1, stage.collector)
    assert len(stage.spool.rows(0, 10)) == 2


def test_a_receipt_of_another_schema_forgets_nothing(stage: Stage) -> None:
    """Its words may mean something else (docs/wire.md, law 3); one of ours is obeyed behind it."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) >= 2, stage.collector)
    body = Receipt(stream=stage.spool.stream, through=2)
    stage.collector.publish("receipt", stage.collector.frame(Kind.RECEIPT, body, schema=2))
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=1))
    stage.until(lambda: publisher.counters.receipts == 1, stage.collector)
    assert [row.sequence for row in stage.spool.rows(0, 10)] == [2]


@pytest.mark.slow
def test_a_broker_killed_with_everything_acknowledged_costs_nothing(stage: Stage) -> None:
    """After kill -9 of the broker the publisher reconnects, with a higher session, and sends every unreceipted row."""
    stage.fill(3)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) >= 3, stage.collector)
    first_session = publisher.session
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=1))
    stage.until(lambda: len(stage.spool.rows(0, 10)) == 2, stage.collector)
    stage.broker.kill()
    stage.until(lambda: not publisher.connected)
    stage.fill(1, at=2000.0)
    stage.broker.start()
    stage.collector.batches.clear()
    stage.collector.connect()
    stage.until(lambda: len(stage.collector.batches) >= 3, stage.collector)
    assert stage.collector.sequences == [2, 3, 4]
    assert publisher.session > first_session


@pytest.mark.slow
def test_an_overdue_receipt_sends_the_rows_again(stage: Stage) -> None:
    """Rows without a receipt are sent again, oldest first, with growing patience."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected, stage.collector)
    publisher.window.receipt_seconds = 0.3  # the ten seconds of a real network would make the test wait
    stage.until(lambda: len(stage.collector.batches) >= 4, stage.collector)
    assert stage.collector.sequences[:4] == [1, 2, 1, 2]
    assert publisher.window.receipt_seconds > 0.3


@pytest.mark.slow
def test_a_stream_that_begins_anew_is_told_and_delivered_from_its_first_row(stage: Stage) -> None:
    """A disk that dies under way: row 1 of the new stream comes after row 3 of the old one."""
    stage.fill(3)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) == 3, stage.collector)
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=3))
    stage.until(lambda: stage.spool.count() == 0, stage.collector)
    old = stage.spool.stream
    stage.spool.batches.close()
    stage.spool.batches = stage.spool._stand_in("full")
    assert stage.spool.stream != old
    stage.fill(2)
    publisher.poke()
    stage.until(lambda: len(stage.collector.batches) == 5, stage.collector)
    assert stage.collector.sequences == [1, 2, 3, 1, 2]


def test_the_queue_is_held_while_the_collector_is_offline(stage: Stage) -> None:
    """Nothing is sent to a collector that says it is offline, everything once it is back."""
    stage.collector.say(online=False)
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: "ready" in stage.collector.states and not publisher.collector_online, stage.collector)
    publisher.poke()
    stage.until(lambda: publisher.counters.connections == 1, stage.collector)
    assert stage.collector.batches == []
    stage.collector.say(online=True)
    stage.until(lambda: len(stage.collector.batches) >= 2, stage.collector)


def test_the_will_says_lost_and_a_goodbye_says_disconnected(stage: Stage) -> None:
    """A connection that breaks leaves the broker to say ``lost``; a clean end says ``disconnected``, and no will."""
    broken = stage.publisher(entry(stage.broker))
    broken.start()
    stage.until(lambda: stage.collector.states == ["ready"], stage.collector)
    broken.close()
    stage.until(lambda: stage.collector.states == ["ready", "lost"], stage.collector)
    clean = stage.publisher(entry(stage.broker))
    clean.start()
    stage.until(lambda: stage.collector.states[2:] == ["ready"], stage.collector)
    clean.part()
    stage.until(lambda: clean.parted and stage.collector.states[2:] == ["ready", "disconnected"], stage.collector)


@pytest.mark.slow
def test_a_dead_broker_is_passed_over_and_the_good_one_remembered(stage: Stage) -> None:
    """The list is the fail-over order, and the one that worked comes first after a restart."""
    dead = Broker(host="127.0.0.1", port=1)
    publisher = stage.publisher(dead, entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected, stage.collector)
    assert publisher.broker.endswith(str(stage.broker.port))
    again = stage.publisher(dead, entry(stage.broker))
    assert again.broker == publisher.broker


def test_an_assignment_waits_in_the_queue(stage: Stage) -> None:
    """The retained assignment arrives at each connection, sealed as it was."""
    frame = stage.collector.frame(Kind.ASSIGNMENT, Receipt(stream="x", through=0))
    stage.collector.publish("assignment", frame)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    taken: list[Arrival] = []

    def arrived() -> bool:
        taken.extend(publisher.take())
        return len(taken) >= 2

    stage.until(arrived, stage.collector)
    assert taken == [Greeted(), Assigned(frame)]
    assert publisher.take() == []


@pytest.mark.slow
def test_websockets_carry_the_same(
    websocket_mosquitto: Any,
    spool: Spool,
    make_publisher: Callable[..., Publisher],
    fill: Callable[..., None],
    until: Callable[..., None],
) -> None:
    """Over WebSockets the session stands and batches are acknowledged by the broker."""
    fill(spool, 2)
    publisher = make_publisher(entry(websocket_mosquitto, transport=BrokerTransport.WEBSOCKETS))
    publisher.start()
    until(lambda: publisher.counters.sent_batches == 2)
    until(lambda: publisher.mqtt is not None and not publisher.mqtt.unacknowledged)


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
    mosquitto: Mosquitto,
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
    assert publisher.mqtt is not None
    assert isinstance(publisher.mqtt.stream, ssl.SSLSocket)
    assert publisher.mqtt.stream.version() == "TLSv1.3"


def test_the_broker_is_a_real_one(mosquitto: Mosquitto) -> None:
    """These tests say something about mosquitto, not about a stand-in."""
    assert subprocess.run([mosquitto.program, "-h"], capture_output=True, check=False).stdout.startswith(b"mosquitto")


def test_a_broker_that_announces_a_monster_is_left(
    reactor: Reactor,
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


@pytest.fixture
def cutting(reactor: Reactor) -> Iterator[Callable[[bytes], tuple[Broker, list[socket.socket]]]]:
    """Return a function that opens a broker which greets and subscribes whoever comes, says something, and hangs up."""
    clients: list[socket.socket] = []
    servers: list[socket.socket] = []

    def talk(client: socket.socket, after: bytes) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = client.recv(65536)
        if data[:1] == b"\x10":
            client.sendall(b"\x20\x02\x00\x00")
        elif data[:1] == b"\x82":
            client.sendall(b"\x90\x05" + data[2:4] + b"\x01\x01\x01" + after)
        else:
            reactor.unwatch(client)
            client.close()

    def opened(after: bytes) -> tuple[Broker, list[socket.socket]]:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve(_events: int) -> None:
            client, _ = server.accept()
            clients.append(client)
            reactor.watch(client, lambda _events: talk(client, after))

        reactor.watch(server, serve)
        return Broker(host="127.0.0.1", port=server.getsockname()[1]), clients

    yield opened
    for sock in [*servers, *clients]:
        if sock.fileno() >= 0:
            reactor.unwatch(sock)
        sock.close()


@pytest.mark.slow
def test_a_network_that_cuts_each_session_is_backed_off_from(
    cutting: Any, make_publisher: Callable[..., Publisher], until: Callable[..., None]
) -> None:
    """Being let in is no success where every session is cut at once: each costs the host 10 KB of his day."""
    broker, clients = cutting(b"")
    publisher = make_publisher(broker)
    publisher.start()
    until(lambda: len(clients) >= 3 and publisher.connector.failures >= 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "after",
    [
        b"\x30\x06\x00\x02\xff\xfexx",
        b"\x30\x02\xff\xff",
        b"\x30\x00",
        b"\x32\x03\x00\x01a",
        b"\x40\x00",
        b"\x90\x01x",
        b"\xf0\x01x",
        b"\x20\x00",
    ],
    ids=range(8),
)
def test_a_broker_whose_bytes_cannot_be_read_is_left(
    cutting: Any, make_publisher: Callable[..., Publisher], until: Callable[..., None], after: bytes
) -> None:
    """A topic that is no text, packets that contradict their length: the connection ends, the probe goes on."""
    broker, clients = cutting(after)
    publisher = make_publisher(broker)
    publisher.start()
    until(lambda: len(clients) >= 2)


@pytest.mark.slow
def test_a_new_connection_forgets_what_an_old_one_heard_of_the_collector(stage: Stage) -> None:
    """``offline`` heard from one broker must not hold the queue on another one that knows nothing of it."""
    stage.collector.say(online=False)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected and not publisher.collector_online, stage.collector)
    stage.broker.kill()
    stage.until(lambda: not publisher.connected)
    stage.fill(1)
    stage.broker.start()
    stage.collector.connect()
    stage.until(lambda: len(stage.collector.batches) >= 1, stage.collector)


@pytest.mark.slow
def test_a_clean_end_waits_a_moment_for_the_last_receipts(stage: Stage) -> None:
    """What goes out with the goodbye is forgotten when the collector has it, and kept when it does not answer."""
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: "ready" in stage.collector.states, stage.collector)
    stage.fill(2)
    publisher.part()
    stage.until(lambda: len(stage.collector.batches) >= 2, stage.collector)
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=2))
    stage.until(lambda: publisher.parted and "disconnected" in stage.collector.states, stage.collector)
    assert stage.spool.count() == 0
    again = stage.publisher(entry(stage.broker))
    again.start()
    stage.until(lambda: stage.collector.states.count("ready") == 2, stage.collector)
    stage.fill(1)
    again.part()
    stage.until(lambda: again.parted and stage.collector.states.count("disconnected") == 2, stage.collector)
    assert stage.spool.count() == 1


def test_what_the_line_carries_is_more_than_what_we_say(stage: Stage) -> None:
    """Handshake, headers and acknowledgements are counted, over one connection after the other."""
    stage.fill(3)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: len(stage.collector.batches) >= 3, stage.collector)
    sent, received = publisher.crossed()
    assert sent > publisher.counters.sent_bytes + 3 * 52
    assert received > 3 * 52
    stage.broker.kill()
    stage.until(lambda: not publisher.connected)
    assert publisher.crossed() >= (sent, received)


def test_a_day_that_is_spent_keeps_results_here(stage: Stage) -> None:
    """Results wait, then the probe signs off with a state that is no loss; the next day it comes back and delivers."""
    stage.fill(2)
    stage.budget.left = 10
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected, stage.collector)
    publisher.tick()
    assert stage.collector.batches == []
    assert publisher.counters.sent_batches == 0
    stage.budget.left = 0
    publisher.poke()
    stage.until(lambda: not publisher.connected, stage.collector)
    publisher.tick()
    assert (publisher.connector.busy, publisher.trouble) == (False, None)
    assert publisher.pause() == pytest.approx(1.0, abs=0.2)
    assert len(stage.spool.rows(0, 10)) == 2
    stage.budget.left = 1_000_000
    publisher.poke()
    stage.until(lambda: len(stage.collector.batches) >= 2, stage.collector)


@pytest.mark.slow
def test_a_batch_costs_no_more_than_the_model_says(stage: Stage) -> None:
    """The collector reckons with ``profiles.BATCH``: counted at a broker, with TLS records and IPv6 added."""
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected and publisher.settled, stage.collector)
    before, frames, batches = sum(publisher.crossed()), 0, 10
    for number in range(1, batches + 1):
        stage.fill(1, at=1000.0 + number)
        frames += len(stage.spool.rows(0, 1)[0].frame)
        publisher.poke()
        stage.until(lambda wanted=number: len(stage.collector.batches) == wanted, stage.collector)
        stage.collector.receipt(Receipt(stream=stage.spool.stream, through=number))
        stage.until(lambda: not stage.spool.rows(0, 1), stage.collector)
    around = (sum(publisher.crossed()) - before - frames) / batches
    records, segments = 4, 8
    assert 300 < around < profiles.BATCH - records * 22 - segments * 20


def test_a_receipt_bounds_the_time_on_both_sides(stage: Stage) -> None:
    """It was signed after the batch went out that it is the first to cover: the clock is checked by that round trip."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: stage.collector.sequences == [1, 2], stage.collector)
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=1, at=time.time()))  # noqa: TID251 - a collector's clock
    stage.until(lambda: (stage.clock.checked or 99.0) < 10.0, stage.collector)
    assert publisher.take().count(Greeted()) == 1


@pytest.mark.slow
def test_every_state_is_proved(stage: Stage) -> None:
    """Session, stream and the lowest row still held are under our seal, the last will included, in order within it."""
    stage.fill(3)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected and len(stage.collector.batches) == 3, stage.collector)
    stage.collector.receipt(Receipt(stream=stage.spool.stream, through=2))
    stage.until(lambda: stage.spool.count() == 1, stage.collector)
    publisher.announce(Lifecycle.READY)
    stage.until(lambda: len(stage.collector.proofs) == 2, stage.collector)
    publisher.close()
    stage.until(lambda: len(stage.collector.proofs) == 3, stage.collector)
    assert [(one.kind, one.sequence, one.oldest) for one in stage.collector.proofs] == [
        (Kind.STATE, 1, 1),
        (Kind.STATE, 2, 3),
        (Kind.STATE, 0, 1),
    ]
    assert {(one.stream, one.session) for one in stage.collector.proofs} == {(stage.spool.stream, publisher.session)}


def test_health_says_what_is_still_held(stage: Stage) -> None:
    """Each report tells under its seal what was given up: a receipt need not wait for the next batch."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: publisher.connected, stage.collector)
    stage.spool.forget(Receipt(stream=stage.spool.stream, through=1))
    publisher.health(Health(at=1.0))
    stage.until(lambda: any(one.kind is Kind.HEALTH for one in stage.collector.batches), stage.collector)
    told = next(one for one in stage.collector.batches if one.kind is Kind.HEALTH)
    assert (told.stream, told.session, told.oldest) == (stage.spool.stream, publisher.session, 2)


def test_a_receipt_from_before_the_card_was_put_back_covers_nothing(stage: Stage) -> None:
    """It names numbers that this spool never gave out: a new stream begins, and what waits is delivered in it."""
    stage.fill(2)
    publisher = stage.publisher(entry(stage.broker))
    publisher.start()
    stage.until(lambda: stage.collector.sequences == [1, 2], stage.collector)
    old = stage.spool.stream
    stage.collector.receipt(Receipt(stream=old, through=7))
    stage.until(lambda: stage.spool.stream != old, stage.collector)
    assert stage.spool.count() == 2
