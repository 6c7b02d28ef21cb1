"""Whether a server answers: one attempt."""

import socket

from balise_lab.world.reachable import listens, resolves


def test_a_port_listens_or_does_not() -> None:
    """Nothing is sent."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        assert not listens(*server.getsockname())
        server.listen()
        assert listens(*server.getsockname())


def test_a_silent_resolver_does_not_answer() -> None:
    """Within a fraction of a second it is told so."""
    assert not resolves("127.0.0.1", "control.lab")
