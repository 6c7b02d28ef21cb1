"""Steps over TCP: the time they take, and how they end."""

import pytest

from balise_agent.experiments.steps import (
    Close,
    Closed,
    Connect,
    Connected,
    Failed,
    Handshake,
    Inject,
    Injected,
    Receive,
    Received,
    Secured,
    Send,
    Sent,
)
from balise_lab.field.network import Effect, Host, Page
from balise_lab.field.network.field import Session
from balise_wire.failures import Failure
from tests.lab.field.network.playing import SERVICE, Bed

GET = f"GET / HTTP/1.1\r\nHost: {SERVICE}\r\n\r\n".encode()


def opened(bed: Bed, port: int = 443) -> tuple[Session, int]:
    """Connect and return the session and the handle."""
    session = bed.accesses["p1"].session()
    reply = bed.reply(session, Connect(address=bed.world.addresses_of(SERVICE)[0], port=port, timeout=8.0))
    assert isinstance(reply, Connected)
    return session, reply.handle


def test_a_syn_that_is_lost_is_sent_again() -> None:
    """After one second, as kernels do; a server that begins to answer meanwhile is reached."""
    bed = Bed([Effect(kind="line.loss", loss=0.45)], seed=4)
    took = []
    for _ in range(30):
        session = bed.accesses["p1"].session()
        reply = bed.reply(session, Connect(address=bed.world.addresses_of(SERVICE)[0], port=443, timeout=8.0))
        took.append(round(reply.elapsed_ms / 1000.0) if isinstance(reply, Connected) else 8)
    assert set(took) == {0, 1, 3, 7, 8}


def test_reads_end_where_they_are_asked_to() -> None:
    """At ``most``, at a mark, at the end of the stream; what is left is read next."""
    bed = Bed(hosts=[Host(name=SERVICE, pages={"/": Page(body="0123456789")}, https=False)])
    session, handle = opened(bed, 80)
    assert isinstance(bed.reply(session, Send(handle=handle, data=GET)), Sent)

    def receive(**more: object) -> Received:
        reply = bed.reply(session, Receive(handle=handle, timeout=8.0, **more))  # type: ignore[arg-type]
        assert isinstance(reply, Received)
        return reply

    assert receive(most=9_000, until=b"\r\n\r\n").data.endswith(b"\r\n\r\n")
    assert receive(most=4).data == b"0123"
    last = receive(most=100)
    assert (last.data, last.eof) == (b"456789", True)
    assert last.first_byte_ms == pytest.approx(0.0, abs=0.001)


def test_a_failed_connection_is_gone() -> None:
    """Steps on it are told so, as by the agent's own net layer."""
    bed = Bed([Effect(kind="sni.rst", hosts=(SERVICE,))])
    session, handle = opened(bed)
    failed = bed.reply(session, Handshake(handle=handle, sni=SERVICE, timeout=8.0))
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.CONNECTION_RESET
    again = bed.reply(session, Send(handle=handle, data=GET))
    assert isinstance(again, Failed)
    assert again.failure is Failure.CONNECTION_ABORTED


@pytest.mark.parametrize(
    ("tls", "old", "secured"), [("old", False, False), ("old", True, True), ("modern", False, True)]
)
def test_old_servers_want_an_old_hello(tls: str, old: bool, secured: bool) -> None:
    """TLS 1.0 alone: alert 70 to a modern hello."""
    bed = Bed(hosts=[Host(name=SERVICE, tls=tls)])
    session, handle = opened(bed)
    reply = bed.reply(session, Handshake(handle=handle, sni=SERVICE, timeout=8.0, old=old))
    assert isinstance(reply, Secured) is secured
    if isinstance(reply, Failed):
        assert (reply.failure, reply.detail) == (Failure.TLS_ALERT, "alert 70")


def test_a_line_that_dies_takes_its_connections_along() -> None:
    """What stood when the line went down hears nothing more."""
    bed = Bed([Effect(kind="line.down", at=10.0)])
    session, handle = opened(bed, 80)
    bed.clock.true += 20.0
    bed.reply(session, Send(handle=handle, data=GET))
    reply = bed.reply(session, Receive(handle=handle, most=10, timeout=8.0))
    assert isinstance(reply, Failed)
    assert reply.failure is Failure.GENERIC_TIMEOUT


def test_a_close_listens_and_ends_in_order() -> None:
    """A stream that was read to its end is closed with FIN, one with unread bytes with a reset."""
    bed = Bed()
    session, handle = opened(bed, 80)
    bed.reply(session, Send(handle=handle, data=GET))
    bed.reply(session, Receive(handle=handle, most=9_000, timeout=8.0))
    read = bed.reply(session, Close(handle=handle, linger=0.3))
    assert isinstance(read, Closed)
    assert [packet.flags for packet in read.packets if packet.direction == "out"][-1] == "FA"
    session, handle = opened(bed, 80)
    bed.reply(session, Send(handle=handle, data=GET))
    bed.reply(session, Receive(handle=handle, most=5, timeout=8.0))
    unread = bed.reply(session, Close(handle=handle, linger=0.3))
    assert isinstance(unread, Closed)
    assert [packet.flags for packet in unread.packets if packet.direction == "out"][-1] == "RA"


def test_a_copy_with_a_short_life_dies_on_the_way() -> None:
    """``Inject``: the router at its last hop says so."""
    bed = Bed()
    session, handle = opened(bed)
    reply = bed.reply(session, Inject(handle=handle, payload=b"x", ttl=3, window=1.0))
    assert isinstance(reply, Injected)
    assert [packet.icmp for packet in reply.packets] == ["", "11/0"]
