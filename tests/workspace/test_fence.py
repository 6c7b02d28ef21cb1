"""The fence of tests/conftest.py: a test that dials out fails, whatever answers."""

import socket
from collections.abc import Callable

import pytest


def dial_tcp() -> None:
    """Connect to a documentation address (RFC 5737)."""
    with socket.socket() as outside:
        outside.connect(("192.0.2.1", 80))


def dial_tcp_quietly() -> None:
    """Connect without an exception, as an event loop does."""
    with socket.socket(socket.AF_INET6) as outside:
        outside.connect_ex(("2001:db8::1", 80))


def send_udp() -> None:
    """Send a datagram, with flags between payload and address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.sendto(b"x", 0, ("192.0.2.1", 53))


def ask_a_resolver() -> None:
    """Resolve a name that nobody may own (RFC 6761)."""
    socket.getaddrinfo("balise.invalid", 80)  # noqa: TID251 - the fence against it is what is tested


@pytest.mark.parametrize("dial", [dial_tcp, dial_tcp_quietly, send_udp, ask_a_resolver])
def test_a_test_that_dials_out_fails(dial: Callable[[], None]) -> None:
    """Tests never leave the machine, so that they say the same everywhere."""
    with pytest.raises(pytest.fail.Exception, match="a test"):
        dial()


def test_loopback_is_free() -> None:
    """A server and its client may meet on 127.0.0.1."""
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        accepted.close()
