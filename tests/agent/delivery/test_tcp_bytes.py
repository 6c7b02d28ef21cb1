"""What the kernel counts on a connection is what the line carried."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest

from balise_agent.delivery.tcp_bytes import Traffic, counted


@pytest.fixture
def pair() -> contextlib.ExitStack:
    """Return a stack that closes what a test opens."""
    return contextlib.ExitStack()


def connect(stack: contextlib.ExitStack, traffic: Traffic) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection over loopback, ours followed from before its first packet."""
    door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    ours = stack.enter_context(socket.socket())
    traffic.follow(ours)
    ours.connect(door.getsockname())
    theirs, _ = door.accept()
    return ours, stack.enter_context(theirs)


def test_headers_of_every_segment_are_counted(pair: contextlib.ExitStack) -> None:
    """1,000 bytes out and 500 in cost more than that, and less than a kilobyte more each way."""
    traffic = Traffic()
    with pair as stack:
        ours, theirs = connect(stack, traffic)
        shaken = traffic.crossed()
        ours.sendall(b"x" * 1_000)
        assert theirs.recv(1_000, socket.MSG_WAITALL)
        theirs.sendall(b"y" * 500)
        assert ours.recv(2_000)
        sent, received = traffic.crossed()
        assert shaken[0] >= 2 * 52
        assert 1_052 <= sent - shaken[0] < 2_000
        assert 552 <= received - shaken[1] < 1_500
        assert not traffic.blind
        traffic.settle()


def test_a_connection_that_others_closed_is_still_counted(pair: contextlib.ExitStack) -> None:
    """MQTT and TLS close their socket first; nothing is lost, the sum goes on, and the other side sees the end."""
    traffic = Traffic()
    with pair as stack:
        ours, theirs = connect(stack, traffic)
        ours.sendall(b"x" * 1_000)
        before = traffic.crossed()
        ours.close()
        traffic.settle()
        after = traffic.crossed()
        assert after[0] >= before[0]
        assert traffic.crossed() == after
        theirs.settimeout(5.0)
        assert len(theirs.recv(4_096)) == 1_000
        assert theirs.recv(1) == b""
        connect(stack, traffic)
        assert traffic.crossed()[0] > after[0]
        traffic.settle()


def test_the_kernels_figures_are_read_where_they_stand() -> None:
    """linux/tcp.h: queued bytes count as gone, repeats are in bytes_sent, a header is added for each segment."""
    info = bytearray(232)
    struct.pack_into("=QQIII", info, 120, 1, 2_000, 10, 20, 300)
    struct.pack_into("=Q", info, 200, 4_000)
    assert counted(bytes(info), 52) == (4_000 + 300 + 520, 2_000 + 1_040)


def test_a_socket_that_tells_nothing_is_said_to() -> None:
    """There somebody else has to estimate."""
    traffic = Traffic()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        traffic.follow(ours)
        assert traffic.crossed() == (0, 0)
        assert traffic.blind
        traffic.settle()


def test_a_connection_that_carries_everything_has_not_stalled(pair: contextlib.ExitStack) -> None:
    """Standing is an acknowledged SYN; a stall needs large data that was repeated and never acknowledged."""
    traffic = Traffic()
    assert (traffic.stood(), traffic.stalled()) == (False, False)
    with pair as stack:
        lonely = stack.enter_context(socket.socket())
        traffic.follow(lonely)
        assert (traffic.stood(), traffic.stalled()) == (False, False)
        ours, theirs = connect(stack, traffic)
        assert (traffic.stood(), traffic.stalled()) == (True, False)
        ours.sendall(b"x" * 100_000)
        assert theirs.recv(100_000, socket.MSG_WAITALL)
        assert not traffic.stalled()
        ours.close()
        assert (traffic.stood(), traffic.stalled()) == (True, False)
        traffic.settle()
