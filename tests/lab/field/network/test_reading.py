"""What is read of a client's first bytes."""

import pytest

from balise_agent.codec.clienthello import client_hello
from balise_agent.experiments.http.codec import request
from balise_lab.field.network.reading import Shown, shown
from balise_wire.experiments.http import HttpParameters


@pytest.mark.parametrize("name", ["a.example", "pbs.twimg.com", None])
@pytest.mark.parametrize("seed", range(5))
def test_the_name_in_a_real_hello(name: str | None, seed: int) -> None:
    """Whatever the order of the extensions."""
    assert shown(client_hello(name, seed)) == Shown("tls", name)


def test_the_name_in_a_real_request() -> None:
    """Host without its port, path, and how much is asked for."""
    data = request(HttpParameters(path="/a?b", port=8080, fetch_bytes=100), "a.example")
    assert shown(data) == Shown("http", "a.example", "/a?b", 100)


@pytest.mark.parametrize("data", [b"", b"\x16", b"\x16\x03\x01", b"SSH-2.0-x", b"GET", bytes(40)])
def test_anything_else_is_nothing(data: bytes) -> None:
    """Bytes that are cut or of another protocol show no name."""
    assert shown(data).name is None
